"""Processes that benchmarks start: contenders, bound to some cores, and pip.

In: a command. Out: its last line, read as JSON; or an installed package.
"""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab.errors import LabError


def run_bound(command: Sequence[object], cores: int | None, label: str, **environment: str) -> Any:
    """Run `command` on `cores` cores (None: all); returns the last line that it prints, read as JSON.

    Raises LabError with `label` if it fails.
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
    """Run `pip install` with `arguments`. Raises LabError, which names `name` and `folder`, if it fails."""
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise LabError(f"{name} can't be installed into {folder}: {done.stderr.strip().splitlines()[-1]}")


def _bind(cores: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-cores:])
