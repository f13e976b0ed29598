"""What every stage script shares: check params.yaml, run, write reports/<name>.json, end in one line on an error."""

import errno
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lab import engine, params_yaml
from lab.errors import LabError
from lab.files import write_json

DATA = Path("data")
REPORTS = Path("reports")


def run(name: str, main: Callable[[params_yaml.Params], dict]) -> None:
    """Run a stage: `main` takes the parameters and returns the stage's metrics (JSON-able).

    Exit status: 1 on an error a user can act upon (one line on stderr; the traceback with LAB_DEBUG=1), 130 on Ctrl-C,
    143 where SIGTERM stopped a training.
    """
    started = time.monotonic()
    try:
        metrics = main(params_yaml.load(Path("params.yaml")))
        write_json(REPORTS / f"{name}.json", metrics)
        engine.clear(name)
        write_json(Path(".lab/timings") / f"{name}.json", {"seconds": round(time.monotonic() - started, 2)})
    except KeyboardInterrupt:
        _stop(130, f"{name}: interrupted. Finished work is kept: `dvc repro` goes on from here.")
    except LabError as error:
        _stop(error.status, f"{name}: {error}")
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        where = error.filename or Path.cwd()
        _stop(1, f"{name}: the disk is full ({where}). Free some space and run again; finished work is kept.")


def _stop(status: int, message: str) -> None:
    if os.environ.get("LAB_DEBUG"):
        raise
    print(f"error: {message}", file=sys.stderr)
    sys.exit(status)
