"""Repeated URLs over a whole crawl: the first one is kept, whatever the number of workers.

In: judged shards (index rows with a reason or null), and the keys of their rows without a reason. Out: index shards of
the kept rows, and the others under `removed/`.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lab.crawl.index import INDEX_SCHEMA
from lab.documents import Counts, read_table, write_table

REMOVED_SCHEMA = INDEX_SCHEMA.append(pa.field("reason", pa.string())).append(pa.field("detail", pa.string()))
REPEATED_SCHEMA = pa.schema([("row", pa.int64()), ("url", pa.string())])


def find(_: None, folder: Path, name: str, *, judged: Sequence[Path]) -> dict:
    """A table per shard of its repeated rows: `row`, counted among those without a reason, and the first one's `url`.

    `judged`: the shards' paths, without their suffixes .parquet and .keys.npy.
    """
    keys = [np.load(f"{path}.keys.npy") for path in judged]
    starts = np.cumsum([0, *map(len, keys)])
    first, groups = np.unique(np.concatenate(keys), return_index=True, return_inverse=True)[1:]
    first = first[groups]
    repeated = np.flatnonzero(first != np.arange(len(first)))
    urls = _urls(np.unique(first[repeated]), judged, starts)
    for path, start, rows in zip(judged, starts[:-1], _by_shard(repeated, starts), strict=True):
        columns = [rows - start, [urls[row] for row in first[rows].tolist()]]
        write_table(pa.table(columns, schema=REPEATED_SCHEMA), folder / f"{path.name}.parquet")
    return {"repeated": len(repeated)}


def split(item: tuple[Path, Path], folder: Path, name: str) -> dict:
    """Write the kept rows of a judged shard, and the removed ones, among them those of `find`'s table."""
    rows, repeated = read_table(item[0]), read_table(item[1])
    reasons, details = rows["reason"].to_pylist(), rows["detail"].to_pylist()
    candidates = [row for row, reason in enumerate(reasons) if reason is None]
    for row, url in zip(repeated["row"].to_pylist(), repeated["url"].to_pylist(), strict=True):
        reasons[candidates[row]], details[candidates[row]] = "duplicate_url", url
    index = rows.select(INDEX_SCHEMA.names)
    keep = pa.array([reason is None for reason in reasons], pa.bool_())
    kept = index.filter(keep)
    columns = [*index.columns, pa.array(reasons, pa.string()), pa.array(details, pa.string())]
    removed = pa.table(columns, schema=REMOVED_SCHEMA).filter(pc.invert(keep))
    write_table(kept, folder / f"{name}.parquet")
    write_table(removed, folder / "removed" / f"{name}.parquet")
    counts = Counts(len(rows), len(kept), _bytes(index), _bytes(kept))
    for reason in removed["reason"].to_pylist():
        counts.remove(reason)
    return counts.as_dict()


def _bytes(rows: pa.Table) -> int:
    return pc.sum(pc.max_element_wise(rows["length"], 0)).as_py() or 0


def _urls(rows: np.ndarray, judged: Sequence[Path], starts: np.ndarray) -> dict[int, str]:
    """URLs by row. `rows`: ascending, counted through all shards among the rows without a reason."""
    urls: dict[int, str] = {}
    for path, start, part in zip(judged, starts[:-1], _by_shard(rows, starts), strict=True):
        if len(part):
            table = read_table(Path(f"{path}.parquet"), ["url", "reason"])
            column = table.filter(pc.is_null(table["reason"]))["url"]
            urls |= zip(part.tolist(), column.take(pa.array(part - start)).to_pylist(), strict=True)
    return urls


def _by_shard(rows: np.ndarray, starts: np.ndarray) -> list[np.ndarray]:
    """Ascending rows, counted through all shards, cut where each shard starts."""
    return np.split(rows, np.searchsorted(rows, starts[1:-1]))
