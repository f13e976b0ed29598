"""WARC files: a manifest of them, and single records by their offset.

In: local paths, globs or fsspec URLs of WARC 1.0/1.1 files, plain or compressed record by record (ISO 28500). Out: a
manifest; HTTP bodies, decoded. Parsing is FastWARC's.
"""

import glob
import hashlib
import os
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import fsspec
from fastwarc.warc import ArchiveIterator

from lab.documents import Reason
from lab.errors import InputError
from lab.files import write_json
from lab.params import CrawlParams, EngineParams

BARE = {"x-gzip": 31, "deflate": -15}  # content coding that FastWARC does not read -> zlib's window bits
UNREADABLE = (OSError, ValueError, RuntimeError, EOFError, zlib.error)  # what a broken record raises
PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*<[a-zA-Z!?][^\0]")  # how a page begins, and compressed data hardly ever does


@dataclass(frozen=True)
class Record:
    """An HTTP response: its decoded body, and the charset that its header names (or None)."""

    body: bytes
    charset: str | None


def is_url(path: str) -> bool:
    return "://" in path


def open_stream(path: str) -> IO[bytes]:
    """Open a local path or URL for random access. InputError if that fails."""
    try:
        return fsspec.open(path, "rb").open() if is_url(path) else open(path, "rb")
    except (OSError, ValueError, ImportError) as error:
        raise InputError(f"{path}: can't be opened ({error}). Check crawl.paths of params.yaml.") from None


def crawl(out: Path, params: CrawlParams, engine: EngineParams) -> dict:
    """Write out/manifest.json for the files of crawl.paths; returns metrics."""
    written = {"source": "warc", **manifest(params.paths)}
    write_json(out / "manifest.json", written)
    return {"source": "warc", "files": len(written["files"]), "bytes": sum(file["bytes"] for file in written["files"])}


def manifest(paths: list[str]) -> dict:
    """{"files": [{"path", "bytes", "sha256"}]} in the order given, globs sorted. InputError names a missing file."""
    files = []
    for path in paths:
        names = [path] if is_url(path) else sorted(glob.glob(path, recursive=True)) or [path]
        for name in names:
            if not is_url(name) and not os.path.isfile(name):
                raise InputError(f"{name}: no such WARC file. Correct crawl.paths of params.yaml.")
            files.append(_entry(name))
    return {"files": list({file["path"]: file for file in files}.values())}


def _entry(path: str) -> dict:
    with open_stream(path) as stream:
        if is_url(path):
            return {"path": path, "bytes": stream.seek(0, os.SEEK_END), "sha256": None}
        return {
            "path": path,
            "bytes": os.path.getsize(path),
            "sha256": hashlib.file_digest(stream, "sha256").hexdigest(),
        }


def read_records(path: str, offsets: Iterable[int], max_bytes: int = -1) -> Iterator[tuple[int, Record | Reason]]:
    """(offset, Record) for each offset, in order; a Reason instead of the Record if it can't be read.

    Of a decoded body of more than `max_bytes`, only `max_bytes` + 1 bytes are read: a small record may unpack to more
    than fits in memory. Without `max_bytes`, bodies are read whole.
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
    """The record at `offset`, its body decoded by its headers (`decoded`) or by its content. Raises UNREADABLE."""
    stream.seek(offset)
    record = next(iter(ArchiveIterator(stream, parse_http=True, auto_decode="all" if decoded else "none")), None)
    if record is None:
        raise ValueError("no record here")
    body = record.reader.read(size)
    if not decoded:
        body = _undone(body, record.http_headers.get("Content-Encoding"), size)
    return Record(body, record.http_charset)


def _undone(body: bytes, coding: str | None, size: int) -> bytes:
    """The page in a body that is not in the coding that its header names. ValueError if there is none.

    Some archives keep headers as they were sent and bodies as they were decoded, and some servers send such headers.
    "deflate" is zlib's format (RFC 9110, section 8.4.1.2), but is sometimes sent without zlib's header.
    """
    bits = BARE.get((coding or "").strip().lower())
    if bits is not None and not PAGE.match(body):
        body = zlib.decompressobj(bits).decompress(body, max(size, 0))
    if not PAGE.match(body):
        raise ValueError("no page")
    return body
