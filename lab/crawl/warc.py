"""WARC files: which there are (manifest), what they hold (index), and single records by their offset.

In: local paths, globs or fsspec URLs of WARC 1.0/1.1 files, plain or compressed record by record (ISO 28500). Out: a
manifest, index shards (`INDEX_SCHEMA`, one row a response record), HTTP bodies decoded. Parsing is FastWARC's.
"""

import glob
import hashlib
import os
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import IO

import pyarrow as pa
from fastwarc.warc import ArchiveIterator

from lab import engine
from lab.crawl.warc_scan import Met, Part, is_url, no_records, open_stream, scan, scan_part
from lab.documents import Counts, Reason, RowWriter, read_table, shards, write_table
from lab.errors import InputError
from lab.files import read_json, write_json
from lab.params import CrawlParams, EngineParams, IndexParams

__all__ = ["INDEX_SCHEMA", "Record", "crawl", "index", "is_url", "manifest", "open_stream", "read_records", "scan"]

INDEX_SCHEMA = pa.schema(
    [
        ("url", pa.string()),
        ("status", pa.int32()),  # of HTTP; -1 where the record has none
        ("mime", pa.string()),  # lower case, without parameters
        ("date", pa.string()),
        ("file", pa.string()),
        ("offset", pa.int64()),  # bytes
        ("length", pa.int64()),  # compressed bytes; -1: unknown
        ("record_id", pa.string()),
    ]
)
PART_BYTES = 8 << 20  # compressed, that a worker indexes at a time
BARE = {"x-gzip": 31, "deflate": -15}  # content coding that FastWARC does not read -> zlib's window bits
UNREADABLE = (OSError, ValueError, RuntimeError, EOFError, zlib.error)  # what a broken record raises
PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*<[a-zA-Z!?][^\0]")  # how it begins; what is compressed hardly ever does


@dataclass(frozen=True)
class Record:
    """An HTTP response: its decoded body and the charset that its header names (or None)."""

    body: bytes
    charset: str | None


def manifest(paths: list[str]) -> dict:
    """{"files": [{"path", "bytes", "sha256"}]} in the order given, globs sorted. InputError names what is missing."""
    files = []
    for path in paths:
        found = [path] if is_url(path) else sorted(glob.glob(path, recursive=True)) or [path]
        for name in found:
            if not is_url(name) and not os.path.isfile(name):
                raise InputError(f"{name}: no such WARC file. Correct crawl.paths of params.yaml.")
            files.append(_described(name))
    return {"files": list({file["path"]: file for file in files}.values())}


def _described(path: str) -> dict:
    with open_stream(path) as stream:
        if is_url(path):
            return {"path": path, "bytes": stream.seek(0, os.SEEK_END), "sha256": None}
        return {
            "path": path,
            "bytes": os.path.getsize(path),
            "sha256": hashlib.file_digest(stream, "sha256").hexdigest(),
        }


def crawl(out: Path, params: CrawlParams, engine_params: EngineParams) -> dict:
    """The stage for source `warc`: write out/manifest.json; its metrics."""
    found = {"source": "warc", **manifest(params.paths)}
    write_json(out / "manifest.json", found)
    return {"source": "warc", "files": len(found["files"]), "bytes": sum(file["bytes"] for file in found["files"])}


def index(crawl_folder: Path, out: Path, params: IndexParams, engine_params: EngineParams) -> Counts:
    """Index all files of a crawl into shards of `records_per_shard` rows; records that are lost are counted."""
    files = [Part(file["path"], file["sha256"]) for file in read_json(crawl_folder / "manifest.json")["files"]]
    parts = {
        f"file-{number:05d}-{count:05d}": part
        for number, file in enumerate(files)
        for count, part in enumerate(_parts(file))
    }
    run = partial(engine.run, "index", _index_part, engine=engine_params, inputs=lambda part: [])
    by_file: dict[Part, list[engine.Shard]] = {file: [] for file in files}
    for part, shard in zip(parts.values(), run(parts), strict=True):
        by_file[replace(part, start=0, end=None)].append(shard)
    for number, (file, shards_) in enumerate(by_file.items()):
        if not _join(shards_):
            by_file[file] = run({f"file-{number:05d}": file})
        if not any(shard.result["records"] for shard in by_file[file]):
            raise no_records(file.path)
    found = [shard for shards_ in by_file.values() for shard in shards_]
    tables = (read_table(path) for shard in found for path in shards(shard.folder))
    _reshard(tables, out, params.records_per_shard)
    return Counts.total(shard.result["counts"] for shard in found).require_output("index")


def _parts(file: Part) -> list[Part]:
    """The file in parts of PART_BYTES, where gzip members tell records apart from what pages hold."""
    if is_url(file.path):
        return [file]
    with open_stream(file.path) as stream:
        compressed, size = stream.read(2) == b"\x1f\x8b", stream.seek(0, os.SEEK_END)
    if not compressed or size <= PART_BYTES:
        return [file]
    count = -(-size // PART_BYTES)
    bounds = [size * number // count for number in range(count + 1)]
    return [replace(file, start=start, end=end) for start, end in pairwise(bounds)]


def _join(parts: list[engine.Shard]) -> bool:
    """Whether each part began where the one before it had ended, so that together they read as the whole file does."""
    expected = 0
    for first, following, end in ((p.result["first"], p.result["next"], p.result["end"]) for p in parts):
        if first is None and expected >= end:
            continue
        if first != expected:
            return False
        expected = following
    return True


def _reshard(tables: Iterable[pa.Table], out: Path, size: int) -> None:
    left, number = INDEX_SCHEMA.empty_table(), 0
    for table in tables:
        left = pa.concat_tables([left, table])
        while len(left) >= size:
            write_table(left.slice(0, size).combine_chunks(), out / f"part-{number:05d}.parquet")
            left, number = left.slice(size), number + 1
    if len(left):
        write_table(left.combine_chunks(), out / f"part-{number:05d}.parquet")


def _index_part(part: Part, folder: Path, name: str) -> dict:
    counts, met = Counts(), Met()
    with RowWriter(folder / f"{name}.parquet", INDEX_SCHEMA) as writer:
        for row in scan_part(part, counts.remove, met):
            writer.write(row)
            counts.documents_out += 1
            counts.bytes_out += max(row["length"], 0)
    counts.bytes_in = counts.bytes_out
    counts.documents_in = counts.documents_out + sum(counts.removed.values())
    return {"counts": counts.as_dict(), "end": part.end, **asdict(met)}


def read_records(path: str, offsets: Iterable[int], max_bytes: int = -1) -> Iterator[tuple[int, Record | Reason]]:
    """(offset, Record) for each offset, in order; a Reason in the Record's place where it can't be read.

    Of a body of more than `max_bytes`, decoded, there is one byte more than these: what a small record unpacks to may
    be larger than memory. Without it bodies are read whole.
    """
    size = max_bytes + 1 if max_bytes >= 0 else -1
    with open_stream(path) as stream:
        for offset in offsets:
            yield offset, _read_record(stream, offset, size)


def _read_record(stream: IO[bytes], offset: int, size: int) -> Record | Reason:
    try:
        return _record(stream, offset, size, decoded=True)
    except UNREADABLE as error:
        broken = Reason("broken_record", " ".join(str(error).split()))
    try:
        return _record(stream, offset, size, decoded=False)
    except UNREADABLE:
        return broken


def _record(stream: IO[bytes], offset: int, size: int, *, decoded: bool) -> Record:
    """The record that begins there, its body decoded as its headers say, or by what it is. One of UNREADABLE where it
    can't be."""
    stream.seek(offset)
    record = next(iter(ArchiveIterator(stream, parse_http=True, auto_decode="all" if decoded else "none")), None)
    if record is None:
        raise ValueError("no record here")
    body = record.reader.read(size)
    if not decoded:
        body = _undone(body, record.http_headers.get("Content-Encoding"), size)
    return Record(body, record.http_charset)


def _undone(body: bytes, coding: str | None, size: int) -> bytes:
    """The page in a body that is not in the coding that its header names. ValueError where there is none.

    Some archives keep headers as they were sent and bodies as they were decoded, and some servers send such headers.
    "deflate" is zlib's format (RFC 9110, section 8.4.1.2), but bare in practice at times.
    """
    bits = BARE.get((coding or "").strip().lower())
    if bits is not None and not PAGE.match(body):
        body = zlib.decompressobj(bits).decompress(body, max(size, 0))
    if not PAGE.match(body):
        raise ValueError("no page")
    return body
