"""Single WARC records by their address: the captures that the URL filter kept.

In: a WARC file (ISO 28500, versions 0.17 to 1.1), plain or compressed, and addresses. Out: decoded HTTP bodies. An
address is the place of a compressed member in the file, in bytes, and the record's place within that member.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lab.crawl import http
from lab.crawl.members import Broken, Reader
from lab.crawl.warc import open_stream
from lab.documents import Reason
from lab.errors import InputError

VERSION = re.compile(rb"WARC/\d+\.\d+[ \t]*\r?\n", re.IGNORECASE)
TYPE = re.compile(rb"\nWARC-Type:", re.IGNORECASE)
HEAD_END = re.compile(rb"\r?\n\r?\n")
MAX_HEAD = 1 << 22  # bytes of a record's, or a response's, head
WARC_HEAD = 1 << 12  # bytes that hold nearly every record's head
HTTP_HEAD = 1 << 16  # bytes that hold nearly every response's head
CODED = 8  # raw bytes that are read for each byte of a body that is wanted: chunks of one byte take six

Address = tuple[int, int]  # offset of the member in the file, and of the record in the member


@dataclass(frozen=True)
class Record:
    """A capture: its decoded body, and the charset that its header names (or None)."""

    body: bytes
    charset: str | None


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
            except (Broken, ValueError) as error:
                yield address, Reason("broken_record", " ".join(str(error).split()))
            except OSError as error:  # of the disk or the server, not of the record
                raise InputError(f"{path}: can't be read ({error}). Run again: finished work is kept.") from None


def _read_record(reader: Reader, offset: int, inner: int, size: int) -> Record:
    if reader.start != offset:
        reader.open(offset)
    reader.seek(inner)
    headers = read_headers(reader)
    length = content_length(headers) if headers is not None else None
    if headers is None or length is None:
        raise ValueError("no record here")
    head = http_head(reader, length)
    reader.skip(head.end)
    length -= head.end
    body = reader.read(length if size < 0 else min(length, CODED * size + HTTP_HEAD))
    content_type = (head.headers if head.status >= 0 else headers).get("content-type", "")
    return Record(http.decode_body(body, head.headers, size), http.charset(content_type))


def http_head(reader: Reader, length: int) -> http.Head:
    """The head of the response that comes next, if one does; it is left to be read."""
    for size in (HTTP_HEAD, MAX_HEAD):
        block = reader.peek(min(length, size))[:size]
        head = http.parse_head(block)
        if head.end < len(block) or len(block) < size:
            break
    return head


def read_headers(reader: Reader) -> dict[str, str] | None:
    """A record's headers by their names in lower case, or None where no record begins. The block comes next."""
    for size in (WARC_HEAD, HTTP_HEAD, MAX_HEAD):
        window = reader.peek(size)
        end = HEAD_END.search(window)
        if end or len(window) < size or not VERSION.match(window):
            break
    if not end or not VERSION.match(window):
        return None
    head = window[: end.start()]
    if len(TYPE.findall(head)) > 1 and VERSION.search(head, 1):  # two heads, of which the first was cut
        return None
    reader.skip(end.end())
    headers: dict[str, str] = {}
    for name, value in http.fields(head.split(b"\n")[1:], "utf-8"):
        headers.setdefault(name, value)
    return headers


def content_length(headers: dict[str, str]) -> int | None:
    value = headers.get("content-length", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 4000 else None
