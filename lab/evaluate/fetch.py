"""python -m lab.evaluate.fetch FOLDER [SUITE…] [--models MODEL…]: download what an evaluation needs, to use offline.

FOLDER becomes a Hugging Face home (caches of files, prepared data sets and models), for evaluate.data_dir: with the
data of suites or tasks and the models of evaluate.models.
"""

import argparse
import os
import sys
import tempfile
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
    from lab.evaluate.models import fetch_model
    from lab.evaluate.suites import load_tasks

    fetched = list(options.models)
    try:
        if options.suites:
            with tempfile.TemporaryDirectory() as cache:
                tasks = load_tasks(options.suites, [], Path(cache), Path(cache))["tasks"]
            fetched.insert(0, f"{len(tasks)} tasks' data")
        for name in options.models:
            fetch_model(name)
    except LabError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    are = "are" if options.suites or len(fetched) > 1 else "is"
    print(f"{', '.join(fetched)} {are} in {options.folder}. Set evaluate.data_dir to it.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
