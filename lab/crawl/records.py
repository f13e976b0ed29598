"""WARC records: the scan that an index is made of, and single records by their address.

In: WARC files (ISO 28500, versions 0.17 to 1.1), plain, or compressed record by record or otherwise. Out: a row per
capture (`INDEX_SCHEMA`), or a capture's decoded body. Every record is a row, or counted under a reason, or, where it is
no capture (requests, metadata), counted by its type. An address is the place of a compressed member in the file, and
the record's place within that member.
"""

import re
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO

import fsspec
import pyarrow as pa

from lab.crawl import http
from lab.crawl.members import PIECE, Broken, Reader
from lab.documents import Reason
from lab.errors import InputError

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
VERSION = re.compile(rb"WARC/\d+\.\d+[ \t]*\r?\n", re.IGNORECASE)
HEAD_END = re.compile(rb"\r?\n\r?\n")
BEGIN = re.compile(rb"WARC/\d+\.\d+[ \t]*\r?\n(?=[\w-]+:)", re.IGNORECASE)  # of a record, in search of one
HEADLESS = re.compile(rb"\n\r?\nWARC-[\w-]+:", re.IGNORECASE)  # of one whose first line is gone
OVERLAP = 64  # bytes of a window that are looked at again with the next one
CAPTURES = {"response", "resource"}
NO_PAGES = {"conversion": "wet_text", "revisit": "revisit", "continuation": "continuation"}  # type -> reason
MAX_HEAD = 1 << 22  # bytes of a record's, or a response's, head
WARC_HEAD = 1 << 12  # bytes that hold nearly every record's head
HTTP_HEAD = 1 << 16  # bytes that hold nearly every response's head
CODED = 8  # raw bytes that are read for each byte of a body that is wanted: chunks of one byte take six
MAX_REWINDS = 100  # in a member with several records of wrong lengths: each may mean to decompress it again


@dataclass(frozen=True)
class Part:
    """The records of a file that begin at or after `start` and before `end`, in bytes; None: up to the file's end."""

    path: str
    sha256: str | None
    start: int = 0
    end: int | None = None


@dataclass
class Tally:
    """What a scan met: records of any type; those that are no captures, by type; and where the first record began and
    the first one after the part's end does."""

    records: int = 0
    others: Counter[str] = field(default_factory=Counter)
    first: int | None = None
    next: int | None = None


@dataclass(frozen=True)
class Record:
    """A capture: its decoded body and the charset that its header names (or None)."""

    body: bytes
    charset: str | None


Lost = Callable[[str], None]  # gets the reason of a record that is no row


def is_url(path: str) -> bool:
    return "://" in path


def open_stream(path: str) -> IO[bytes]:
    """Open a local path or URL for random access. InputError where that fails."""
    try:
        return fsspec.open(path, "rb").open() if is_url(path) else open(path, "rb")
    except (OSError, ValueError, ImportError) as error:
        raise InputError(f"{path}: can't be opened ({error}). Check crawl.paths of params.yaml.") from None


def no_records(path: str) -> InputError:
    return InputError(f"{path}: holds no WARC record. Is it a WARC file? Correct crawl.paths of params.yaml.")


def scan(path: str, lost: Lost) -> Iterator[dict]:
    """Rows of the index for one file, in file order; `lost(reason)` is called for each record that is no row.

    InputError where there is no record at all.
    """
    tally = Tally()
    yield from scan_part(Part(path, None), lost, tally)
    if not tally.records:
        raise no_records(path)


def scan_part(part: Part, lost: Lost, tally: Tally) -> Iterator[dict]:
    """As `scan`, for a part of a file; `tally` is filled in."""
    # Members are read one after the other. A damaged one costs the record at which the damage shows, and the scan goes
    # on at the next place that unpacks to a record. Bytes between members count as one record that can't be read, or
    # as many as members begin in them whose first byte alone is damaged.
    with open_stream(part.path) as stream:
        reader = Reader(stream, part.path)
        end = reader.size if part.end is None else part.end
        start = tally.first = reader.next_member(part.start, end)[0] if part.start else reader.first
        while start is not None and start < end:
            damaged = yield from _scan_member(reader, start, part.path, lost, tally)
            place = start + 1 if damaged else reader.end
            start = place
            if damaged or not reader.is_member(place):
                start, damaged_starts = reader.next_member(place, reader.size)
                gap = not damaged and not reader.is_padding(place, reader.size if start is None else start)
                for _ in range(max(damaged_starts, gap)):
                    lost("malformed")
        tally.next = reader.size if start is None else start


def _scan_member(reader: Reader, start: int, path: str, lost: Lost, tally: Tally) -> Generator[dict, None, bool]:
    """Rows of a member's records; returns whether the member is damaged."""
    # A record is settled (its row yielded, or its reason counted) only when what follows proves its length: two line
    # ends, another record, or the member's end with the right checksum. Where the length is wrong the record is lost,
    # and the scan goes on at the next line after its head that a record begins with.
    reader.open(start)
    record: _Scanned | None = None
    rewinds = 0
    try:
        while True:
            line_ends = _skip_line_ends(reader)
            if not reader.peek(1):
                break
            place = reader.tell()
            headers = read_headers(reader)
            if record and (headers is not None or line_ends >= 2):
                yield from record.settle(lost, tally, place - record.place if reader.kind == "plain" else -1)
                record = None
            if headers is None:  # the record before is longer than it says, or what follows it is no record
                _lose(lost, 1 + _find_record(reader, record.body if record and rewinds < MAX_REWINDS else place))
                rewinds += record is not None
                record = None
                continue
            tally.records += 1
            length = _content_length(headers)
            record = _Scanned.of(reader, headers, path, start, place, length or 0)
            if length is not None and reader.skip(length) == length:
                continue
            lost("malformed" if length is None else "truncated")
            if rewinds < MAX_REWINDS:
                _lose(lost, _find_record(reader, record.body))
            rewinds, record = rewinds + 1, None
    except Broken as damage:
        lost("truncated" if damage.cut else "malformed")
        return True
    if record:
        whole = reader.kind == "plain" or record.place == 0
        yield from record.settle(lost, tally, reader.end - start - record.place if whole else -1)
    return False


@dataclass(frozen=True)
class _Scanned:
    """A record whose end is not proven yet: a row, the reason why it is none, or its type where it is no capture.

    `place` is where it begins in its member, `body` where its block does.
    """

    place: int
    body: int
    row: dict | None = None
    reason: str = ""
    other: str = ""

    @classmethod
    def of(cls, reader: Reader, headers: dict[str, str], path: str, start: int, place: int, length: int) -> "_Scanned":
        kind, body = headers.get("warc-type", "").lower(), reader.tell()
        if kind in NO_PAGES:
            return cls(place, body, reason=NO_PAGES[kind])
        if kind not in CAPTURES:
            return cls(place, body, other=kind or "unknown")
        row = _row(reader, headers, path, start, place, length)
        return cls(place, body, row=row) if row["url"] else cls(place, body, reason="malformed")

    def settle(self, lost: Lost, tally: Tally, length: int) -> Iterator[dict]:
        if self.reason:
            lost(self.reason)
        elif self.row is None:
            tally.others[self.other] += 1
        else:
            yield self.row | {"length": length}


def _row(reader: Reader, headers: dict[str, str], path: str, start: int, place: int, length: int) -> dict:
    plain = reader.kind == "plain"
    address = {"offset": start + place, "inner": 0} if plain else {"offset": start, "inner": place}
    status, media_type = (200 if headers["warc-type"].lower() == "resource" else -1), ""
    declared = http.media_type(headers.get("content-type", ""))
    head = _http_head(reader, length)
    if head.status >= 0:
        status, media_type = head.status, head.media_type
    elif declared != "application/http":
        media_type = declared
    if media_type in http.GENERIC:
        media_type = http.media_type(headers.get("warc-identified-payload-type", "")) or media_type
    name = f"{path}:{address['offset']}" + (f"+{place}" if address["inner"] else "")
    return {
        "url": headers.get("warc-target-uri", "").strip("<> "),
        "status": status,
        "mime": media_type,
        "date": headers.get("warc-date", ""),
        "file": path,
        **address,
        "length": -1,
        "record_id": headers.get("warc-record-id", "").strip("<> ") or name,
    }


def _http_head(reader: Reader, length: int) -> http.Head:
    """The head of the response that comes next, if one does; it is left to be read."""
    size = min(length, HTTP_HEAD)
    while True:
        block = reader.peek(size)[:size]
        head = http.parse_head(block)
        if head.end < len(block) or len(block) < size or size >= min(length, MAX_HEAD):
            return head
        size = min(length, size * 8)


def read_headers(reader: Reader) -> dict[str, str] | None:
    """A record's headers by their names in lower case, or None where no record begins. The block comes next."""
    size = WARC_HEAD
    while True:
        window = reader.peek(size)
        end = HEAD_END.search(window)
        if not VERSION.match(window) or (not end and (len(window) < size or size >= MAX_HEAD)):
            return None
        if end:
            break
        size *= 8
    reader.skip(end.end())
    headers: dict[str, str] = {}
    name = ""
    for line in window[: end.start()].decode("utf-8", "replace").split("\n")[1:]:
        if line[:1] in (" ", "\t") and name:
            headers[name] += " " + line.strip()
        elif ":" in line:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            headers.setdefault(name, value.strip())
    return headers


def _content_length(headers: dict[str, str]) -> int | None:
    value = headers.get("content-length", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 4000 else None


def _skip_line_ends(reader: Reader) -> int:
    """Skip empty lines; returns how many there were."""
    count = 0
    while True:
        window = reader.peek(OVERLAP)
        line_ends = window[: len(window) - len(window.lstrip(b"\r\n"))]
        reader.skip(len(line_ends))
        count += line_ends.count(b"\n")
        if len(line_ends) < OVERLAP:
            return count


def _lose(lost: Lost, count: int) -> None:
    for _ in range(count):
        lost("malformed")


def _find_record(reader: Reader, place: int) -> int:
    """Go on, from a place of the member, to the next line that a record begins with, or to the member's end; returns
    how many records without such a line lie between."""
    reader.seek(place)
    headless = 0
    while True:
        window = reader.peek(PIECE)
        match = BEGIN.search(window)
        step = match.start() if match else len(window) if len(window) < PIECE else len(window) - OVERLAP
        headless += len(HEADLESS.findall(window, 0, step))
        reader.skip(step)
        if match or len(window) < PIECE:
            return headless


Address = tuple[int, int]  # offset, inner


def read_records(
    path: str, addresses: Iterable[Address], max_bytes: int = -1
) -> Iterator[tuple[Address, Record | Reason]]:
    """(address, Record) for each address, in order; a Reason in the Record's place where it can't be read.

    Of a body of more than `max_bytes`, decoded, there is one byte more than these: what a small record unpacks to may
    be larger than memory. Without it bodies are read whole.
    """
    size = max_bytes + 1 if max_bytes >= 0 else -1
    with open_stream(path) as stream:
        reader = Reader(stream, path)
        for address in addresses:
            try:
                yield address, _read_record(reader, *address, size)
            except (Broken, OSError, ValueError) as error:
                yield address, Reason("broken_record", " ".join(str(error).split()))


def _read_record(reader: Reader, offset: int, inner: int, size: int) -> Record:
    if reader.start != offset:
        reader.open(offset)
    reader.seek(inner)
    headers = read_headers(reader)
    length = _content_length(headers) if headers is not None else None
    if headers is None or length is None:
        raise ValueError("no record here")
    head = _http_head(reader, length)
    reader.skip(head.end)
    wanted = length - head.end
    body = reader.read(wanted if size < 0 else min(wanted, CODED * size + HTTP_HEAD))
    charset = head.charset or (None if head.status >= 0 else http.charset(headers.get("content-type", "")))
    return Record(http.decode_body(body, head.headers, size), charset)
