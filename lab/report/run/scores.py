"""Scores: in, reports/evaluate.json and data/evaluate/<task>.jsonl (lm-eval's samples); out, bars and items.

A score is "above chance" by how many standard errors it lies over its task's chance level (lm-eval's own stderr).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import formatting as words
from lab.report.charts import Bar
from lab.report.run.collect import Run, read_lines

ITEMS_READ = 2000  # of a task's file
CONTINUATION = 220  # characters of an answer shown
PROMPT = 420  # characters of a prompt shown, the last ones
_NOT_METRICS = {"chance", "items", "version", "alias", "samples", "fewshot", "n"}
_RIGHT = ("acc", "exact_match", "acc_norm")


@dataclass(frozen=True)
class Score:
    """One metric of one task."""

    task: str
    metric: str
    value: float
    error: float | None  # one standard error
    chance: float | None
    items: int | None
    version: str

    @property
    def above(self) -> float | None:
        """Standard errors above chance; None where either is not known."""
        if self.chance is None or not self.error:
            return None
        return (self.value - self.chance) / self.error

    @property
    def share(self) -> bool:
        """A share of right answers (higher is better), as against bits, nats or perplexities (lower is better)."""
        return self.chance is not None or self.metric in _RIGHT or self.metric.startswith(("acc", "f1", "mcc"))


@dataclass(frozen=True)
class Overlap:
    """How much of a task stands in the train split, and a metric with and without those items."""

    task: str
    ngram: int | None  # words
    items: int | None
    overlapping: int | None
    covered: float | None  # mean share of an item's words that lie in a shared n-gram
    metric: str
    every: float | None
    clean: float | None
    error: float | None  # one standard error of `clean`


@dataclass(frozen=True)
class Item:
    """One question as the model saw it: its answers with their log-likelihoods, in nats, and which is right."""

    prompt: str
    answers: list[tuple[str, float | None, bool, bool]]  # text, log-likelihood, right, chosen by the model
    right: bool


def read_scores(run: Run) -> list[Score]:
    """All scores, in the order of the file."""
    return parse_scores(run.metrics.get("evaluate", {}).get("scores"))


def parse_scores(found: Any) -> list[Score]:
    """{task: {metric: value}} as the stage evaluate writes it; what is no number is left out."""
    scores = []
    for task, metrics in found.items() if isinstance(found, dict) else ():
        if not isinstance(metrics, dict):
            continue
        for metric, raw in metrics.items():
            value = words.number(raw)
            if value is None or metric.endswith("_stderr") or metric in _NOT_METRICS:
                continue
            main = metric in _RIGHT or metric.startswith("acc")
            scores.append(
                Score(
                    task=str(task),
                    metric=metric,
                    value=value,
                    error=words.number(metrics.get(f"{metric}_stderr")),
                    chance=words.number(metrics.get("chance")) if main else None,
                    items=_whole(metrics.get("items")),
                    version=words.clean(metrics.get("version", "")),
                )
            )
    return scores


def read_overlaps(run: Run) -> list[Overlap]:
    """What the stage contamination found, a row a task: its first metric stands for the others."""
    found = run.metrics.get("contamination", {}).get("tasks")
    rows = []
    for task, about in found.items() if isinstance(found, dict) else ():
        metric, values = next(iter(about.get("scores", {}).items()), ("", {}))
        every, clean = (values.get(which) or {} for which in ("all", "clean"))
        rows.append(
            Overlap(
                task=str(task),
                ngram=_whole(about.get("ngram")),
                items=_whole(about.get("items")),
                overlapping=_whole(about.get("overlapping")),
                covered=words.number(about.get("covered")),
                metric=metric,
                every=words.number(every.get("value")),
                clean=words.number(clean.get("value")),
                error=words.number(clean.get("error")),
            )
        )
    return rows


def bars(scores: list[Score]) -> list[Bar]:
    """Bars with error bars of two standard errors and chance marked."""
    several = {task for task, n in _counted(scores).items() if n > 1}
    found = []
    for score in scores:
        name = words.label(score.task) + (f" ({words.label(score.metric)})" if score.task in several else "")
        note = f"{name}: {score.value:.4g}"
        note += f" ± {score.error:.2g} (one standard error)" if score.error else ""
        note += f"; chance {score.chance:.3g}" if score.chance is not None else ""
        note += f"; {score.above:+.1f} standard errors from chance" if score.above is not None else ""
        found.append(Bar(name, score.value, 2 * score.error if score.error else None, score.chance, note))
    return found


def best_above_chance(scores: list[Score]) -> list[Score]:
    """The scores whose distance from chance is known, the surest first, one a task."""
    best: dict[str, Score] = {}
    for score in scores:
        if score.above is not None and (score.task not in best or score.above > (best[score.task].above or 0)):
            best[score.task] = score
    return sorted(best.values(), key=lambda score: (-(score.above or 0), score.task))


def read_items(data: Path, number: int) -> dict[str, dict[str, list[Item]]]:
    """Questions answered right and wrong, `number` of each, by task: the first ones of each file."""
    found: dict[str, dict[str, list[Item]]] = {}
    for path in sorted((data / "evaluate").glob("*.jsonl")):
        items = [item for row in read_lines(path, ITEMS_READ) if (item := _item(row)) is not None]
        right, wrong = ([item for item in items if item.right is kind][:number] for kind in (True, False))
        if right or wrong:
            found[path.stem] = {"right": right, "wrong": wrong}
    return found


def _item(row: Mapping[str, Any]) -> Item | None:
    """A sample as lm-eval logs it; None where it has no right and wrong (a rolling log-likelihood, say)."""
    verdict = next((value for name in _RIGHT if (value := words.number(row.get(name))) is not None), None)
    if verdict is None:
        return None
    pairs = _arguments(row.get("arguments"))
    likelihoods = [_likelihood(value) for value in _responses(row)]
    if len(likelihoods) != len(pairs):
        likelihoods = [None] * len(pairs)
    known = [value for value in likelihoods if value is not None]
    chosen = likelihoods.index(max(known)) if len(known) == len(pairs) and len(pairs) > 1 else None
    right = _target(row.get("target"), len(pairs))
    # Where the answers share no prompt (minimal pairs), the prompts are what differs.
    same = len({prompt for prompt, _ in pairs}) == 1
    answers = []
    for i, (prompt, answer) in enumerate(pairs):
        shown = answer if same else (prompt + answer)[-CONTINUATION:]
        answers.append((words.excerpt(shown, CONTINUATION), likelihoods[i], i == right, i == chosen))
    prompt = pairs[0][0] if pairs and same else ""
    shown = "… " + words.clean(prompt[-PROMPT:]) if len(prompt) > PROMPT else words.clean(prompt)
    return Item(shown, answers, verdict > 0)


def _arguments(value: Any) -> list[tuple[str, str]]:
    """(context, continuation) pairs: lists, or lm-eval's {"gen_args_0": {"arg_0": ..., "arg_1": ...}}."""
    rows = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    found = []
    for row in rows:
        parts = list(row.values()) if isinstance(row, dict) else list(row) if isinstance(row, (list, tuple)) else [row]
        parts = [str(part) if part is not None else "" for part in parts[:2]]
        found.append((parts[0], parts[1]) if len(parts) == 2 else ("", *(parts or [""])))
    return found


def _responses(row: Mapping[str, Any]) -> list[Any]:
    for name in ("filtered_resps", "resps"):
        if isinstance(row.get(name), list):
            return row[name]
    return []


def _likelihood(value: Any) -> float | None:
    """The log-likelihood in [[-1.2, true]], [-1.2, true], ["-1.2", "True"] or -1.2."""
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    try:
        return words.number(float(value))
    except (TypeError, ValueError):
        return None


def _target(value: Any, answers: int) -> int | None:
    text = str(value).strip()
    return int(text) if text.isdecimal() and int(text) < answers else None


def _counted(scores: list[Score]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for score in scores:
        counts[score.task] = counts.get(score.task, 0) + 1
    return counts


def _whole(value: Any) -> int | None:
    known = words.number(value)
    return None if known is None else int(known)
