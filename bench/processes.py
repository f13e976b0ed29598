"""What benchmarks start beside themselves: contenders, each in a process of its own, and pip.

In: a command. Out: what its last line says, as JSON; or a package that is installed.
"""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab.errors import LabError


def run_bound(command: Sequence[object], cores: int | None, label: str, **environment: str) -> Any:
    """The JSON of the last line that `command` prints, bound to so many cores (None: to none).

    LabError, under its `label`, where it fails.
    """
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        preexec_fn=None if cores is None else lambda: _bind(cores),
    )
    if done.returncode:
        raise LabError(f"{label} failed: {done.stderr.strip()[-500:]}")
    return json.loads(done.stdout.splitlines()[-1])


def pip_install(python: object, name: str, folder: Path, *arguments: object) -> None:
    """Run `pip install` for what is called `name` and goes into `folder`. LabError where it can't."""
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise LabError(f"{name} can't be installed into {folder}: {done.stderr.strip().splitlines()[-1]}")


def _bind(cores: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-cores:])
