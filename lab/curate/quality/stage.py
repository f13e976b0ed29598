"""The quality stage: keeps documents that are prose worth learning from.

In: shards of documents. Out: shards of those that pass the filters of `quality.filters`, in that order, with C4's line
cleaning applied; by default FineWeb's filters in FineWeb's order (Penedo et al. 2024). Reasons are `filter:parameter`,
such as "gopher:min_words". What was measured of every document, kept or not, goes to `statistics/`
(lab/curate/quality/measured.py).
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow.compute as pc

from lab.curate.quality import BY_NAME, measured
from lab.curate.quality.params import FilterParams, QualityParams, for_language
from lab.curate.quality.thresholds import assess as assess_by
from lab.curate.text.text import Text
from lab.curate.text.words import splitter
from lab.documents import Document, Reason, RowWriter, read_table, sift, text_bytes
from lab.engine import run_stage
from lab.params import EngineParams


def run(source: Path, out: Path, params: QualityParams, engine: EngineParams) -> dict:
    """Filter every shard of `source` into `out`. EmptyCorpusError if nothing passes.

    `changed` of the result counts lines that C4 dropped from kept documents, as `c4:parameter`.
    """
    return run_stage("quality", _filter_shard, source, out, params, engine)


@dataclass
class Judgement:
    """What the filters find of a text.

    `text` is as they leave it; `reason` why it is refused, or None; `changed` how many of its parts went, by
    `filter:parameter`; `statistics` what was measured, by `filter.statistic`; `refused` why a filter refused it
    without measuring it, by column of the statistics.
    """

    text: str
    reason: Reason | None = None
    changed: dict[str, int] = field(default_factory=dict)
    statistics: dict[str, float] = field(default_factory=dict)
    refused: dict[str, Reason] = field(default_factory=dict)


def assess(text: str | Text, params: QualityParams, language: str | None = None) -> Judgement:
    """The verdict, and what every filter measures: also those after the first that refuses.

    Where C4 refuses the wording it cleans nothing, so that later filters have nothing to measure.
    """
    text = Text.of(text, language)
    filters: FilterParams = for_language(params, text.language)
    judgement = Judgement(text.text)
    for name in filters.filters:
        assessment = assess_by(BY_NAME[name], text, getattr(filters, name))
        judgement.statistics.update({f"{name}.{key}": value for key, value in assessment.statistics.items()})
        if assessment.reason and not judgement.reason:
            judgement.reason = Reason(f"{name}:{assessment.reason}", assessment.reason.detail)
        if assessment.refused:
            judgement.refused[f"{name}.refused"] = assessment.reason
            break
        judgement.changed.update({f"{name}:{parameter}": parts for parameter, parts in assessment.changed.items()})
        text = assessment.text
    judgement.text = text.text
    return judgement


def _filter_shard(path: Path, folder: Path, name: str, *, params: QualityParams) -> dict:
    # InputError where a language's segmenter is not installed: raised in `verdict`, it would only cost that document.
    for language in pc.unique(read_table(path, ["language"])["language"]).to_pylist():
        splitter(language)
    changed: Counter[str] = Counter()
    schema = measured.schema(params)
    unmeasured = dict.fromkeys(schema.names)

    def verdict(document: Document) -> tuple[Document, Reason | None]:
        judgement = Judgement(document.text, Reason("error"))
        try:
            judgement = assess(document.text, params, document.language)
        finally:  # a document that raises has its row too; `sift` removes it
            row = {"id": document.id, "language": document.language, "reason": judgement.reason}
            row["bytes"] = text_bytes(judgement.text)
            rows.write(unmeasured | row | judgement.refused | judgement.statistics)
        if judgement.reason:
            return document, judgement.reason
        changed.update(judgement.changed)
        return (document if judgement.text == document.text else replace(document, text=judgement.text)), None

    with RowWriter(folder / measured.FOLDER / f"{name}.parquet", schema) as rows:
        counts = sift(path, folder, name, verdict)
    counts.changed.update(changed)
    return counts.as_dict()
