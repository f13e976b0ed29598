"""What a model would have to have seen to know an item: the question with its right answer, or a passage's whole text.

In: a task of lm-eval and what it logged of an item, or a row of data/evaluate/<task>.jsonl. Out: the text, without
the examples before a question, since those stand before all of a task's.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lm_eval.api.task import Task


def item_text(row: Mapping[str, Any]) -> str:
    """Of a row: its `text`, where the task had to be asked for it, else what stands in its arguments."""
    if "text" in row:
        return row["text"]
    arguments, target = row["arguments"], row.get("target")
    right = target if isinstance(target, int) and not isinstance(target, bool) else None
    if right is None and isinstance(target, str) and target.isdecimal():
        right = int(target)
    return "".join(arguments[right] if right is not None and right < len(arguments) else arguments[0])


def own_text(task: "Task", sample: Mapping[str, Any]) -> str | None:
    """By the task's own fields; None where it has none that tell (a passage; a task that is code)."""
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
        # Of several inputs the choices are the questions, and what follows is the same for all (WinoGrande).
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
