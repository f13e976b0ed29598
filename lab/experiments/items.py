"""The same questions for all variants: the sample suite's items, made once from the baseline's held-out pages.

Each run makes the suite from its own dataset, so variants of the curation would be asked different things, and the
worst corpus the easiest. In: the baseline's experiment. Out: a folder of lm-eval tasks, which all variants have in
`evaluate.suites` in place of `sample`. Its name is a hash of all it is made of.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.evaluate.sample import make_sample, task_file
from lab.experiments.pipeline import Stage, keys, needed
from lab.experiments.repository import Repository

SAMPLE = "sample"
STAGE, OUTPUT = "dataset", "data/dataset"
CODE = ("lab/evaluate/held_out.py", "lab/evaluate/items.py", "lab/evaluate/sample.py", "lab/evaluate/tasks")


def folder_of(project: Repository, stages: Mapping[str, Stage], values: Mapping[str, Any], revision: str) -> Path:
    """Where the items of a baseline with these parameters lie, made or not."""
    before = needed(stages, [STAGE])
    code = [dep for stage in before for dep in stages[stage].code] + [path for path in CODE]
    listed = project.git("ls-tree", revision, "--", *sorted(set(code)))
    evaluate = values["evaluate"]
    own = [keys({stage: stages[stage] for stage in before}, values)[STAGE], evaluate["items"], evaluate["seed"], listed]
    key = hashlib.blake2b(json.dumps(own).encode(), digest_size=8).hexdigest()
    return project.root / ".lab" / "ablations" / f"items-{key}"


def suites(values: Mapping[str, Any], folder: Path) -> list[str] | None:
    """`evaluate.suites` with the folder in place of the sample suite; None where that is not asked for."""
    asked = list(values["evaluate"]["suites"])
    return [str(folder) if suite == SAMPLE else suite for suite in asked] if SAMPLE in asked else None


def make(files: Mapping[str, Path], folder: Path, count: int, seed: int) -> None:
    """Write the tasks. `files`: the dataset's, relative path -> file in DVC's cache."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        dataset, made = Path(temporary) / "dataset", Path(temporary) / "items"
        for path, cached in files.items():
            (dataset / path).parent.mkdir(parents=True, exist_ok=True)
            (dataset / path).symlink_to(cached)
        tasks, _ = make_sample(dataset, made, count, seed)
        for task in tasks:
            (made / f"{task}.yaml").write_text(_task(task, folder), "utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)


def _task(task: str, folder: Path) -> str:
    """The suite's task file, with the items of this folder."""
    lines = task_file(task).read_text("utf-8").splitlines()
    start = lines.index("dataset_kwargs:")
    end = next(number for number in range(start + 1, len(lines)) if not lines[number].startswith(" "))
    data = json.dumps(
        {"data_files": {"validation": str(folder / f"{task}.parquet")}, "cache_dir": str(folder / "cache")}
    )
    return "\n".join([*lines[:start], f"dataset_kwargs: {data}", *lines[end:]]) + "\n"
