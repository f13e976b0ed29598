"""The stage index: one row per capture (response or resource record) of the crawl's WARC files.

In: data/crawl/manifest.json. Out: shards of `INDEX_SCHEMA`, what a CDX index holds; records that are no captures are
counted by type, in `other_records`. A large file is scanned in parts by several workers, with the same rows as if it
were scanned whole.
"""

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import pyarrow as pa

from lab.crawl.scan import FilePart, Tally, no_records, scan_part
from lab.crawl.warc import is_url, open_stream
from lab.documents import Counts, RowWriter, read_table, shards, write_table
from lab.engine import Shard
from lab.engine import run as run_shards
from lab.files import read_json
from lab.params import EngineParams, IndexParams

INDEX_SCHEMA = pa.schema(
    [
        ("url", pa.string()),
        ("status", pa.int32()),  # of HTTP; -1 where the record has none
        ("mime", pa.string()),  # lower case, without parameters
        ("date", pa.string()),
        ("file", pa.string()),
        ("offset", pa.int64()),  # of the record, or of the compressed member that holds it, in bytes
        ("inner", pa.int64()),  # of the record in its member, in decompressed bytes
        ("length", pa.int64()),  # compressed bytes; -1: unknown, for it shares a member with others
        ("record_id", pa.string()),
    ]
)
PART_BYTES = 8 << 20  # compressed bytes that a worker indexes at a time


def run(crawl: Path, out: Path, params: IndexParams, engine: EngineParams) -> dict:
    """Index all files of a crawl into shards of `records_per_shard` rows; records that can't be read are counted.

    InputError for a file without any record, EmptyCorpusError if there is no response record at all.
    """
    # 1. Scan all parts of all files, in parallel.
    # 2. Where the parts of a file do not join (a page that holds what looks like a record), scan the file whole.
    # 3. Write the rows, in the order of the files, into shards of equal size.
    files = [FilePart(file["path"], file["sha256"]) for file in read_json(crawl / "manifest.json")["files"]]
    parts = {
        f"file-{number:05d}-{count:05d}": part
        for number, file in enumerate(files)
        for count, part in enumerate(_parts(file))
    }
    scan = partial(run_shards, "index", _index_part, engine=engine, inputs=lambda part: [])
    by_file: dict[FilePart, list[Shard]] = {file: [] for file in files}
    for part, shard in zip(parts.values(), scan(parts), strict=True):
        by_file[replace(part, start=0, end=None)].append(shard)
    for number, (file, of_file) in enumerate(by_file.items()):
        if not _join(of_file):
            by_file[file] = scan({f"file-{number:05d}": file})
        if not any(shard.result["records"] for shard in by_file[file]):
            raise no_records(file.path)
    scanned = [shard for of_file in by_file.values() for shard in of_file]
    tables = (read_table(path) for shard in scanned for path in shards(shard.folder))
    _reshard(tables, out, params.records_per_shard)
    others = sum((Counter(shard.result["others"]) for shard in scanned), Counter())
    counts = Counts.total(shard.result["counts"] for shard in scanned).require_output("index")
    return counts.as_dict() | {"other_records": dict(sorted(others.items()))}


def _parts(file: FilePart) -> list[FilePart]:
    """The file in parts of PART_BYTES, if it is local and compressed: gzip members show where records begin."""
    if is_url(file.path):
        return [file]
    with open_stream(file.path) as stream:
        compressed, size = stream.read(2) == b"\x1f\x8b", stream.seek(0, os.SEEK_END)
    if not compressed or size <= PART_BYTES:
        return [file]
    count = -(-size // PART_BYTES)
    bounds = [size * number // count for number in range(count + 1)]
    return [replace(file, start=start, end=end) for start, end in pairwise(bounds)]


def _join(parts: list[Shard]) -> bool:
    """Whether each part began where the previous one ended, so that together they equal a scan of the whole file."""
    expected = 0
    for first, following, end in ((p.result["first"], p.result["next"], p.result["end"]) for p in parts):
        if first is None and expected >= end:
            continue
        if first != expected:
            return False
        expected = following
    return True


def _reshard(tables: Iterable[pa.Table], out: Path, size: int) -> None:
    pending, number = INDEX_SCHEMA.empty_table(), 0
    for table in tables:
        pending = pa.concat_tables([pending, table])
        while len(pending) >= size:
            write_table(pending.slice(0, size).combine_chunks(), out / f"part-{number:05d}.parquet")
            pending, number = pending.slice(size), number + 1
    if len(pending):
        write_table(pending.combine_chunks(), out / f"part-{number:05d}.parquet")


def _index_part(part: FilePart, folder: Path, name: str) -> dict:
    """Shard function: the rows of a part, its counts, and where its records begin and end."""
    counts, tally = Counts(), Tally()
    with RowWriter(folder / f"{name}.parquet", INDEX_SCHEMA) as writer:
        for row in scan_part(part, counts.remove, tally):
            writer.write(row)
            counts.documents_out += 1
            counts.bytes_out += max(row["length"], 0)
    counts.bytes_in = counts.bytes_out
    counts.documents_in = counts.documents_out + sum(counts.removed.values())
    return {"counts": counts.as_dict(), "end": part.end, **asdict(tally)}
