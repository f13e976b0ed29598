"""WARC files: which there are (manifest), what they hold (index), and single records by their offset.

In: local paths, globs or fsspec URLs of WARC 1.0/1.1 files, plain or compressed record by record (ISO 28500). Out: a
manifest, index shards (`INDEX_SCHEMA`, one row a response record), HTTP bodies decoded. Parsing is FastWARC's.
"""

import glob
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import fsspec
import pyarrow as pa
from fastwarc.warc import ArchiveIterator, WarcRecordType

from lab import engine
from lab.documents import Counts, Reason, RowWriter, read_rows, shards
from lab.errors import InputError
from lab.files import read_json, write_json
from lab.params import CrawlParams, EngineParams, IndexParams

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
_WINDOW = 1 << 20  # bytes read at a time while looking for the next record behind a broken one


@dataclass(frozen=True)
class Record:
    """An HTTP response: its decoded body and the charset that its header names (or None)."""

    body: bytes
    charset: str | None


def is_url(path: str) -> bool:
    return "://" in path


def open_stream(path: str) -> IO[bytes]:
    """Open a local path or URL for random access. InputError where that fails."""
    try:
        return fsspec.open(path, "rb").open() if is_url(path) else open(path, "rb")
    except (OSError, ValueError, ImportError) as error:
        raise InputError(f"{path}: can't be opened ({error}). Check crawl.paths of params.yaml.") from None


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
    files = [file["path"] for file in read_json(crawl_folder / "manifest.json")["files"]]
    found = engine.run(
        "index",
        _index_file,
        {f"file-{number:05d}": path for number, path in enumerate(files)},
        engine=engine_params,
        inputs=lambda path: [] if is_url(path) else [Path(path)],
    )
    rows = (row for shard in found for path in shards(shard.folder) for row in read_rows(path))
    _reshard(rows, out, params.records_per_shard)
    return Counts.total(shard.result for shard in found).require_output("index")


def _reshard(rows: Iterable[dict], out: Path, size: int) -> None:
    writer, number = None, 0
    for count, row in enumerate(rows):
        if count % size == 0:
            if writer:
                writer.__exit__(None, None, None)
            writer = RowWriter(out / f"part-{number:05d}.parquet", INDEX_SCHEMA)
            number += 1
        writer.write(row)
    if writer:
        writer.__exit__(None, None, None)


def _index_file(path: str, folder: Path, name: str) -> dict:
    counts = Counts()
    with RowWriter(folder / f"{name}.parquet", INDEX_SCHEMA) as writer:
        for row in scan(path, counts.remove):
            writer.write(row)
            counts.documents_out += 1
            counts.bytes_out += max(row["length"], 0)
    counts.bytes_in = counts.bytes_out
    counts.documents_in = counts.documents_out + sum(counts.removed.values())
    return counts.as_dict()


def scan(path: str, lost: Callable[[str], None]) -> Iterator[dict]:
    """Rows of the index for one file, in file order; `lost(reason)` is told of each record that can't be read.

    Behind a broken record the scan goes on at the next one that begins like one. InputError where none can be read.
    """
    with open_stream(path) as stream:
        size = stream.seek(0, os.SEEK_END)
        start, records = 0, 0
        while start is not None and start < size:
            stream.seek(start)
            last, pending = start, None
            try:
                for record in ArchiveIterator(stream, record_types=WarcRecordType.any_type, parse_http=False):
                    # A stream's positions count from where it was handed over, or from the file's start: see _position.
                    last = _position(record.stream_pos, start)
                    records += 1
                    if pending:
                        yield {**pending, "length": last - pending["offset"]}
                        pending = None
                    if record.record_type == WarcRecordType.response:
                        pending = _row(record, path, last)
                        if pending is None:
                            lost("malformed")
                    expected = record.content_length
                    if record.consume() < expected:  # FastWARC takes the file's end for the record's
                        lost("truncated")
                        pending = None
                if pending:
                    yield {**pending, "length": size - pending["offset"]}
                start = None
            except (OSError, ValueError, RuntimeError, EOFError):
                following = _next_record(stream, last + 1, size)
                lost("truncated" if following is None else "malformed")
                start = following
        if not records:
            raise InputError(f"{path}: holds no WARC record. Is it a WARC file? Correct crawl.paths of params.yaml.")


def _position(position: int, start: int) -> int:
    return position if position >= start else start + position


def _row(record: object, path: str, offset: int) -> dict | None:
    headers = record.headers
    url = (headers.get("WARC-Target-URI") or "").strip("<> ")
    if not url:
        return None
    status, mime = -1, ""
    if record.is_http:
        try:
            record.parse_http()
            status = record.http_headers.status_code if record.http_headers else -1
            mime = (record.http_headers.get("Content-Type") or "") if record.http_headers else ""
        except ValueError:
            pass
    return {
        "url": url,
        "status": -1 if status is None else status,
        "mime": mime.partition(";")[0].strip().lower(),
        "date": headers.get("WARC-Date") or "",
        "file": path,
        "offset": offset,
        "length": -1,
        "record_id": (headers.get("WARC-Record-ID") or f"{path}:{offset}").strip("<>"),
    }


def _next_record(stream: IO[bytes], start: int, size: int) -> int | None:
    """Where the next gzip member or plain record header begins, at or behind `start`."""
    marks = (b"\x1f\x8b\x08", b"WARC/1.")
    while start < size:
        stream.seek(start)
        window = stream.read(_WINDOW)
        found = [at for at in (window.find(mark) for mark in marks) if at >= 0]
        for at in sorted(found):
            if _begins_record(stream, start + at):
                return start + at
        start += min(found) + 1 if found else max(len(window) - 8, 1)
    return None


def _begins_record(stream: IO[bytes], offset: int) -> bool:
    stream.seek(offset)
    try:
        return next(iter(ArchiveIterator(stream, parse_http=False)), None) is not None
    except (OSError, ValueError, RuntimeError, EOFError):
        return False


def read_records(path: str, offsets: Iterable[int]) -> Iterator[tuple[int, Record | Reason]]:
    """(offset, Record) for each offset, in order; a Reason in the Record's place where it can't be read."""
    with open_stream(path) as stream:
        for offset in offsets:
            yield offset, _read_record(stream, offset)


def _read_record(stream: IO[bytes], offset: int) -> Record | Reason:
    try:
        stream.seek(offset)
        record = next(iter(ArchiveIterator(stream, parse_http=True, auto_decode="all")), None)
        if record is None:
            return Reason("broken_record", "no record here")
        return Record(record.reader.read(), record.http_charset)
    except (OSError, ValueError, RuntimeError, EOFError) as error:
        return Reason("broken_record", " ".join(str(error).split()))
