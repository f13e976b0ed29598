"""The same questions for all variants: the sample suite's items, made once from the baseline's held-out pages.

Else variants of the curation would get different questions, and the worst corpus the easiest. In: the baseline's
experiment. Out: a folder of lm-eval tasks, named by a hash, which replaces `sample` in `evaluate.suites`.
"""

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.evaluate.sample import make_sample, task_file
from lab.experiments.graph import DvcStage, keys, needed
from lab.experiments.repository import Repository

SAMPLE = "sample"
STAGE, OUTPUT = "dataset", "data/dataset"
CODE = ("lab/evaluate/held_out.py", "lab/evaluate/sample.py", "lab/evaluate/tasks")


def folder_of(project: Repository, stages: Mapping[str, DvcStage], values: Mapping[str, Any]) -> Path:
    """The folder for the items of a baseline with these parameters, whether it exists or not."""
    before = needed(stages, [STAGE])
    code = {dep for stage in before.values() for dep in stage.code} | set(CODE)
    tree = project.git("ls-tree", "HEAD", "--", *sorted(code))
    parts = [keys(before, values)[STAGE], values["evaluate"]["items"], values["evaluate"]["seed"], tree]
    key = hashlib.blake2b(json.dumps(parts).encode(), digest_size=8).hexdigest()
    return project.root / ".lab" / "ablations" / f"items-{key}"


def suites(values: Mapping[str, Any], folder: Path) -> list[str] | None:
    """`evaluate.suites` with the folder instead of the sample suite; None if the sample suite is not in it."""
    names = list(values["evaluate"]["suites"])
    return [str(folder) if name == SAMPLE else name for name in names] if SAMPLE in names else None


def make(files: Mapping[str, Path], folder: Path, count: int, seed: int) -> None:
    """Write the tasks into `folder`. `files`: the dataset's, relative path -> file in DVC's cache."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        dataset, tasks_folder = Path(temporary) / "dataset", Path(temporary) / "items"
        for path, cached in files.items():
            (dataset / path).parent.mkdir(parents=True, exist_ok=True)
            (dataset / path).symlink_to(cached)
        tasks, _ = make_sample(dataset, tasks_folder, count, seed)
        for task in tasks:
            (tasks_folder / f"{task}.yaml").write_text(_task(task, folder), "utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        tasks_folder.rename(folder)


def _task(task: str, folder: Path) -> str:
    """The suite's task file, reading the items of `folder`."""
    files = {"validation": str(folder / f"{task}.parquet")}
    data = json.dumps({"data_files": files, "cache_dir": str(folder / "cache")})
    text = task_file(task).read_text("utf-8")
    return re.sub(r"(?m)^dataset_kwargs:\n(?: .*\n)+", lambda _: f"dataset_kwargs: {data}\n", text)
