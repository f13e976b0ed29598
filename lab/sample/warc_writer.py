"""WARC records as a crawler writes them.

In: Captures. Out: records, compressed into one gzip member each. Follows WARC/1.1 (ISO 28500:2017,
https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/) and its annex on per-record
compression. Nothing depends on the clock: ids are made from the content, dates are arguments.
"""

import base64
import hashlib
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

COMPRESSION_LEVEL = 6
# Long enough for a gzip header and the start of its deflate block, too short for the WARC header inside.
READABLE_BYTES = 10


@dataclass(frozen=True)
class Capture:
    """One fetch: the request and the response, byte for byte.

    `head` is the status line and headers of the response with the blank line; `body` follows it as it was sent
    (compressed, chunked). `notes` are the fields of the metadata record.
    """

    url: str
    date: str  # ISO 8601, UTC
    ip: str
    request: bytes
    head: bytes
    body: bytes
    notes: tuple[tuple[str, str], ...] = ()


def digest(data: bytes) -> str:
    """SHA-1 in base 32, as crawlers write it."""
    return "sha1:" + base64.b32encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode("ascii")


def compress(data: bytes) -> bytes:
    """One gzip member without name or time (zlib writes none), so that the same data give the same bytes."""
    compressor = zlib.compressobj(COMPRESSION_LEVEL, zlib.DEFLATED, 31)
    return compressor.compress(data) + compressor.flush()


def record_id(kind: str, date: str, url: str, block: bytes) -> str:
    """A record's id, made from its content."""
    return f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, ' '.join([kind, date, url, digest(block)]))}>"


def record(kind: str, date: str, headers: list[tuple[str, str]], block: bytes, *, url: str = "") -> bytes:
    """One uncompressed record: version, headers, block, and the two line ends that close it."""
    fields = [("WARC-Type", kind), ("WARC-Record-ID", record_id(kind, date, url, block)), ("WARC-Date", date)]
    fields += [("WARC-Target-URI", url)] if url else []
    fields += [*headers, ("WARC-Block-Digest", digest(block)), ("Content-Length", str(len(block)))]
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return b"WARC/1.1\r\n" + head.encode("utf-8") + b"\r\n" + block + b"\r\n\r\n"


def fields_block(fields: list[tuple[str, str]]) -> bytes:
    """The block of a warcinfo or metadata record (application/warc-fields)."""
    return "".join(f"{name}: {value}\r\n" for name, value in fields).encode("utf-8")


def warcinfo(date: str, filename: str, fields: list[tuple[str, str]]) -> tuple[str, bytes]:
    """(id, record) of the warcinfo record, the first of a file: who wrote it and how."""
    block = fields_block(fields)
    headers = [("WARC-Filename", filename), ("Content-Type", "application/warc-fields")]
    return record_id("warcinfo", date, "", block), record("warcinfo", date, headers, block)


def records(capture: Capture, warcinfo_id: str) -> Iterator[tuple[str, bytes]]:
    """(kind, record) for the request, the response and the metadata of one capture, in that order."""
    block = capture.head + capture.body
    url, date = capture.url, capture.date
    response_id = record_id("response", date, url, block)
    concurrent = [("WARC-Concurrent-To", response_id), ("WARC-Warcinfo-ID", warcinfo_id)]
    address = [("WARC-IP-Address", capture.ip)]
    request = [*concurrent, *address, ("Content-Type", "application/http; msgtype=request")]
    yield "request", record("request", date, request, capture.request, url=url)
    response = [
        ("WARC-Warcinfo-ID", warcinfo_id),
        *address,
        ("Content-Type", "application/http; msgtype=response"),
        ("WARC-Payload-Digest", digest(capture.body)),
    ]
    yield "response", record("response", date, response, block, url=url)
    metadata = [*concurrent, ("WARC-Refers-To", response_id), ("Content-Type", "application/warc-fields")]
    yield "metadata", record("metadata", date, metadata, fields_block(list(capture.notes)), url=url)


def damaged(data: bytes, how: str) -> bytes:
    """A record's gzip member, damaged so that nothing in it can be read.

    `how` is "deflate" (overwritten data), "torn" (the rest was never written) or "header" (a well-formed member without
    a WARC record in it).
    """
    if how == "header":
        return compress(data.replace(b"WARC/1.1\r\n", b"WRAC?1.1\r\n", 1))
    member = compress(data)
    if how == "deflate":
        # 0xff starts a deflate block of the reserved type 3, so every decoder stops at once.
        return member[:READABLE_BYTES] + b"\xff" * 24 + member[READABLE_BYTES + 24 :]
    assert how == "torn", how
    return member[: READABLE_BYTES + 12]
