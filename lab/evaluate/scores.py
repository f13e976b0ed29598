"""lm-eval's results -> scores with standard errors and chance levels, and a row for each item.

In: what lm_eval.evaluator.evaluate returns. Out: {task: {metric, metric_stderr, chance, items, version}} and rows for
<task>.jsonl. lm-eval has no standard error for bits per byte and perplexities; ours is the linearised one of a ratio of
sums over texts (Cochran 1977, section 6.4).
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lab.evaluate.item_text import item_text, own_text
from lab.evaluate.metrics import RATIOS, score

if TYPE_CHECKING:
    from lm_eval.api.task import Task

NOT_SCORES = {"chance", "items", "version"}
DIGITS = 6  # of scores
ITEM_DIGITS = 4  # of log-likelihoods: what two machines agree on


def read_results(results: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Scores of the groups that aggregate and of the tasks outside of such groups, in lm-eval's order."""
    inside = set()
    for group in results.get("groups", {}):
        inside |= _members(group, results["group_subtasks"])
    found = {}
    for task, values in results["results"].items():
        if task in inside or (task in results["group_subtasks"] and task not in results.get("groups", {})):
            continue
        samples = results["samples"].get(task, [])
        found[task] = {
            **_metrics(values, samples),
            "chance": _chance(samples) if samples else _group_chance(task, results),
            "items": int(values.get("sample_len") or len(samples)),
            "version": results["versions"].get(task),
        }
    return found


def headline(scores: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Each task's first metric, the one that tables of many runs have room for."""
    firsts = {task: first_metric(values) for task, values in scores.items()}
    return {task: scores[task][metric] for task, metric in firsts.items() if metric is not None}


def first_metric(values: Mapping[str, Any]) -> str | None:
    """The name of a task's first metric; None where it has no value."""
    metrics = [name for name in values if name not in NOT_SCORES and not name.endswith("_stderr")]
    return metrics[0] if metrics and values[metrics[0]] is not None else None


def beside(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The headline scores of the stage's metrics; those of other models under `models`, where there are some."""
    others = {name: headline(of_model["scores"]) for name, of_model in metrics.get("models", {}).items()}
    return headline(metrics["scores"]) | ({"models": others} if others else {})


def item_row(sample: Mapping[str, Any], task: "Task") -> dict[str, Any]:
    """One item as JSON: which it is (`doc_hash`), what was asked, what the model answered, and its metrics.

    `text`: the question with its right answer, where the arguments alone don't tell (lab.evaluate.item_text).
    """
    row = {name: sample[name] for name in ("doc_id", "doc_hash", "target")}
    row["arguments"] = [[str(part) for part in arguments[:2]] for arguments in sample["arguments"]]
    row["filtered_resps"] = sample["filtered_resps"]
    if sample.get("filter", "none") != "none":
        row["filter"] = sample["filter"]
    text = own_text(task, sample)
    if text is not None and text != item_text(row):
        row["text"] = text
    row |= {metric: sample[metric] for metric in sample["metrics"]}
    return {name: _plain(value) for name, value in row.items()}


def _metrics(values: Mapping[str, Any], samples: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    keys = [key for key in values if "," in key and "_stderr," not in key]
    filters = {key.split(",")[1] for key in keys}
    found: dict[str, float | None] = {}
    for key in keys:
        metric, chosen = key.split(",", 1)
        name = metric if len(filters) == 1 else f"{metric}_{chosen.replace('-', '_')}"
        error = values.get(f"{metric}_stderr,{chosen}")
        if metric in RATIOS and samples:
            error = _ratio_error(metric, [sample[metric] for sample in samples if sample["filter"] == chosen])
        found[name] = _rounded(values[key])
        found[f"{name}_stderr"] = _rounded(error)
    return found


def _ratio_error(metric: str, items: Sequence[Sequence[float]]) -> float | None:
    found = score(metric, [{metric: list(item)} for item in items])
    return found and found.error


def _chance(samples: Sequence[Mapping[str, Any]]) -> float | None:
    """The share of right answers that guessing gives; None where there is nothing to choose from."""
    sizes = []
    for sample in samples:
        choices = len(sample["arguments"])
        if "acc_mutual_info" in sample["metrics"]:  # each choice is asked for twice, with and without the context
            choices //= 2
        sizes.append(choices)
    return _rounded(sum(1 / size for size in sizes) / len(sizes)) if sizes and min(sizes) > 1 else None


def _group_chance(group: str, results: Mapping[str, Any]) -> float | None:
    samples = [results["samples"].get(task, []) for task in sorted(_members(group, results["group_subtasks"]))]
    return _chance([sample for of_task in samples for sample in of_task])


def _members(group: str, children: Mapping[str, Sequence[str]]) -> set[str]:
    found = set(children.get(group, ()))
    return found.union(*(_members(child, children) for child in found))


def _rounded(value: Any) -> float | None:
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return round(float(value), DIGITS)


def _plain(value: Any) -> Any:
    """JSON values only, numbers rounded."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, float | np.floating):
        return round(float(value), ITEM_DIGITS)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(part) for part in value]
    return value if value is None else str(value)
