"""The parts of the page. In: a run, its parameters and the working tree; out, the values of each part's template."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from lab.evaluate.scores import higher_is_better
from lab.formatting import NOTHING, clean, count, decimal, excerpt, number, share, short
from lab.git import Revision, read_revision
from lab.params_yaml import Params
from lab.pipeline import FILTERING
from lab.report import charts
from lab.report.charts import Series, responsive
from lab.report.run import filters, funnel, reproduce, scores, tokens, truth
from lab.report.run.collect import Curve, Run, read_curve, read_lines
from lab.report.run.examples import Gallery, fit, gallery

EXAMPLES_OF_ITEMS = 3  # questions answered right, and as many answered wrong, per task
UNREADABLE = "The planted cases could not be read."
REWRITING = {"quality": "language", "pii": "dedup"}  # stages that change the text of what they keep: previous stage


@dataclass(frozen=True)
class Part:
    """A section of the page, of the template run/<name>.html.j2. `empty`: the values if its input is missing."""

    title: str
    make: Callable[[Run, Params, Path], dict]
    empty: dict[str, Any]


def _funnel(run: Run, params: Params, root: Path) -> dict:
    stages = funnel.stages(run)
    return {"funnel": stages, "funnel_picture": funnel.picture(stages) if stages else ""}


def _filters(run: Run, params: Params, root: Path) -> dict:
    return {
        "filters": filters.read_filters(run.data / "quality"),
        "language_scores": filters.read_language(run.data / "language", params.language),
        "filter_names": filters.TITLES,
    }


def _examples(run: Run, params: Params, root: Path) -> dict:
    def make(number: int) -> list[Gallery]:
        galleries = []
        for stage in FILTERING:
            before = run.data / REWRITING[stage] if stage in REWRITING else None
            galleries.append(gallery(stage, run.data / stage, number, params.report.example_characters, before))
        return [gallery for gallery in galleries if gallery]

    asked = params.report.examples
    galleries, number = fit(make, asked) if asked else ([], 0)
    return {"galleries": galleries, "shown_examples": number, "wanted_examples": asked}


def _planted(run: Run, params: Params, root: Path) -> dict:
    kinds = truth.confusion(run.data)
    if not kinds:
        source = params.crawl.source
        reason = f"The crawl's source is '{source}': only the sample crawl plants cases with known verdicts."
        if source == "sample":
            reason = "The crawl has left no truth.parquet: the stage crawl has not run."
        return {"planted_missing": reason}
    rows, bands = params.dedup.rows, params.dedup.bands
    promises = truth.promises(kinds, rows, bands)
    return {
        "kinds": kinds,
        "confusion": truth.as_metrics(kinds),
        "planted_total": sum(len(kind.cases) for kind in kinds),
        "planted_right": sum(kind.right for kind in kinds),
        "planted_wrong": [case for kind in kinds for case in kind.wrong],
        "promises": promises,
        "promise_picture": _promise_picture(promises, rows, bands) if promises else "",
        "promise": f"1 − (1 − s^{rows})^{bands}",
        "ngram": params.dedup.ngram,
    }


def _promise_picture(promises: list[truth.Promise], rows: int, bands: int) -> Markup:
    first = min(0.4, *(promise.similarity for promise in promises))
    steps = [first + (1 - first) * i / 60 for i in range(61)]
    curve = Series("promised", line=[(s, truth.promised(s, rows, bands)) for s in steps])
    dots = Series("caught", dots=[(p.similarity, p.caught / p.n) for p in promises])
    title = "Near-duplicate pairs caught, against MinHash's promise"
    axes = {"x": "Jaccard similarity", "y": "share caught", "start": first, "floor": 0.0}
    return responsive(title, charts.lines, [curve, dots], **axes)


def _tokens(run: Run, params: Params, root: Path) -> dict:
    statistics = tokens.read_tokens(run.data)
    facts = [
        ("vocabulary", count(statistics.vocabulary)),
        ("used in the train split", f"{count(statistics.used)} ({share(statistics.used, statistics.vocabulary)})"),
        ("used fewer than 10 times", count(statistics.rare)),
        ("stored as", statistics.dtype),
        ("tokenizer", statistics.tokenizer[:16] or NOTHING),
    ]
    per_token = run.get("tokenizer", "bytes_per_token")
    if number(per_token) is not None:
        facts.insert(0, ("bytes per token, held-out text", decimal(per_token)))
    if any(split.name == "train" and statistics.counted < split.tokens for split in statistics.splits):
        facts.append(("counted", f"the first {short(statistics.counted)} tokens"))
    drawing = ""
    if statistics.lengths:
        drawing = responsive("Documents by length", charts.columns, statistics.lengths, x="tokens", y="documents")
    return {"tokens": statistics, "token_facts": facts, "lengths_picture": drawing}


def _training(run: Run, params: Params, root: Path) -> dict:
    curve = read_curve(run.reports / "train" / "curve.csv")
    unigram = number(run.get("train", "unigram_entropy"))
    series = [Series("training loss", line=curve.loss)] if curve.loss else []
    series += [Series("validation loss", curve.validation_loss, curve.validation_loss)] if curve.validation_loss else []
    values: dict[str, Any] = {"curve": curve, "unigram": unigram}
    if series:
        levels = {"unigram entropy": unigram} if unigram is not None else {}
        values["loss_picture"] = responsive(
            "Loss against tokens", charts.lines, series, x="tokens", y="nats per token", levels=levels
        )
    if curve.learning_rate:
        rate = [Series("learning rate", line=curve.learning_rate)]
        values["rate_picture"] = responsive("Learning rate", charts.lines, rate, x="tokens", y="", floor=0.0)
    samples = [
        (clean(row.get("prompt")), excerpt(row.get("text"), 800))
        for path in sorted((run.data / "train").glob("samples*.jsonl"))
        for row in read_lines(path, 20)
        if row.get("text")
    ]
    return values | {"samples": samples}


def _scores(run: Run, params: Params, root: Path) -> dict:
    every = scores.scores_of(run)
    shares = [score for score in every if higher_is_better(score.metric)]
    losses = [score for score in every if not higher_is_better(score.metric)]
    axis = {"unit": "share right", "limit": 1.0}
    return {
        "scores": every,
        "models": scores.models_table(run),
        "overlaps": scores.read_overlaps(run),
        "questions": scores.read_questions(run.data, EXAMPLES_OF_ITEMS),
        "share_picture": responsive("Scores", charts.bars, scores.bars(shares), **axis) if shares else "",
        "loss_bars": responsive("Losses", charts.bars, scores.bars(losses), unit="", color=3) if losses else "",
    }


def _reproduce(run: Run, params: Params, root: Path) -> dict:
    values, defaults = (each.model_dump(mode="json", exclude={"engine"}) for each in (params, Params()))
    parameters = reproduce.parameters(values, defaults)
    return {
        "revision": read_revision(root),
        "command": reproduce.command(values, defaults),
        "hashes": reproduce.hashes(run.data),
        "versions": reproduce.versions(),
        "parameters": parameters,
        "changed": any(parameter.changed for parameter in parameters),
    }


NO_FILTERS: dict[str, Any] = {"filters": None, "language_scores": None, "filter_names": {}}
NO_EXAMPLES: dict[str, Any] = {"galleries": [], "shown_examples": 0, "wanted_examples": 0}
NO_CASES: dict[str, Any] = {
    "kinds": [],
    "confusion": {},
    "promises": [],
    "planted_wrong": [],
    "planted_missing": UNREADABLE,
}
NO_CURVE: dict[str, Any] = {"curve": Curve([], [], []), "unigram": None, "rate_picture": "", "samples": []}
NO_SCORES: dict[str, Any] = {
    "scores": [],
    "models": None,
    "overlaps": [],
    "questions": {},
    "share_picture": "",
    "loss_bars": "",
}
NO_SETTINGS: dict[str, Any] = {
    "revision": Revision(None, False),
    "command": "dvc repro",
    "hashes": {},
    "versions": {},
    "parameters": [],
    "changed": False,
}
PARTS = {
    "funnel": Part("Funnel", _funnel, {"funnel": [], "funnel_picture": ""}),
    "filters": Part("Filters", _filters, NO_FILTERS),
    "examples": Part("Documents", _examples, NO_EXAMPLES),
    "planted": Part("Planted cases", _planted, NO_CASES),
    "tokens": Part("Tokens", _tokens, {"tokens": None}),
    "training": Part("Training", _training, NO_CURVE),
    "scores": Part("Scores", _scores, NO_SCORES),
    "reproduce": Part("Reproduce", _reproduce, NO_SETTINGS),
}
