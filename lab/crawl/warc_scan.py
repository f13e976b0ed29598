"""Which records a WARC file holds and where: the scan that an index is made of.

In: a WARC 1.0/1.1 file, plain or compressed record by record (ISO 28500), or a part of one. Out: a row for each
response record (lab.crawl.warc.INDEX_SCHEMA); what can't be read is counted, and the scan goes on behind it. Parsing is
FastWARC's.
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

import fsspec
from fastwarc.warc import ArchiveIterator, WarcRecordType

from lab.errors import InputError

_MEMBER = re.compile(b"\x1f\x8b\x08")  # of gzip
_HEADER = re.compile(rb"WARC/1\.")
_WINDOW = 1 << 20  # bytes read at a time while looking for one


@dataclass(frozen=True)
class Part:
    """The records of a file that begin at or behind `start` and before `end`, in bytes; None: up to the file's end."""

    path: str
    sha256: str | None
    start: int = 0
    end: int | None = None


def is_url(path: str) -> bool:
    return "://" in path


def open_stream(path: str) -> IO[bytes]:
    """Open a local path or URL for random access. InputError where that fails."""
    try:
        return fsspec.open(path, "rb").open() if is_url(path) else open(path, "rb")
    except (OSError, ValueError, ImportError) as error:
        raise InputError(f"{path}: can't be opened ({error}). Check crawl.paths of params.yaml.") from None


def scan(path: str, lost: Callable[[str], None]) -> Iterator[dict]:
    """Rows of the index for one file, in file order; `lost(reason)` is told of each record that can't be read.

    Behind a broken record the scan goes on at the next one that begins like one. InputError where none can be read.
    """
    met = Met()
    yield from scan_part(Part(path, None), lost, met)
    if not met.records:
        raise no_records(path)


def no_records(path: str) -> InputError:
    return InputError(f"{path}: holds no WARC record. Is it a WARC file? Correct crawl.paths of params.yaml.")


@dataclass
class Met:
    """What a scan met: records of any type, where the first one began, and where the first one behind its end does."""

    records: int = 0
    first: int | None = None
    next: int | None = None


def scan_part(part: Part, lost: Callable[[str], None], met: Met) -> Iterator[dict]:
    """As `scan`, for a part of a file; `met` is filled in."""
    with open_stream(part.path) as stream:
        size = stream.seek(0, os.SEEK_END)
        end = size if part.end is None else part.end
        start = met.first = next_record(stream, part.start, end) if part.start else 0
        while start is not None and start < end:
            stream.seek(start)
            last, pending = start, None
            try:
                for record in ArchiveIterator(stream, record_types=WarcRecordType.any_type, parse_http=False):
                    # A stream's positions count from where it was handed over, or from the file's start: see _position.
                    last = _position(record.stream_pos, start)
                    if pending:
                        yield {**pending, "length": last - pending["offset"]}
                        pending = None
                    if last >= end:
                        break
                    met.records += 1
                    wanted = record.record_type == WarcRecordType.response
                    row = _row(record, part.path, last) if wanted else None
                    expected = record.content_length
                    if record.consume() < expected:  # FastWARC takes the file's end for the record's
                        lost("truncated")
                    elif wanted and row is None:
                        lost("malformed")
                    else:
                        pending = row
                else:
                    last = size
                start = last
            except (OSError, ValueError, RuntimeError, EOFError):
                start = next_record(stream, last + 1, size)
                lost("truncated" if start is None else "malformed")
            if pending:  # whole, whatever came behind it
                yield {**pending, "length": (size if start is None else start) - pending["offset"]}
        met.next = size if start is None else start


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


def next_record(stream: IO[bytes], start: int, end: int) -> int | None:
    """Where the next record begins, at or behind `start` and before `end`: a gzip member, in a file that is compressed,
    or a header, in one that is not."""
    stream.seek(0)
    mark = _MEMBER if stream.read(2) == _MEMBER.pattern[:2] else _HEADER
    while start < end:
        stream.seek(start)
        window = stream.read(_WINDOW)
        for found in mark.finditer(window):
            offset = start + found.start()
            if offset >= end:
                return None
            if _begins_record(stream, offset):
                return offset
        start += max(len(window) - len(b"WARC/1.") + 1, 1)
    return None


def _begins_record(stream: IO[bytes], offset: int) -> bool:
    stream.seek(offset)
    try:
        return next(iter(ArchiveIterator(stream, parse_http=False)), None) is not None
    except (OSError, ValueError, RuntimeError, EOFError):
        return False
