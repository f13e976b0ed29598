"""What the quality stage measured of every document, as it is stored, and what other thresholds would remove.

In: shards `statistics/*.parquet`, a row per document in the order of the stage's input. Out: the reason that each would
be removed for, without its text. Columns:
- `id`, `language`, `reason` (null where kept)
- `<filter>.refused`, of a filter that changes the text: why it refused the text without measuring it; else null
- `bytes`: of the text (UTF-8) as the filters leave it: what a kept document hands on; by bytes per token, its tokens
- `<filter>.<statistic>`: float32, for each filter that runs (lab/curate/quality/thresholds.py). FineWeb's are of the
  text that C4 leaves. Null: it could not be measured, of a text without words or lines, or after a refusal.
"""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lab.curate.quality import BY_NAME
from lab.curate.quality.params import FilterParams, QualityParams, for_language
from lab.curate.quality.thresholds import changes_text
from lab.documents import shards
from lab.errors import InputError

FOLDER = "statistics"
_PARAMS = b"quality"  # of the schema's metadata: the parameters that the statistics were measured with
REFUSED = [f"{name}.refused" for name, module in BY_NAME.items() if changes_text(module)]  # columns


def schema(params: QualityParams) -> pa.Schema:
    """Of a shard of statistics measured with `params`, which its metadata hold."""
    names: dict[str, None] = {}  # in order
    for filters in (params, *(params.of(language) for language in sorted(params.languages))):
        for name, rules in filters.rules.items():
            names |= dict.fromkeys(f"{name}.{rule.statistic}" for rule in rules)
        for name in filters.filters:
            names |= dict.fromkeys(f"{name}.{statistic}" for statistic in getattr(filters, name).unlimited)
    text = [(name, pa.string()) for name in ("id", "language", "reason", *REFUSED)]
    columns = [*text, ("bytes", pa.int64()), *((name, pa.float32()) for name in names)]
    return pa.schema(columns, {_PARAMS: params.model_dump_json().encode()})


def read_params(folder: Path) -> QualityParams:
    """The parameters that a quality stage's statistics were measured with. InputError if this version reads none."""
    first = shards(folder / FOLDER)[0]
    try:
        return QualityParams.model_validate(json.loads(pq.read_schema(first).metadata[_PARAMS]))
    except (pa.ArrowException, OSError, TypeError, KeyError, ValueError) as error:
        problem = f"no statistics that this version reads ({str(error).splitlines()[0]})"
        raise InputError(f"{first}: {problem}. Run `dvc repro quality`.") from None


def reasons(table: pa.Table, params: QualityParams) -> list[str | None]:
    """Why each document of a shard of statistics would be removed with `params`, or None, as stage.assess finds it.

    `params` may differ from those of `read_params` in thresholds of what was measured, and in filters left out that
    don't change the text. Limits are compared as float32, like what is stored.
    """
    verdicts: list[str | None] = [None] * table.num_rows
    languages = table["language"].to_pylist()
    for language in dict.fromkeys(languages):
        places = [place for place, other in enumerate(languages) if other == language]
        judged = _reasons(table.take(places), for_language(params, language))
        for place, reason in zip(places, judged, strict=True):
            verdicts[place] = reason
    return verdicts


def _reasons(table: pa.Table, params: FilterParams) -> list[str | None]:
    labels: list[str | None] = [None]
    verdicts = np.zeros(table.num_rows, np.int32)  # index of a label

    def refuse(where: np.ndarray, label: str) -> None:
        if (where := where & (verdicts == 0)).any():
            verdicts[where] = len(labels)
            labels.append(label)

    refuse(np.array(table["reason"].to_pylist(), object) == "error", "error")
    for name, rules in params.rules.items():
        cleans = changes_text(BY_NAME[name])
        if cleans:
            refused = np.array(table[f"{name}.refused"].to_pylist(), object)
            for label in sorted({*refused} - {None}):
                refuse(refused == label, f"{name}:{label}")
        for rule in rules:
            values = table[f"{name}.{rule.statistic}"].to_numpy()  # NaN where null
            refuse(np.isnan(values), f"{name}:empty")
            if rule.limit is not None:
                limit = np.float32(rule.limit)
                refuse(values < limit if rule.least else values > limit, f"{name}:{rule.parameter}")
        if cleans:
            refuse(table["bytes"].to_numpy() == 0, f"{name}:empty")
    return [labels[index] for index in verdicts.tolist()]
