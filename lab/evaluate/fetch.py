"""python -m lab.evaluate.fetch FOLDER [SUITE…] [--models MODEL…]: download what an evaluation needs, to use offline.

FOLDER becomes a Hugging Face home (caches of files, prepared data sets and models), for evaluate.data_dir: with the
data of suites or tasks and the models of evaluate.models.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lab.errors import LabError


def main(arguments: list[str]) -> int:
    """Exit status."""
    parser = argparse.ArgumentParser(prog="python -m lab.evaluate.fetch", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("suites", nargs="*", help="as in evaluate.suites: gpt2, fineweb, lm-eval tasks, folders")
    parser.add_argument("--models", nargs="+", default=[], help="as in evaluate.models: gpt2, ...")
    options = parser.parse_args(arguments)
    if not (options.suites or options.models):
        parser.error("name a suite or a model to fetch")
    os.environ["HF_HOME"] = str(options.folder.absolute())  # lm-eval's libraries read it on import
    try:
        print(_fetch(options.suites, options.models), f"in {options.folder}. Set evaluate.data_dir to it.")
    except LabError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _fetch(suites: Sequence[str], models: Sequence[str]) -> str:
    """What was downloaded, for the last message."""
    from lab.evaluate.models import fetch_model
    from lab.evaluate.suites import load_tasks

    fetched = []
    if suites:
        with tempfile.TemporaryDirectory() as cache:
            fetched.append(f"{len(load_tasks(suites, [], Path(cache), Path(cache))['tasks'])} tasks' data")
    for name in models:
        fetch_model(name)
        fetched.append(name)
    return ", ".join(fetched) + (" are" if len(fetched) > 1 or suites else " is")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
