"""lm-eval's results -> the stage's metrics, and a row for each item.

In: what lm_eval.evaluator.evaluate returns. Out: {task: {metric, metric_stderr, chance, items, version}} and rows of
<task>.jsonl. lm-eval has no standard error for bits per byte and perplexities; lab.evaluate.scores has.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lab.evaluate.answers import chance_level, item_text
from lab.evaluate.scores import RATIOS, number, score_items

if TYPE_CHECKING:
    from lm_eval.api.task import Task

DIGITS = 6  # of scores
ITEM_DIGITS = 4  # of log-likelihoods: what two machines agree on


def read_results(results: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Scores of the groups that aggregate and of the tasks outside of such groups, in lm-eval's order."""
    samples, groups, children = results["samples"], results.get("groups", {}), results["group_subtasks"]
    inside = set().union(*(_members(group, children) for group in groups))
    scores = {}
    for task, values in results["results"].items():
        if task in inside or (task in children and task not in groups):
            continue
        answered = [sample for part in sorted({task, *_members(task, children)}) for sample in samples.get(part, [])]
        scores[task] = {
            **_metrics(task, values, samples.get(task, [])),
            "chance": _rounded(chance_level(answered)),
            "items": int(values.get("sample_len") or len(samples.get(task, []))),
            "version": results["versions"].get(task),
        }
    return scores


def item_row(sample: Mapping[str, Any], task: "Task") -> dict[str, Any]:
    """One item as JSON: which it is (`doc_hash`), what was asked, what the model answered, and its metrics.

    `text`: the question with its right answer, where the arguments alone do not tell (lab.evaluate.answers.item_text).
    """
    row = {name: sample[name] for name in ("doc_id", "doc_hash", "target")}
    row["arguments"] = [[str(part) for part in arguments[:2]] for arguments in sample["arguments"]]
    row["filtered_resps"] = sample["filtered_resps"]
    if sample.get("filter", "none") != "none":
        row["filter"] = sample["filter"]
    text = _text_by_task(task, sample)
    if text is not None and text != item_text(row):
        row["text"] = text
    row |= {metric: sample[metric] for metric in sample["metrics"]}
    return {name: _plain(value) for name, value in row.items()}


def _text_by_task(task: "Task", sample: Mapping[str, Any]) -> str | None:
    """The item's text (see `item_text`) by the task's fields, without the few-shot examples before the question.

    None where the fields do not tell: a passage, or a task that is code.
    """
    from lm_eval.api.task import ConfigurableTask

    if not isinstance(task, ConfigurableTask) or task.OUTPUT_TYPE == "loglikelihood_rolling":
        return None
    doc, between = sample["doc"], task.config.target_delimiter
    asked, answer = task.doc_to_text(doc), task.doc_to_target(doc)
    if task.OUTPUT_TYPE == "multiple_choice":
        choices = task.doc_to_choice(doc)
        place = _place(asked if task.multiple_input else answer, choices)
        if place is None:
            return None
        # Of several inputs the choices are the questions, and the same text follows each (WinoGrande).
        asked, answer = (choices[place], answer) if task.multiple_input else (asked, choices[place])
    if isinstance(answer, list):
        answer = answer[0] if answer else ""
    return f"{asked}{between}{answer}" if isinstance(asked, str) else None


def _place(right: Any, choices: list[str]) -> int | None:
    """Which choice is right, as lm-eval's `process_results` reads it; the first of several."""
    if isinstance(right, list):
        right = right[0] if right else None
    if isinstance(right, str):
        return choices.index(right) if right in choices else None
    return right if isinstance(right, int) and 0 <= right < len(choices) else None


def _metrics(task: str, values: Mapping[str, Any], samples: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    keys = [tuple(key.split(",", 1)) for key in values if "," in key and "_stderr," not in key]
    filters = {filtered for _, filtered in keys}
    metrics: dict[str, float | None] = {}
    for metric, filtered in keys:
        name = metric if len(filters) == 1 else f"{metric}_{filtered.replace('-', '_')}"
        error = values.get(f"{metric}_stderr,{filtered}")
        if metric in RATIOS and samples:
            score = score_items(task, metric, [sample for sample in samples if sample["filter"] == filtered])
            error = None if score is None else score.error
        metrics[name] = _rounded(values[f"{metric},{filtered}"])
        metrics[f"{name}_stderr"] = _rounded(error)
    return metrics


def _members(group: str, children: Mapping[str, Sequence[str]]) -> set[str]:
    members = set(children.get(group, ()))
    return members.union(*(_members(child, children) for child in members))


def _rounded(value: Any) -> float | None:
    known = number(value)
    return None if known is None else round(known, DIGITS)


def _plain(value: Any) -> Any:
    """JSON values only, numbers rounded."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, float):
        return round(value, ITEM_DIGITS)
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value if value is None or isinstance(value, int) else str(value)
