"""The scan of a WARC file that an index is made of.

In: a WARC file, or a part of one. Out: a row per capture (lab.crawl.index.INDEX_SCHEMA). Every record is a row, or
counted under a reason, or, where it is no capture (requests, metadata), counted by its type.
"""

import re
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field

from lab.crawl import http
from lab.crawl.members import PIECE, Broken, Reader
from lab.crawl.records import content_length, http_head, read_headers
from lab.crawl.warc import open_stream
from lab.errors import InputError

BEGIN = re.compile(rb"WARC/\d+\.\d+[ \t]*\r?\n(?=[\w-]+:)", re.IGNORECASE)  # of a record, in search of one
HEADLESS = re.compile(rb"\n\r?\nWARC-[\w-]+:", re.IGNORECASE)  # of one whose first line is gone
OVERLAP = 64  # bytes of a window that are looked at again with the next one
CAPTURES = {"response", "resource"}
NO_PAGES = {"conversion": "wet_text", "revisit": "revisit", "continuation": "continuation"}  # type -> reason
MAX_REWINDS = 100  # in a member with several records of wrong lengths: each may mean to decompress it again
MAX_LINE_ENDS = 8  # bytes of them, between two records


@dataclass(frozen=True)
class FilePart:
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
    others: dict[str, int] = field(default_factory=dict)
    first: int | None = None
    next: int | None = None


Lost = Callable[[str], None]  # gets the reason of a record that is no row


def no_records(path: str) -> InputError:
    return InputError(f"{path}: holds no WARC record. Is it a WARC file? Correct crawl.paths of params.yaml.")


def scan(path: str, lost: Lost) -> Iterator[dict]:
    """A file's rows of the index, in order; `lost(reason)` for each record that is none. InputError without records."""
    tally = Tally()
    yield from scan_part(FilePart(path, None), lost, tally)
    if not tally.records:
        raise no_records(path)


def scan_part(part: FilePart, lost: Lost, tally: Tally) -> Iterator[dict]:
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
            start = place = start + 1 if damaged else reader.end
            if damaged or not reader.is_member(place):
                start, damaged_starts = reader.next_member(place, reader.size)
                gap = not damaged and not reader.is_padding(place, reader.size if start is None else start)
                _lose(lost, max(damaged_starts, gap))
        tally.next = reader.size if start is None else start


def _scan_member(reader: Reader, start: int, path: str, lost: Lost, tally: Tally) -> Generator[dict, None, bool]:
    """Rows of a member's records; returns whether the member is damaged."""
    # A record is settled (its row yielded, or its reason counted) only when what follows proves its length: two line
    # ends, another record, or the member's end with the right checksum. Where the length is wrong the record is lost,
    # and the scan goes on at the next line after its head that a record begins with. In a member with many wrong
    # lengths, each record ends where the next one begins.
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
                _lose(lost, 1 + _find_record(reader, record.body if record and rewinds < MAX_REWINDS else place + 1))
                rewinds += record is not None
                record = None
                continue
            tally.records += 1
            length = content_length(headers)
            record = _Scanned.of(reader, headers, path, start, place, length or 0)
            if length is not None and rewinds < MAX_REWINDS and reader.skip(length) == length:
                continue
            headless = _find_record(reader, record.body)
            if length is not None and 0 <= reader.tell() - record.body - length <= MAX_LINE_ENDS:
                continue
            lost("malformed" if length is None else "truncated")
            _lose(lost, headless)
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
            tally.others[self.other] = tally.others.get(self.other, 0) + 1
        else:
            yield self.row | {"length": length}


def _row(reader: Reader, headers: dict[str, str], path: str, start: int, place: int, length: int) -> dict:
    plain = reader.kind == "plain"
    address = {"offset": start + place, "inner": 0} if plain else {"offset": start, "inner": place}
    status, media_type = (200 if headers["warc-type"].lower() == "resource" else -1), ""
    declared = http.media_type(headers.get("content-type", ""))
    head = http_head(reader, length)
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
