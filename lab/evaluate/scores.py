"""What a score is: metrics, their order and direction, chance levels and standard errors.

In: reports/evaluate.json as the stage writes it ({task: {metric, metric_stderr, chance, items, version}}), or rows of
data/evaluate/<task>.jsonl. Out: Scores. The report, `lab compare`, ablations and tracking all read scores here.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

ACCURACIES = ("acc", "exact_match", "acc_norm")
BITS = "bits_per_byte"
# The first of these that a task has is compared across models. Unlike perplexities, none depends on the tokenizer.
COMPARED = (*ACCURACIES, "f1", BITS)
RATIOS = {BITS, "byte_perplexity", "word_perplexity"}  # items are (log-likelihood, bytes or words)
PERPLEXITY = "perplexity"  # items are log-likelihoods of answers (LAMBADA)
LN2 = math.log(2)

_SHARES = ("acc", "exact_match", "f1", "mcc")  # prefixes: lm-eval's filters and variants add to the names
_GUESSABLE = ("acc", "exact_match")
_NOT_METRICS = {"chance", "items", "version"}  # of a task
_NOT_ITEM_METRICS = {"doc_id", "doc_hash", "target", "arguments", "filtered_resps", "filter", "text"}


@dataclass(frozen=True)
class Score:
    """One metric of one task."""

    task: str
    metric: str
    value: float  # a share of right answers (0 to 1), bits per byte, or a perplexity
    error: float | None  # one standard error
    chance: float | None = None  # the value that guessing gives; None where there is nothing to choose from
    items: int | None = None
    version: str = ""

    @property
    def above_chance(self) -> float | None:
        """Standard errors above chance; None where either is unknown."""
        if self.chance is None or not self.error:
            return None
        return (self.value - self.chance) / self.error


def higher_is_better(metric: str) -> bool:
    """True for shares of right answers, False for losses (bits per byte, perplexities)."""
    return metric.startswith(_SHARES)


def number(value: Any) -> float | None:
    """A finite number as a float; None for anything else."""
    known = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if known else None


def amount(value: float, metric: str, sign: str = "") -> str:
    """A value or difference for people: shares in per cent, losses to three digits. `sign`: "+" always shows it."""
    return f"{100 * value:{sign}.1f}" if higher_is_better(metric) else f"{value:{sign}.3f}"


def read_scores(tasks: Any) -> list[Score]:
    """The scores of {task: {metric: value}}, in the order of the file. What is no number is left out."""
    scores = []
    for task, values in tasks.items() if isinstance(tasks, Mapping) else ():
        for metric in values if isinstance(values, Mapping) else ():
            value, items = number(values[metric]), number(values.get("items"))
            if value is not None and metric not in _NOT_METRICS and not metric.endswith("_stderr"):
                scores.append(
                    Score(
                        task=str(task),
                        metric=metric,
                        value=value,
                        error=number(values.get(f"{metric}_stderr")),
                        chance=number(values.get("chance")) if metric.startswith(_GUESSABLE) else None,
                        items=None if items is None else int(items),
                        version="" if values.get("version") is None else str(values["version"]),
                    )
                )
    return scores


def compared_scores(scores: Iterable[Score]) -> dict[str, Score]:
    """The score of each task that comparisons use (COMPARED); tasks without one are left out."""
    by_task: dict[str, list[Score]] = {}
    for score in scores:
        if score.metric in COMPARED:
            by_task.setdefault(score.task, []).append(score)
    return {task: min(of_task, key=lambda score: COMPARED.index(score.metric)) for task, of_task in by_task.items()}


def first_scores(scores: Iterable[Score]) -> dict[str, Score]:
    """The first score of each task: tables of many runs have room for one."""
    firsts: dict[str, Score] = {}
    for score in scores:
        firsts.setdefault(score.task, score)
    return firsts


def headlines(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """reports/scores.json: the first score of each task, and those of other models under `models` if there are any."""

    def headline(model: Mapping[str, Any]) -> dict[str, Any]:
        return {task: score.value for task, score in first_scores(read_scores(model["scores"])).items()}

    others = {name: headline(model) for name, model in metrics.get("models", {}).items()}
    return headline(metrics) | ({"models": others} if others else {})


def milestone_curve(metrics: Mapping[str, Any], task: str, metric: str) -> list[tuple[int, float]]:
    """(step, score) at the steps that train.evaluate_every keeps; empty where one of them has no such score."""
    rows = metrics.get("milestones") or []
    curve = [(row["step"], number(row["scores"].get(task, {}).get(metric))) for row in rows]
    known = [(step, value) for step, value in curve if value is not None]
    return known if len(known) == len(curve) else []


def item_metrics(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The metrics that items have: numbers, or (log-likelihood, bytes or words) pairs.

    Metrics that are neither a mean nor a ratio over the items, such as Matthews's correlation, are left out.
    """
    first = rows[0] if rows else {}
    return [name for name, value in first.items() if name not in _NOT_ITEM_METRICS and _is_item_metric(name, value)]


def score_items(task: str, metric: str, rows: Sequence[Mapping[str, Any]]) -> Score | None:
    """lm-eval's value of a metric over these items, with its standard error; None without items.

    Pairs give a ratio of sums: bits per byte where the metric is that, else a perplexity. The standard error of a ratio
    is the linearised one (Cochran 1977, section 6.4), that of a perplexity follows by the delta method.
    """
    if not rows:
        return None
    values = np.asarray([row[metric] for row in rows], np.float64)
    count = len(values)
    if values.ndim == 2:
        above, below = values.T
        mean = float(above.sum() / below.sum())
        rests = above - mean * below
        error = float(math.sqrt(count / (count - 1) * (rests**2).sum()) / below.sum()) if count > 1 else None
    else:
        mean = float(values.mean())
        error = float(values.std(ddof=1) / math.sqrt(count)) if count > 1 else None
    if values.ndim == 2 and metric == BITS:
        mean, error = -mean / LN2, error and error / LN2
    elif values.ndim == 2 or metric == PERPLEXITY:
        mean, error = math.exp(-mean), error and error * math.exp(-mean)
    return Score(task, metric, mean, error, items=count)


def _is_item_metric(name: str, value: Any) -> bool:
    if isinstance(value, list):
        return name in RATIOS and len(value) == 2 and all(isinstance(part, int | float) for part in value)
    return isinstance(value, bool | int | float)
