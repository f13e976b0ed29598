"""The head of the page. In: a run's metrics and parts; out, a few tiles and the pipeline with counts in its boxes."""

from dataclasses import dataclass
from math import log
from typing import Any

from markupsafe import Markup

from lab.formatting import NOTHING, count, decimal, excerpt, label, number, share, short, size
from lab.params_yaml import Params
from lab.pipeline import FILTERING
from lab.report.run import picture
from lab.report.run.collect import Run
from lab.report.run.scores import best_above_chance

SURE = 2.0  # standard errors above chance


@dataclass(frozen=True)
class Tile:
    """One number of the headline."""

    name: str
    value: str
    note: str


def tiles(run: Run, params: Params, parts: dict[str, Any]) -> list[Tile]:
    """What was run, and the results."""
    return [
        _source(run, params),
        _documents(run),
        _tokens(parts),
        _model(run, params),
        _loss(run, parts),
        _scores(parts),
    ]


def pictures(run: Run) -> dict[str, Markup]:
    """The pipeline with the output of each stage, wide and narrow."""
    lines = _lines(run)
    return {"pipeline_wide": picture.picture(lines), "pipeline_narrow": picture.picture(lines, columns=2)}


def _source(run: Run, params: Params) -> Tile:
    source = params.crawl.source
    names = {"sample": "Sample", "warc": "WARC files", "commoncrawl": params.crawl.dump}
    notes = {
        "sample": "a small synthetic web",
        "warc": excerpt(", ".join(params.crawl.paths), 80),
        "commoncrawl": "Common Crawl",
    }
    first = run.counts("index")
    pages = f"; {count(first.documents_in)} responses" if first else ""
    return Tile("Crawl", names[source], notes[source] + pages)


def _documents(run: Run) -> Tile:
    stages = [counts for stage in FILTERING if (counts := run.counts(stage)) is not None]
    if not stages:
        return Tile("Documents kept", NOTHING, "no stage has run")
    first, last = stages[0], stages[-1]
    note = f"{share(last.documents_out, first.documents_in)} of {count(first.documents_in)} pages"
    return Tile("Documents kept", count(last.documents_out), f"{note}; {size(last.bytes_out)} of text")


def _tokens(parts: dict[str, Any]) -> Tile:
    statistics = parts.get("tokens")
    if not statistics:
        return Tile("Training tokens", NOTHING, "not tokenized yet")
    tokens = next((split.tokens for split in statistics.splits if split.name == "train"), 0)
    return Tile("Training tokens", short(tokens), f"vocabulary of {count(statistics.vocabulary)}")


def _model(run: Run, params: Params) -> Tile:
    parameters = run.get("train", "parameters", "model_parameters")
    seen = run.get("train", "tokens", "tokens_seen")
    note = f"preset {params.model.preset}" + (f"; saw {short(seen)} tokens" if number(seen) else "")
    return Tile("Model parameters", short(parameters), note)


def _loss(run: Run, parts: dict[str, Any]) -> Tile:
    points = parts["curve"].validation_loss if "curve" in parts else []
    loss = number(run.get("train", "validation_loss", "final_validation_loss"))
    loss = loss if loss is not None else (points[-1][1] if points else None)
    notes = []
    bits = number(run.get("train", "validation_bits_per_byte", "bits_per_byte"))
    if bits is None and loss is not None and (per_token := number(run.get("tokenizer", "bytes_per_token"))):
        bits = loss / log(2) / per_token
    if bits is not None:
        notes.append(f"{decimal(bits)} bits per byte")
    if parts.get("unigram") is not None:
        notes.append(f"unigram entropy {decimal(parts['unigram'], 2)}")
    return Tile("Validation loss", decimal(loss), "; ".join(notes) or "nats per token")


def _scores(parts: dict[str, Any]) -> Tile:
    best = best_above_chance(parts.get("scores", []))
    if not best:
        known = len(parts.get("scores", []))
        return Tile("Above chance", NOTHING, f"no chance level for {known} scores" if known else "not evaluated yet")
    sure = sum((score.above_chance or 0) > SURE for score in best)
    first = best[0]
    surest = f"{label(first.task)} {first.value:.2f} (chance {first.chance:.2f})"
    note = f"tasks, by more than {SURE:.0f} standard errors; surest: {surest}"
    return Tile("Above chance", f"{sure} of {len(best)}", note)


def _lines(run: Run) -> dict[str, str]:
    """Lines for the boxes of stages that have run: what came out."""
    lines = {}
    for stage in FILTERING:
        if (counts := run.counts(stage)) is not None:
            what = "records" if stage in ("index", "url_filter") else "documents"
            lines[stage] = f"{count(counts.documents_out)} {what}"
    values = {
        "tokenizer": ("vocabulary of {}", run.get("tokenizer", "vocabulary")),
        "train": ("{} parameters", run.get("train", "parameters", "model_parameters")),
    }
    return lines | {
        stage: line.format(short(value)) for stage, (line, value) in values.items() if number(value) is not None
    }
