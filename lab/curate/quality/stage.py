"""The quality stage: documents less those that are not prose worth learning from.

In: shards of documents. Out: shards of those that pass Gopher's repetition filter, Gopher's quality filter, C4's and
FineWeb's own, in FineWeb's order (Penedo et al. 2024), with C4's line cleaning applied. Each filter can be switched off
and each of its rules loosened. Reasons are `filter:parameter`, such as "gopher:min_words". What was measured of every
document, kept or not, goes to `statistics/` (lab/curate/quality/measured.py).
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from lab import engine
from lab.curate.quality import c4, fineweb, gopher
from lab.curate.quality import measured as statistics
from lab.curate.quality import thresholds as rules
from lab.curate.quality.languages import for_language, load_segmenters
from lab.curate.text.text import Text
from lab.documents import Counts, Document, Reason, RowWriter, shards, sift, text_bytes
from lab.params import EngineParams, FilterParams, QualityParams


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


@dataclass
class Judgement:
    """What the filters find of a text.

    `text` is as they leave it; `reason` why it is refused, or None; `dropped` how many lines went, by `c4:parameter`;
    `statistics` what was measured, by `filter.statistic`; `refused` why C4 refused its wording, whatever `reason` is.
    """

    text: str
    reason: Reason | None = None
    dropped: dict[str, int] = field(default_factory=dict)
    statistics: dict[str, float] = field(default_factory=dict)
    refused: Reason | None = None

    def measure(self, name: str, found: dict[str, float], reason: Reason | None) -> None:
        """Note a filter's statistics and verdict; the first filter that refuses gives the reason."""
        self.statistics |= {f"{name}.{statistic}": value for statistic, value in found.items()}
        if reason and not self.reason:
            self.reason = _named(name, reason)


def judge(
    text: str | Text, params: QualityParams, language: str | None = None
) -> tuple[str, Reason | None, dict[str, int]]:
    """The text as the filters leave it, why it is refused (or None), and how many lines went, by `c4:parameter`.

    A refused text comes back as it was. `language` (ISO 639-1) decides how words are split, and which thresholds and
    stop words hold.
    """
    text = Text.of(text, language)
    found = assess(text, params)
    return (text.text, found.reason, {}) if found.reason else (found.text, None, found.dropped)


def assess(text: str | Text, params: QualityParams, language: str | None = None) -> Judgement:
    """The verdict, and what every filter that is on measures: also those behind the first that refuses.

    Where C4 refuses the wording it cleans nothing, so that FineWeb's filter has nothing to measure.
    """
    text = Text.of(text, language)
    return _assess(text, for_language(params, text.language))


def _assess(text: Text, params: FilterParams) -> Judgement:
    found = Judgement(text.text)
    if params.repetition.enabled:
        measured = gopher.repetition_statistics(text, params.repetition)
        found.measure("repetition", measured, rules.first_broken(measured, rules.repetition(params.repetition)))
    if params.gopher.enabled:
        measured = gopher.quality_statistics(text, params.gopher)
        found.measure("gopher", measured, rules.first_broken(measured, rules.gopher(params.gopher)))
    if params.c4.enabled:
        cleaned = c4.clean(text, params.c4)
        found.measure("c4", cleaned.statistics, cleaned.reason)
        if cleaned.refused:
            found.refused = cleaned.reason
            return found
        text = cleaned.text
        found.text = text.text
        found.dropped = {f"c4:{rule}": lines for rule, lines in cleaned.dropped.items()}
    if params.fineweb.enabled:
        measured = fineweb.statistics(text, params.fineweb)
        found.measure("fineweb", measured, rules.first_broken(measured, rules.fineweb(params.fineweb)))
    return found


def _named(filter_name: str, reason: Reason) -> Reason:
    named = Reason(f"{filter_name}:{reason}")
    named.detail = reason.detail
    return named


def _filter_shard(path: Path, folder: Path, name: str, *, params: QualityParams) -> dict:
    load_segmenters(path)
    changed: Counter[str] = Counter()
    schema = statistics.schema(params)
    unmeasured = dict.fromkeys(schema.names)

    def verdict(document: Document) -> tuple[Document, Reason | None]:
        found = Judgement(document.text, Reason("error"))
        try:
            found = assess(document.text, params, document.language)
        finally:  # a document that raises has its row too; `sift` removes it
            row = {"id": document.id, "language": document.language, "reason": found.reason}
            row |= {"c4.refused": found.refused, "bytes": text_bytes(found.text)}
            measured.write(unmeasured | row | found.statistics)
        if found.reason:
            return document, found.reason
        changed.update(found.dropped)
        return (document if found.text == document.text else replace(document, text=found.text)), None

    with RowWriter(folder / statistics.FOLDER / f"{name}.parquet", schema) as measured:
        counts = sift(path, folder, name, verdict)
    for kind, lines in changed.items():
        counts.change(kind, lines)
    return counts.as_dict()
