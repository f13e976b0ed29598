"""Which records a WARC file holds, and where: the scan that an index is made of.

In: a WARC 1.0/1.1 file, plain or compressed record by record (ISO 28500), or a part of one. Out: a row for each
response record (lab.crawl.index.INDEX_SCHEMA). A record that can't be read is counted, and the scan continues after it.
Parsing is FastWARC's.
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from fastwarc.warc import ArchiveIterator, WarcRecordType

from lab.crawl.warc import open_stream
from lab.errors import InputError

_MEMBER = re.compile(b"\x1f\x8b\x08")  # of gzip
_HEADER = re.compile(rb"WARC/1\.")
_WINDOW = 1 << 20  # bytes read at a time in search of a record


@dataclass(frozen=True)
class FilePart:
    """The records of a file that begin at `start` or later and before `end`, in bytes; None: the end of the file."""

    path: str
    sha256: str | None
    start: int = 0
    end: int | None = None


@dataclass
class Extent:
    """What a scan has read: the number of records of any type, where the first one begins, and where the first one
    after the part's end begins."""

    records: int = 0
    first: int | None = None
    next: int | None = None


def scan(path: str, lost: Callable[[str], None]) -> Iterator[dict]:
    """Rows of the index for one file, in file order; `lost(reason)` is called for each record that can't be read.

    InputError if none can be read.
    """
    extent = Extent()
    yield from scan_part(FilePart(path, None), lost, extent)
    if not extent.records:
        raise no_records(path)


def no_records(path: str) -> InputError:
    return InputError(f"{path}: holds no WARC record. Is it a WARC file? Correct crawl.paths of params.yaml.")


def scan_part(part: FilePart, lost: Callable[[str], None], extent: Extent) -> Iterator[dict]:
    """As `scan`, for a part of a file; fills in `extent`."""
    # 1. Find the first record that begins in the part, and let FastWARC iterate from there.
    # 2. A row waits in `pending` until the next record has begun: only then is its length known.
    # 3. After a record that FastWARC can't parse, find the next one that begins like one, and iterate again from it.
    # 4. Stop at the first record that begins at or after the part's end, which the next part reads.
    with open_stream(part.path) as stream:
        size = stream.seek(0, os.SEEK_END)
        end = size if part.end is None else part.end
        start = extent.first = next_record(stream, part.start, end) if part.start else 0
        while start is not None and start < end:
            stream.seek(start)
            last, pending = start, None
            try:
                for record in ArchiveIterator(stream, record_types=WarcRecordType.any_type, parse_http=False):
                    last = _absolute(record.stream_pos, start)
                    if pending:
                        yield {**pending, "length": last - pending["offset"]}
                        pending = None
                    if last >= end:
                        break
                    extent.records += 1
                    is_response = record.record_type == WarcRecordType.response
                    row = _row(record, part.path, last) if is_response else None
                    expected = record.content_length
                    if record.consume() < expected:  # FastWARC takes the file's end for the record's
                        lost("truncated")
                    elif is_response and row is None:
                        lost("malformed")
                    else:
                        pending = row
                else:
                    last = size
                start = last
            except (OSError, ValueError, RuntimeError, EOFError):
                start = next_record(stream, last + 1, size)
                lost("truncated" if start is None else "malformed")
            if pending:  # complete, whatever follows it
                yield {**pending, "length": (size if start is None else start) - pending["offset"]}
        extent.next = size if start is None else start


def _absolute(position: int, start: int) -> int:
    """FastWARC counts a stream's positions from the file's start, or from where it was handed over (`start`)."""
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
    """Offset of the first record in [start, end): a gzip member in a compressed file, else a header; None: no such."""
    stream.seek(0)
    mark = _MEMBER if stream.read(2) == _MEMBER.pattern[:2] else _HEADER
    while start < end:
        stream.seek(start)
        window = stream.read(_WINDOW)
        for match in mark.finditer(window):
            offset = start + match.start()
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
