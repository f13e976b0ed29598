"""python -m lab.evaluate.fetch FOLDER SUITE…: download the data sets of suites or tasks, for use without a net.

FOLDER becomes what evaluate.data_dir names: a Hugging Face home (its caches of files and of prepared data sets).
"""

import os
import sys
import tempfile
from pathlib import Path

from lab.errors import LabError


def main(arguments: list[str]) -> int:
    """Exit status."""
    if len(arguments) < 2 or arguments[0].startswith("-"):
        print(__doc__)
        return 2
    folder, *suites = arguments
    os.environ["HF_HOME"] = str(Path(folder).absolute())  # read when lm-eval's libraries are imported
    from lab.evaluate.suites import load_tasks

    try:
        with tempfile.TemporaryDirectory() as cache:
            loaded = load_tasks(suites, [], Path(cache), Path(cache))
    except LabError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{len(loaded['tasks'])} tasks' data are in {folder}. Set evaluate.data_dir to it.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
