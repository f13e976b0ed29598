"""The head of the page. In: a run's metrics and parts; out, a few tiles and the pipeline with counts in its boxes."""

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


Tile = tuple[str, str, str]  # name, value, note


def tiles(run: Run, params: Params, parts: dict[str, Any]) -> list[Tile]:
    """What was run, and the results."""
    data = [_source(run, params), _documents(run), _tokens(parts)]
    return [*data, _model(run, params), _loss(run, parts), _scores(parts)]


def pictures(run: Run) -> dict[str, Markup]:
    """The pipeline with the output of each stage, wide and narrow."""
    lines = _lines(run)
    return {"pipeline_wide": picture.picture(lines), "pipeline_narrow": picture.picture(lines, columns=2)}


def _source(run: Run, params: Params) -> Tile:
    name, note = {
        "sample": ("Sample", "a small synthetic web"),
        "warc": ("WARC files", excerpt(", ".join(params.crawl.paths), 80)),
        "commoncrawl": (params.crawl.dump, "Common Crawl"),
    }[params.crawl.source]
    first = run.counts("index")
    return "Crawl", name, note + (f"; {count(first.documents_in)} responses" if first else "")


def _documents(run: Run) -> Tile:
    stages = [counts for stage in FILTERING if (counts := run.counts(stage)) is not None]
    if not stages:
        return "Documents kept", NOTHING, "no stage has run"
    first, last = stages[0], stages[-1]
    note = f"{share(last.documents_out, first.documents_in)} of {count(first.documents_in)} pages"
    return "Documents kept", count(last.documents_out), f"{note}; {size(last.bytes_out)} of text"


def _tokens(parts: dict[str, Any]) -> Tile:
    statistics = parts.get("tokens")
    if not statistics:
        return "Training tokens", NOTHING, "not tokenized yet"
    tokens = next((split.tokens for split in statistics.splits if split.name == "train"), 0)
    return "Training tokens", short(tokens), f"vocabulary of {count(statistics.vocabulary)}"


def _model(run: Run, params: Params) -> Tile:
    parameters = run.get("train", "parameters", "model_parameters")
    seen = run.get("train", "tokens", "tokens_seen")
    note = f"preset {params.model.preset}" + (f"; saw {short(seen)} tokens" if number(seen) else "")
    return "Model parameters", short(parameters), note


def _loss(run: Run, parts: dict[str, Any]) -> Tile:
    loss = number(run.get("train", "validation_loss", "final_validation_loss"))
    if loss is None and "curve" in parts and parts["curve"].validation_loss:
        loss = parts["curve"].validation_loss[-1][1]
    bits = number(run.get("train", "validation_bits_per_byte", "bits_per_byte"))
    if bits is None and loss is not None and (per_token := number(run.get("tokenizer", "bytes_per_token"))):
        bits = loss / log(2) / per_token
    notes = [f"{decimal(bits)} bits per byte"] if bits is not None else []
    if parts.get("unigram") is not None:
        notes.append(f"unigram entropy {decimal(parts['unigram'], 2)}")
    return "Validation loss", decimal(loss), "; ".join(notes) or "nats per token"


def _scores(parts: dict[str, Any]) -> Tile:
    scores = parts.get("scores", [])
    best = best_above_chance(scores)
    if not best:
        note = f"no chance level for {len(scores)} scores" if scores else "not evaluated yet"
        return "Above chance", NOTHING, note
    sure = sum((score.above_chance or 0) > SURE for score in best)
    surest = f"{label(best[0].task)} {best[0].value:.2f} (chance {best[0].chance:.2f})"
    note = f"tasks, by more than {SURE:.0f} standard errors; surest: {surest}"
    return "Above chance", f"{sure} of {len(best)}", note


def _lines(run: Run) -> dict[str, str]:
    """Lines for the boxes of stages that have run: what came out."""
    lines = {}
    for stage in FILTERING:
        if (counts := run.counts(stage)) is not None:
            what = "records" if stage in ("index", "url_filter") else "documents"
            lines[stage] = f"{count(counts.documents_out)} {what}"
    if number(vocabulary := run.get("tokenizer", "vocabulary")) is not None:
        lines["tokenizer"] = f"vocabulary of {short(vocabulary)}"
    if number(parameters := run.get("train", "parameters", "model_parameters")) is not None:
        lines["train"] = f"{short(parameters)} parameters"
    return lines
