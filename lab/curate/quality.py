"""The quality stage: documents less those that are not prose worth learning from.

In: shards of documents. Out: shards of those that pass Gopher's repetition filter, Gopher's quality filter, C4's and
FineWeb's own, in FineWeb's order (Penedo et al. 2024), with C4's line cleaning applied. Each filter can be switched off
and each of its rules loosened. Reasons are `filter:parameter`, such as "gopher:min_words".
"""

from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

from lab import engine
from lab.curate import c4, fineweb, gopher
from lab.curate.text import Text
from lab.documents import Counts, Document, Reason, shards, sift
from lab.params import EngineParams, QualityParams


def filter_documents(source: Path, out: Path, params: QualityParams, engine_params: EngineParams) -> Counts:
    """Filter every shard of `source` into `out`. EmptyCorpusError if nothing passes.

    `changed` of the result counts lines that C4's rules dropped from kept documents, as `c4:parameter`.
    """
    found = engine.run(
        "quality",
        partial(_filter_shard, params=params),
        {path.stem: path for path in shards(source)},
        engine=engine_params,
        params=params,
        out=out,
    )
    return Counts.total(shard.result for shard in found).require_output("quality")


def judge(
    text: str | Text, params: QualityParams, language: str | None = None
) -> tuple[str, Reason | None, dict[str, int]]:
    """The text as the filters leave it, why it is refused (or None), and how many lines went, by `c4:parameter`.

    `language` (ISO 639-1) decides how words are split.
    """
    text = Text.of(text, language)
    if params.repetition.enabled and (reason := gopher.repetition_reason(text, params.repetition)):
        return text.text, _named("repetition", reason), {}
    if params.gopher.enabled and (reason := gopher.quality_reason(text, params.gopher)):
        return text.text, _named("gopher", reason), {}
    dropped: dict[str, int] = {}
    if params.c4.enabled:
        cleaned = c4.clean(text, params.c4)
        if cleaned.reason:
            return text.text, _named("c4", cleaned.reason), {}
        text = cleaned.text
        dropped = {f"c4:{rule}": lines for rule, lines in cleaned.dropped.items()}
    if params.fineweb.enabled and (reason := fineweb.reason(text, params.fineweb)):
        return text.text, _named("fineweb", reason), {}
    return text.text, None, dropped


def _named(filter_name: str, reason: Reason) -> Reason:
    named = Reason(f"{filter_name}:{reason}")
    named.detail = reason.detail
    return named


def _filter_shard(path: Path, folder: Path, name: str, *, params: QualityParams) -> dict:
    changed: Counter[str] = Counter()

    def verdict(document: Document) -> tuple[Document, Reason | None]:
        text, reason, dropped = judge(document.text, params, document.language)
        changed.update(dropped)
        return (document if text == document.text else replace(document, text=text)), reason

    counts = sift(path, folder, name, verdict)
    for kind, lines in changed.items():
        counts.change(kind, lines)
    return counts.as_dict()
