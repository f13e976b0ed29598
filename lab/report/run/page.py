"""The page. In: the folders data/ and reports/ of a run and its parameters; out, reports/index.html and some metrics.

Each part is made on its own and names what is missing, so a report can be made at any point of a run. The file is
complete: style, script and pictures are in it, and its content security policy forbids anything from outside. Web text
reaches the page only through Jinja's escaping.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
from markupsafe import Markup

from lab.errors import LabError
from lab.evaluate.scores import higher_is_better
from lab.files import written_whole
from lab.formatting import clean, excerpt, number
from lab.params import DedupParams, EngineParams
from lab.params_yaml import Params
from lab.pipeline import FILTERING
from lab.report import charts
from lab.report.charts import Series, responsive
from lab.report.document import render_page
from lab.report.run import filters, funnel, overview, reproduce, scores, tokens, truth
from lab.report.run.collect import Run, collect, read_curve, read_lines
from lab.report.run.examples import Gallery, fit, gallery

EXAMPLES_OF_ITEMS = 3  # questions answered right, and as many answered wrong, per task
REWRITING = {"quality": "language", "pii": "dedup"}  # stages that change the text of what they keep: previous stage


def run(
    evaluate: Path,
    dataset: Path,
    train: Path,
    tokenize: Path,
    tokenizer: Path,
    out: Path,
    params: Params,
    engine: EngineParams,
) -> dict:
    """Write the report of a run to `out`, reports/index.html, and return its metrics.

    The sources are outputs of stages, data/<stage>; whatever else lies in data/ and reports/ is shown too.
    """
    return write(out, evaluate.parent, out.parent, params, out.parent.parent)


def write(target: Path, data: Path, reports: Path, params: Params, root: Path) -> dict:
    """Write the report of a run to `target`, whole or not at all, and return its metrics.

    The page names the git revision of the working tree `root`. Missing and broken inputs are listed on the page and
    counted as `problems` in the metrics. Raises OSError if the page can't be written.
    """
    run = collect(data, reports)
    values: dict[str, Any] = reproduce.settings(params, root)
    for title, make in PARTS.values():
        values |= _attempt(title, make, run, params)
    values["tiles"] = overview.tiles(run, params, values)
    values |= overview.pictures(run)
    values |= {"title": "A pretraining run, from crawl to scores", "contents": tuple(CONTENTS.items()), "run": run}
    page = render_page("run/page.html.j2", **values)
    with written_whole(target) as temporary:
        temporary.write_bytes(page.encode("utf-8", "replace"))
    confusion = values.get("confusion", {})
    return {"problems": len(run.problems), "planted": _totals(confusion), "confusion": confusion}


def _totals(confusion: dict[str, dict]) -> dict[str, int]:
    """Planted pages, and those with the expected verdict: of all kinds, and of the certain ones."""
    kinds = list(confusion.values())
    sums = {"": kinds, "certain_": [kind for kind in kinds if kind["certain"]]}
    return {f"{which}{key}": sum(row[key] for row in rows) for which, rows in sums.items() for key in ("n", "right")}


def _attempt(title: str, make: Callable[[Run, Params], dict], run: Run, params: Params) -> dict:
    """The values of a part; if an input is missing or broken, nothing, and a line among the problems."""
    try:
        return make(run, params)
    except (LabError, OSError, pa.ArrowException) as error:
        run.problems.append(f"{title}: {error}")
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:  # metrics of another shape
        run.problems.append(f"{title}: its inputs can't be used ({type(error).__name__}: {error}).")
    return {}


def _funnel(run: Run, params: Params) -> dict:
    stages = funnel.stages(run)
    blacklist = run.get("url_filter", "blacklist")
    return {"funnel": stages, "funnel_picture": funnel.picture(stages) if stages else "", "blacklist": blacklist}


def _filters(run: Run, params: Params) -> dict:
    return {
        "filters": filters.read_filters(run.data / "quality"),
        "language_scores": filters.read_language(run.data / "language", params.language),
        "filter_names": filters.TITLES,
    }


def _examples(run: Run, params: Params) -> dict:
    asked, characters = params.report.examples, params.report.example_characters
    before = {stage: run.data / previous for stage, previous in REWRITING.items()}

    def make(number: int) -> list[Gallery]:
        every = [gallery(stage, run.data / stage, number, characters, before.get(stage)) for stage in FILTERING]
        return [gallery for gallery in every if gallery]

    galleries, number = fit(make, asked) if asked else ([], 0)
    return {"galleries": galleries, "shown_examples": number, "wanted_examples": asked}


def _planted(run: Run, params: Params) -> dict:
    kinds = truth.confusion(run.data)
    if not kinds:
        source = params.crawl.source
        reason = f"The crawl's source is '{source}': only the sample crawl plants cases with known verdicts."
        if source == "sample":
            reason = "The crawl has left no truth.parquet: the stage crawl has not run."
        return {"planted_missing": reason}
    promises = truth.promises(kinds, params.dedup.rows, params.dedup.bands)
    return {
        "kinds": kinds,
        "confusion": {kind.kind: kind.as_dict() for kind in kinds},
        "promises": promises,
        "promise_picture": _promise_picture(promises, params.dedup) if promises else "",
        "dedup": params.dedup,
    }


def _promise_picture(promises: list[truth.Promise], params: DedupParams) -> Markup:
    first = min(0.4, *(promise.similarity for promise in promises))
    steps = [first + (1 - first) * i / 60 for i in range(61)]
    curve = Series("promised", line=[(s, truth.promised(s, params.rows, params.bands)) for s in steps])
    dots = Series("caught", dots=[(p.similarity, p.caught / p.n) for p in promises])
    title = "Near-duplicate pairs caught, against MinHash's promise"
    axes = {"x": "Jaccard similarity", "y": "share caught", "start": first, "floor": 0.0}
    return responsive(title, charts.lines, [curve, dots], **axes)


def _tokens(run: Run, params: Params) -> dict:
    statistics = tokens.read_tokens(run.data)
    lengths = responsive("Documents by length", charts.columns, statistics.lengths, x="tokens", y="documents")
    bytes_per_token = number(run.get("tokenizer", "bytes_per_token"))
    return {"tokens": statistics, "bytes_per_token": bytes_per_token, "lengths_picture": lengths}


def _training(run: Run, params: Params) -> dict:
    curve = read_curve(run.reports / "train" / "curve.csv")
    unigram = number(run.get("train", "unigram_entropy"))
    losses = [Series("training loss", line=curve.loss)] if curve.loss else []
    losses += [Series("validation loss", curve.validation_loss, curve.validation_loss)] if curve.validation_loss else []
    rate = [Series("learning rate", line=curve.learning_rate)] if curve.learning_rate else []
    axes = {"x": "tokens", "y": "nats per token", "levels": {"unigram entropy": unigram} if unigram is not None else {}}
    samples = [
        (clean(row.get("prompt")), excerpt(row.get("text"), 800))
        for path in sorted((run.data / "train").glob("samples*.jsonl"))
        for row in read_lines(path, 20)
        if row.get("text")
    ]
    return {
        "curve": curve,
        "unigram": unigram,
        "loss_picture": responsive("Loss against tokens", charts.lines, losses, **axes),
        "rate_picture": responsive("Learning rate", charts.lines, rate, x="tokens", y="", floor=0.0),
        "samples": samples,
    }


def _scores(run: Run, params: Params) -> dict:
    every = scores.scores_of(run)
    shares = scores.bars([score for score in every if higher_is_better(score.metric)])
    losses = scores.bars([score for score in every if not higher_is_better(score.metric)])
    return {
        "scores": every,
        "models": scores.models_table(run),
        "overlaps": scores.read_overlaps(run),
        "questions": scores.read_questions(run.data, EXAMPLES_OF_ITEMS),
        "share_picture": responsive("Scores", charts.bars, shares, unit="share right", limit=1.0),
        "loss_bars": responsive("Losses", charts.bars, losses, unit="", color=3),
    }


PARTS = {  # sections: title, and what makes the values of run/<name>.html.j2, which also says what is missing
    "funnel": ("Funnel", _funnel),
    "filters": ("Filters", _filters),
    "examples": ("Documents", _examples),
    "planted": ("Planted cases", _planted),
    "tokens": ("Tokens", _tokens),
    "training": ("Training", _training),
    "scores": ("Scores", _scores),
    "reproduce": ("Reproduce", lambda run, params: {"hashes": reproduce.hashes(run.data)}),
}
CONTENTS = {"overview": "Overview"} | {name: title for name, (title, _) in PARTS.items()}
