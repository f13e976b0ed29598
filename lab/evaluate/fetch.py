"""python -m lab.evaluate.fetch FOLDER [SUITE…] [--models MODEL…]: what an evaluation downloads, for use without a net.

FOLDER becomes what evaluate.data_dir names: a Hugging Face home (its caches of files, of prepared data sets and of
models), with the data of suites or tasks and the models of evaluate.models.
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
    parser.add_argument("suites", nargs="*", help="as evaluate.suites has them: gpt2, fineweb, lm-eval tasks, folders")
    parser.add_argument("--models", nargs="+", default=[], help="as evaluate.models has them: gpt2, ...")
    given = parser.parse_args(arguments)
    if not (given.suites or given.models):
        parser.error("name a suite or a model to fetch")
    os.environ["HF_HOME"] = str(given.folder.absolute())  # read when lm-eval's libraries are imported
    try:
        print(_fetched(given.suites, given.models), f"in {given.folder}. Set evaluate.data_dir to it.")
    except LabError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _fetched(suites: Sequence[str], models: Sequence[str]) -> str:
    from lab.evaluate.models import fetch_model
    from lab.evaluate.suites import load_tasks

    said = []
    if suites:
        with tempfile.TemporaryDirectory() as cache:
            said.append(f"{len(load_tasks(suites, [], Path(cache), Path(cache))['tasks'])} tasks' data")
    for name in models:
        fetch_model(name)
        said.append(name)
    return ", ".join(said) + (" are" if len(said) > 1 or suites else " is")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
