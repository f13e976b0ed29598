"""The head of the page: in, a run's metrics and parts; out, a few tiles and the pipeline with counts in its boxes."""

from dataclasses import dataclass
from math import log
from typing import Any

from markupsafe import Markup

from lab import formatting as words
from lab.params_yaml import Params
from lab.report.run import pipeline
from lab.report.run.collect import CURATION, Run
from lab.report.run.scores import best_above_chance

SURE = 2.0  # standard errors above chance


@dataclass(frozen=True)
class Tile:
    """One number of the headline."""

    name: str
    value: str
    note: str


def tiles(run: Run, params: Params, parts: dict[str, Any]) -> list[Tile]:
    """What was run and what came of it."""
    return [
        _source(run, params),
        _documents(run),
        _tokens(parts),
        _model(run, params),
        _loss(run, parts),
        _scores(parts),
    ]


def pictures(run: Run, params: Params) -> dict[str, Markup]:
    """The pipeline with what left each stage, wide and narrow."""
    lines = _lines(run, params)
    return {"pipeline_wide": pipeline.picture(lines), "pipeline_narrow": pipeline.picture(lines, columns=2)}


def _source(run: Run, params: Params) -> Tile:
    source = params.crawl.source
    known = {"sample": "Sample", "warc": "WARC files", "commoncrawl": params.crawl.dump}
    notes = {
        "sample": "a small web made on the spot",
        "warc": words.excerpt(", ".join(params.crawl.paths), 80),
        "commoncrawl": "Common Crawl",
    }
    first = run.counts("index")
    pages = f"; {words.count(first.documents_in)} responses" if first else ""
    return Tile("Crawl", known[source], notes[source] + pages)


def _documents(run: Run) -> Tile:
    known = [counts for stage in CURATION if (counts := run.counts(stage)) is not None]
    if not known:
        return Tile("Documents kept", words.NOTHING, "no stage has run")
    first, last = known[0], known[-1]
    note = f"{words.share(last.documents_out, first.documents_in)} of {words.count(first.documents_in)} pages"
    return Tile("Documents kept", words.count(last.documents_out), f"{note}; {words.size(last.bytes_out)} of text")


def _tokens(parts: dict[str, Any]) -> Tile:
    found = parts["tokens"]
    if not found:
        return Tile("Training tokens", words.NOTHING, "not tokenized yet")
    tokens = next((split.tokens for split in found.splits if split.name == "train"), 0)
    return Tile("Training tokens", words.short(tokens), f"vocabulary of {words.count(found.vocabulary)}")


def _model(run: Run, params: Params) -> Tile:
    size = run.get("train", "parameters", "model_parameters")
    seen = run.get("train", "tokens", "tokens_seen")
    note = f"preset {params.model.preset}" + (f"; saw {words.short(seen)} tokens" if words.number(seen) else "")
    return Tile("Model parameters", words.short(size), note)


def _loss(run: Run, parts: dict[str, Any]) -> Tile:
    points = parts["curve"].validation_loss
    loss = words.number(run.get("train", "validation_loss", "final_validation_loss"))
    loss = loss if loss is not None else (points[-1][1] if points else None)
    notes = []
    bits = words.number(run.get("train", "validation_bits_per_byte", "bits_per_byte"))
    if bits is None and loss is not None and (per_token := words.number(run.get("tokenizer", "bytes_per_token"))):
        bits = loss / log(2) / per_token
    if bits is not None:
        notes.append(f"{words.decimal(bits)} bits a byte")
    if parts["unigram"] is not None:
        notes.append(f"unigram entropy {words.decimal(parts['unigram'], 2)}")
    return Tile("Validation loss", words.decimal(loss), "; ".join(notes) or "nats a token")


def _scores(parts: dict[str, Any]) -> Tile:
    best = best_above_chance(parts["scores"])
    if not best:
        note = f"{len(parts['scores'])} scores, none with chance and error" if parts["scores"] else "not evaluated yet"
        return Tile("Above chance", words.NOTHING, note)
    sure = sum((score.above or 0) > SURE for score in best)
    first = best[0]
    surest = f"{words.label(first.task)} {first.value:.2f} (chance {first.chance:.2f})"
    note = f"tasks by over {SURE:.0f} standard errors; surest: {surest}"
    return Tile("Above chance", f"{sure} of {len(best)}", note)


def _lines(run: Run, params: Params) -> dict[str, str]:
    """A line for each box: what left the stage, or what it would do where it has not run."""
    lines = dict(pipeline.LINES)
    for stage in CURATION:
        if (left := run.documents(stage)) is not None:
            lines[stage] = f"{words.count(left)} {'records' if stage in ('index', 'url_filter') else 'documents'}"
    found = {
        "tokenizer": ("vocabulary of {}", run.get("tokenizer", "vocabulary")),
        "train": ("{} parameters", run.get("train", "parameters", "model_parameters")),
    }
    for stage, (line, value) in found.items():
        if words.number(value) is not None:
            lines[stage] = line.format(words.short(value))
    return lines
