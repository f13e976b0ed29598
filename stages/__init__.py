"""Runs a stage: check params.yaml, call the stage's function, write reports/<name>.json; one line on an error.

This package knows params.yaml and DVC's folder reports/, so that lab/ need not.
"""

import errno
import os
import sys
import time
from importlib import import_module
from pathlib import Path

from lab import engine, params_yaml
from lab.errors import LabError
from lab.files import write_json
from lab.pipeline import Stage, stage_named

REPORTS = Path("reports")


def run(name: str) -> None:
    """Run the stage of a name in the current folder, the project's root.

    Exits with 1 on an error that a user can act upon (one line on stderr; with LAB_DEBUG=1 the traceback), 130 on
    Ctrl-C, 143 where SIGTERM ended a training.
    """
    started = time.monotonic()
    try:
        write_json(REPORTS / f"{name}.json", _call(stage_named(name)))
        engine.clear(name)
        write_json(Path(".lab/timings") / f"{name}.json", {"seconds": round(time.monotonic() - started, 2)})
    except KeyboardInterrupt:
        _exit(130, f"{name}: interrupted. Finished work is kept: `dvc repro` goes on from here.")
    except LabError as error:
        _exit(error.status, f"{name}: {error}")
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        place = error.filename or Path.cwd()
        _exit(1, f"{name}: the disk is full ({place}). Free some space and run again; finished work is kept.")


def _call(stage: Stage) -> dict:
    params = params_yaml.load(Path("params.yaml"))
    module, function = stage.function.split(":")
    sources = [Path(stage_named(source).out) for source in stage.reads]
    section = params if stage.whole_params else getattr(params, stage.name)
    return getattr(import_module(module), function)(*sources, Path(stage.out), section, params.engine)


def _exit(status: int, message: str) -> None:
    if os.environ.get("LAB_DEBUG"):
        raise
    print(f"error: {message}", file=sys.stderr)
    sys.exit(status)
