"""What each part of the page shows: in, a run, its parameters and the working tree; out, the template's values.

`EMPTY` holds what a part shows when its input is missing.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from markupsafe import Markup

from lab import formatting as words
from lab.git import Revision, read_revision
from lab.params import Params
from lab.report import charts
from lab.report.charts import Series
from lab.report.run import filters, funnel, other_models, reproduce, scores, tokens, truth
from lab.report.run.collect import CURATION, Curve, Run, read_curve, read_lines
from lab.report.run.examples import Gallery, fit, gallery

EXAMPLES_OF_ITEMS = 3  # questions answered right, and as many answered wrong, for each task
UNREADABLE = "The planted cases could not be read."
REWRITING = {"quality": "language", "pii": "dedup"}  # stages that change the text of what they keep: stage before


def _funnel(run: Run, params: Params, root: Path) -> dict:
    found = funnel.stages(run)
    return {"funnel": found, "funnel_picture": funnel.picture(found) if found else ""}


def _filters(run: Run, params: Params, root: Path) -> dict:
    return {
        "filters": filters.read_filters(run.data / "quality"),
        "language_scores": filters.read_language(run.data / "language", params.language),
        "filter_names": filters.NAMES,
    }


def _examples(run: Run, params: Params, root: Path) -> dict:
    def make(number: int) -> list[Gallery]:
        found = []
        for stage in CURATION:
            before = run.data / REWRITING[stage] if stage in REWRITING else None
            made = gallery(stage, run.data / stage, number, params.report.example_characters, before)
            found += [made] if made else []
        return found

    wanted = params.report.examples
    galleries, shown = fit(make, wanted) if wanted else ([], 0)
    return {"galleries": galleries, "shown_examples": shown, "wanted_examples": wanted}


def _planted(run: Run, params: Params, root: Path) -> dict:
    kinds = truth.confusion(run.data)
    if not kinds:
        source = params.crawl.source
        why = f"The crawl's source is '{source}': only the sample crawl plants cases with known verdicts."
        if source == "sample":
            why = "The crawl has left no truth.parquet: the stage crawl has not run."
        return {"planted_missing": why}
    found = truth.promises(kinds, params.dedup.rows, params.dedup.bands)
    return {
        "kinds": kinds,
        "confusion": truth.as_metrics(kinds),
        "planted_total": sum(len(kind.cases) for kind in kinds),
        "planted_right": sum(kind.right for kind in kinds),
        "planted_wrong": [case for kind in kinds for case in kind.wrong],
        "promises": found,
        "promise_picture": _promise_picture(found, params.dedup.rows, params.dedup.bands) if found else "",
        "promise": f"1 − (1 − s^{params.dedup.rows})^{params.dedup.bands}",
        "ngram": params.dedup.ngram,
    }


def _promise_picture(found: list[truth.Promise], rows: int, bands: int) -> Markup:
    first = min(0.4, *(promise.similarity for promise in found))
    steps = [first + (1 - first) * i / 60 for i in range(61)]
    curve = Series("promised", [(s, truth.promised(s, rows, bands)) for s in steps])
    dots = Series("caught", [(p.similarity, p.caught / p.n) for p in found], dots=True, joined=False)
    title = "Near-duplicate pairs caught, against MinHash's promise"
    return charts.lines(title, [curve, dots], x="Jaccard similarity", y="share caught", start=first, floor=0.0)


def _tokens(run: Run, params: Params, root: Path) -> dict:
    found = tokens.read_tokens(run.data)
    facts = [
        ("vocabulary", words.count(found.vocabulary)),
        ("used in the train split", f"{words.count(found.used)} ({words.share(found.used, found.vocabulary)})"),
        ("used fewer than 10 times", words.count(found.rare)),
        ("stored as", found.dtype),
        ("tokenizer", found.tokenizer[:16] or words.NOTHING),
    ]
    per_token = run.get("tokenizer", "bytes_per_token")
    if words.number(per_token) is not None:
        facts.insert(0, ("bytes a token, held-out text", words.decimal(per_token)))
    if found.splits and found.counted < next((s.tokens for s in found.splits if s.name == "train"), found.counted):
        facts.append(("counted", f"the first {words.short(found.counted)} tokens"))
    drawn = charts.columns("Documents by length", found.lengths, x="tokens", y="documents") if found.lengths else ""
    return {"tokens": found, "token_facts": facts, "lengths_picture": drawn}


def _training(run: Run, params: Params, root: Path) -> dict:
    curve = read_curve(run.reports / "train" / "curve.csv")
    unigram = words.number(run.get("train", "unigram_entropy"))
    series = [Series("training loss", curve.loss)] if curve.loss else []
    series += [Series("validation loss", curve.validation_loss, dots=True)] if curve.validation_loss else []
    found: dict[str, Any] = {"curve": curve, "unigram": unigram}
    if series:
        levels = {"unigram entropy": unigram} if unigram is not None else {}
        found["loss_picture"] = charts.lines("Loss against tokens", series, x="tokens", y="nats a token", levels=levels)
    if curve.learning_rate:
        rate = [Series("learning rate", curve.learning_rate)]
        found["rate_picture"] = charts.lines("Learning rate", rate, x="tokens", y="", floor=0.0)
    samples = [
        (words.clean(row.get("prompt")), words.excerpt(row.get("text"), 800))
        for path in sorted((run.data / "train").glob("samples*.jsonl"))
        for row in read_lines(path, 20)
        if row.get("text")
    ]
    return found | {"samples": samples}


def _scores(run: Run, params: Params, root: Path) -> dict:
    found = scores.read_scores(run)
    shares = [score for score in found if score.share]
    losses = [score for score in found if not score.share]
    return {
        "scores": found,
        "beside": other_models.read_models(run),
        "overlaps": scores.read_overlaps(run),
        "items": scores.read_items(run.data, EXAMPLES_OF_ITEMS),
        "share_picture": charts.bars("Scores", scores.bars(shares), unit="share right", limit=1.0) if shares else "",
        "loss_bars": charts.bars("Losses", scores.bars(losses), unit="", color=3) if losses else "",
    }


def _reproduce(run: Run, params: Params, root: Path) -> dict:
    shown, defaults = (known.model_dump(mode="json", exclude={"engine"}) for known in (params, Params()))
    found = reproduce.parameters(shown, defaults)
    return {
        "revision": read_revision(root),
        "command": reproduce.command(shown, defaults),
        "hashes": reproduce.hashes(run.data),
        "versions": reproduce.versions(),
        "parameters": found,
        "changed": any(parameter.changed for parameter in found),
    }


PARTS: dict[str, Callable[[Run, Params, Path], dict]] = {
    "funnel": _funnel,
    "filters": _filters,
    "examples": _examples,
    "planted": _planted,
    "tokens": _tokens,
    "training": _training,
    "scores": _scores,
    "reproduce": _reproduce,
}
EMPTY: dict[str, dict] = {
    "funnel": {"funnel": [], "funnel_picture": ""},
    "filters": {"filters": None, "language_scores": None, "filter_names": {}},
    "examples": {"galleries": [], "shown_examples": 0, "wanted_examples": 0},
    "planted": {"kinds": [], "confusion": {}, "promises": [], "planted_wrong": [], "planted_missing": UNREADABLE},
    "tokens": {"tokens": None},
    "training": {"curve": Curve([], [], []), "unigram": None, "rate_picture": "", "samples": []},
    "scores": {"scores": [], "beside": None, "overlaps": [], "items": {}, "share_picture": "", "loss_bars": ""},
    "reproduce": {
        "revision": Revision(None, False),
        "command": "dvc repro",
        "hashes": {},
        "versions": {},
        "parameters": [],
        "changed": False,
    },
}
