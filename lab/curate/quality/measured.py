"""Every judged document's statistics, as the quality stage stores them, and what other thresholds would do.

In: shards `statistics/*.parquet`, one row a document, kept or removed, in the order of the stage's input. Out: the
reason that each document would be removed for, without its text. Columns:

- `id`, `language`, `reason` (null where kept)
- `c4.refused`: why C4 refused the wording, whatever the reason is, so that nothing was cleaned; else null
- `bytes`: of the text (UTF-8) as C4's cleaning leaves it: what a kept document hands on; by bytes a token, its tokens
- `<filter>.<statistic>`: float32, named as quality/thresholds.py says, for each filter that is on. FineWeb's are of the
  cleaned text. Null: it could not be measured, of a text without words or lines, or behind C4's refusal.
"""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lab.curate.quality import thresholds as rules
from lab.curate.quality.languages import for_language
from lab.documents import shards
from lab.errors import InputError
from lab.params import FilterParams, QualityParams

FOLDER = "statistics"
_PARAMS = b"quality"  # of the schema's metadata: the parameters that the statistics were measured with
_UNLIMITED = ("c4.dropped_lines",)  # statistics that no threshold limits


def schema(params: QualityParams) -> pa.Schema:
    """Of a shard of statistics measured with `params`, which its metadata hold."""
    names: dict[str, None] = {}  # in order
    for filters in (params, *(params.of(language) for language in sorted(params.languages))):
        for name, found in rules.enabled(filters).items():
            names |= dict.fromkeys(f"{name}.{rule.statistic}" for rule in found)
        names |= dict.fromkeys(name for name in _UNLIMITED if getattr(filters, name.split(".")[0]).enabled)
    text = [(name, pa.string()) for name in ("id", "language", "reason", "c4.refused")]
    columns = [*text, ("bytes", pa.int64()), *((name, pa.float32()) for name in names)]
    return pa.schema(columns, {_PARAMS: params.model_dump_json().encode()})


def read_params(folder: Path) -> QualityParams:
    """The parameters that the statistics of a quality stage's output `folder` were measured with.

    InputError where there are none, or where they are those of another version of the lab.
    """
    first = shards(folder / FOLDER)[0]
    try:
        return QualityParams.model_validate(json.loads(pq.read_schema(first).metadata[_PARAMS]))
    except (pa.ArrowException, OSError, TypeError, KeyError, ValueError) as error:
        told = str(error).splitlines()[0]
        raise InputError(f"{first}: no statistics that this version reads ({told}). Run `dvc repro quality`.") from None


def reasons(table: pa.Table, params: QualityParams) -> list[str | None]:
    """Why each document of a shard of statistics would be removed with `params`, or None, as quality.judge finds it.

    `params` may differ from those of `read_params` in thresholds of what was measured, and in Gopher's and FineWeb's
    filters switched off. Limits are compared as float32, like what is stored.
    """
    found: list[str | None] = [None] * table.num_rows
    languages = table["language"].to_pylist()
    for language in dict.fromkeys(languages):
        places = [place for place, known in enumerate(languages) if known == language]
        judged = _reasons(table.take(places), for_language(params, language))
        for place, reason in zip(places, judged, strict=True):
            found[place] = reason
    return found


def _reasons(table: pa.Table, params: FilterParams) -> list[str | None]:
    labels: list[str | None] = [None]
    found = np.zeros(table.num_rows, np.int32)  # index of a label

    def refuse(where: np.ndarray, label: str) -> None:
        if (where := where & (found == 0)).any():
            found[where] = len(labels)
            labels.append(label)

    refuse(_equal(table["reason"], "error"), "error")
    for name, limits in rules.enabled(params).items():
        if name == "c4":
            refused = table["c4.refused"]
            for label in sorted(filter(None, set(refused.to_pylist()))):
                refuse(_equal(refused, label), f"c4:{label}")
        for rule in limits:
            values = table[f"{name}.{rule.statistic}"].to_numpy()  # NaN where null
            refuse(np.isnan(values), f"{name}:empty")
            if rule.limit is not None:
                limit = np.float32(rule.limit)
                refuse(values < limit if rule.least else values > limit, f"{name}:{rule.parameter}")
        if name == "c4":
            refuse(table["bytes"].to_numpy() == 0, "c4:empty")
    return [labels[index] for index in found.tolist()]


def _equal(column: pa.ChunkedArray, label: str) -> np.ndarray:
    return np.array([value == label for value in column.to_pylist()], bool)
