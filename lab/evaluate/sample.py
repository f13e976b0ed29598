"""The suite `sample`: tasks made from held-out pages and the town, so that any corpus can be scored without a net.

In: a dataset folder. Out: <folder>/<task>.parquet with items, and the names of the tasks of lab/evaluate/tasks that
have items. The same dataset, seed and number give the same bytes.
"""

from pathlib import Path

import pyarrow as pa

from lab.documents import RowWriter
from lab.errors import EmptyCorpusError
from lab.evaluate.held_out import read_pages
from lab.evaluate.items import make_items

TASKS = Path(__file__).parent / "tasks"
PAGES_PER_ITEM = 2  # read of each sort, because not every page gives an item

_TEXT = pa.string()
CHOICE = pa.schema(
    [("text", _TEXT), ("choices", pa.list_(_TEXT)), ("answer", pa.int64()), ("kind", _TEXT), ("url", _TEXT)]
)
PASSAGE = pa.schema([("text", _TEXT), ("url", _TEXT)])


def make_sample(dataset: Path, folder: Path, count: int, seed: int) -> tuple[list[str], dict[str, str]]:
    """Write at most `count` items of each task into `folder`; returns (tasks, reason for each that is left out).

    EmptyCorpusError where no task has items.
    """
    tasks, left_out = make_items(read_pages(dataset, PAGES_PER_ITEM * count, seed), count, seed)
    if not tasks:
        raise EmptyCorpusError(
            "evaluate: the validation split has too little text for any task of the suite 'sample'. Raise "
            "dataset.validation_share, curate more text, or choose other tasks in evaluate.suites."
        )
    for task, rows in tasks.items():
        with RowWriter(folder / f"{task}.parquet", CHOICE if "choices" in rows[0] else PASSAGE) as file:
            for row in rows:
                file.write(row)
    return list(tasks), left_out


def task_file(task: str) -> Path:
    """The lm-eval task file of one of the suite's tasks."""
    return TASKS / f"{task}.yaml"
