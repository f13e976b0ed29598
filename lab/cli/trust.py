"""Which of the compared scores to trust: FineWeb's criteria (lab.evaluate.signal) as far as revisions tell of them.

In: Revisions. Out: a table. A revision is one seed, so noise over seeds takes `lab ablate`. How scores rise, and if
the order of models holds, is known where train.evaluate_every kept models on the way.
"""

from collections.abc import Sequence

import numpy as np

from lab import formatting as words
from lab.cli.comparison import Score, scores
from lab.cli.revisions import Revision
from lab.cli.tables import Table
from lab.evaluate import signal
from lab.evaluate.per_item import BITS

LEAST_ERRORS = 2.0  # standard errors above chance of a task that tells something


def trust_table(revisions: Sequence[Revision]) -> Table | None:
    """A row a task that all have; None where nothing can be told of any."""
    found = [scores(revision) for revision in revisions]
    rows = [
        _row(task, [of_one[task] for of_one in found], revisions)
        for task in found[0]
        if all(task in of_one and of_one[task].metric == found[0][task].metric for of_one in found)
    ]
    headings = ("task", "above chance (standard errors)", "monotonic", "same order", "weak")
    return Table("Which scores to trust", headings, tuple(rows)) if any(set(row[1:]) != {"–"} for row in rows) else None


def _row(task: str, known: list[Score], revisions: Sequence[Revision]) -> tuple[str, ...]:
    first = known[0]
    above = [(score.value - score.chance) / score.error for score in known if score.chance is not None and score.error]
    measured = signal.measure(
        task,
        np.array([[score.value] for score in known]),
        chance=None,  # in deviations over seeds, of which there is one
        higher_is_better=first.metric != BITS,
        checkpoints=_on_the_way(task, first.metric, revisions),
    )
    weak = measured.failures()
    if above and max(above) < LEAST_ERRORS:
        weak.append("not above chance")
    cells = (max(above) if above else None, measured.monotonicity, measured.order)
    shown = (words.NOTHING if cell is None else f"{cell:.2f}" for cell in cells)
    return words.label(task), *shown, ", ".join(weak) or words.NOTHING


def _on_the_way(task: str, metric: str, revisions: Sequence[Revision]) -> np.ndarray | None:
    """[checkpoints, revisions]; None where they were not all scored at the same steps."""
    steps, columns = [], []
    for revision in revisions:
        rows = revision.metrics["evaluate"].get("milestones") or []
        values = [words.number(row["scores"].get(task, {}).get(metric)) for row in rows]
        if not rows or None in values:
            return None
        steps.append([row.get("step") for row in rows])
        columns.append(values)
    return np.array(columns, dtype=float).T if all(own == steps[0] for own in steps) else None
