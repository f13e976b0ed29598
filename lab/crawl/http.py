"""HTTP messages as crawls keep them: a response's head, and its body decoded.

In: the bytes of a WARC record's block. Out: status, media type and charset as browsers read them (RFC 9110, 9112; the
WHATWG's MIME Sniffing standard), and the body without transfer and content codings. Archives keep heads that do not
fit their bodies: decoded bodies under the old head, line feeds alone, chunked bodies that end early. What a body is
decides, not what its head says of it.
"""

import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import brotli
import zstandard

STATUS = re.compile(rb"(?:HTTP/\d+(?:\.\d+)?|ICY)[ \t]+(\d{3})(?!\d)", re.IGNORECASE)
CHUNK = re.compile(rb"[ \t]*([0-9a-fA-F]{1,15})[ \t]*(?:;[^\n]*)?\r?\n")
MEDIA_TYPE = re.compile(r"\s*([\w!#$&^.+-]+/[\w!#$&^.+-]+)")
CHARSET = re.compile(r"charset\s*=\s*[\"']?([^\s\"';,]+)", re.IGNORECASE)
PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*<[a-zA-Z!?][^\0]|\xff\xfe|\xfe\xff")  # compressed bytes hardly ever begin so
BINARY = re.compile(rb"[\0-\x08\x0b\x0e-\x1f]")  # bytes that text has none of
SNIFFED = 1445  # bytes in which browsers look for them
GENERIC = {"", "application/octet-stream", "binary/octet-stream", "application/unknown", "unknown/unknown"}
MAX_CODINGS = 5  # of one body
GZIP = b"\x1f\x8b"
_PIECE = 1 << 16


@dataclass(frozen=True)
class Head:
    """A response's head: `status` -1 where there is none, header names in lower case, and the body's place."""

    status: int = -1
    headers: dict[str, str] = field(default_factory=dict)
    end: int = 0

    @property
    def media_type(self) -> str:
        return media_type(self.headers.get("content-type", ""))


def media_type(value: str) -> str:
    """A Content-Type's type and subtype in lower case, without parameters; "" where there is none."""
    match = MEDIA_TYPE.match(value)
    return match[1].lower() if match else ""


def charset(value: str) -> str | None:
    """A Content-Type's charset in lower case, or None."""
    match = CHARSET.search(value)
    return match[1].lower() if match else None


def parse_head(block: bytes) -> Head:
    """The head of a final response: those with a status of 1xx are passed over. Lines may end in a line feed alone."""
    head = Head()
    while match := STATUS.match(block, head.end):
        headers, end = _headers(block, _line_end(block, match.end()))
        head = Head(int(match[1]), headers, end)
        if not 100 <= head.status < 200:
            break
    return head


def _headers(block: bytes, place: int) -> tuple[dict[str, str], int]:
    """The headers whose lines begin at `place`, and where the body begins: after an empty line, or at a tag."""
    lines: list[bytes] = []
    while place < len(block) and not block.startswith(b"<", place):
        end = _line_end(block, place)
        line = block[place:end].rstrip(b"\r\n")
        place = end
        if not line:
            break
        lines.append(line)
    headers: dict[str, str] = {}
    for name, value in fields(lines, "latin-1"):
        headers[name] = value or headers.get(name, "")
    return headers, place


def fields(lines: Iterable[bytes], encoding: str) -> Iterator[tuple[str, str]]:
    """Names, in lower case, and values of a head; lines that begin with a blank go on with the one before."""
    whole: list[list[bytes]] = []
    for line in lines:
        if whole and line.startswith((b" ", b"\t")):
            whole[-1].append(line.strip())
        else:
            whole.append([line])
    for parts in whole:
        name, colon, value = b" ".join(parts).decode(encoding, "replace").partition(":")
        if colon:
            yield name.strip().lower(), value.strip()


def _line_end(block: bytes, place: int) -> int:
    return block.find(b"\n", place) + 1 or len(block)


def decode_body(body: bytes, headers: dict[str, str], size: int = -1) -> bytes:
    """A body without its codings; at most `size` bytes (-1: all), whatever it unpacks to.

    Raises ValueError where the head names a coding that the body is not in, and the body does not look like text.
    """
    doubtful = False
    if "chunked" in headers.get("transfer-encoding", "").lower():
        chunks = _chunks(body)
        doubtful = chunks is None
        body = body if chunks is None else chunks
    codings = [coding.strip().lower() for coding in headers.get("content-encoding", "").split(",")]
    for coding in reversed(codings[-MAX_CODINGS:]):
        decode = DECODERS.get(coding)
        decoded = decode(body, size) if decode and body else None
        doubtful |= bool(decode) and body != b"" and decoded is None
        body = body if decoded is None else decoded
    if body.startswith(GZIP):  # under a head that does not say so, or twice
        unpacked = _gunzip(body, size)
        body, doubtful = (body, True) if unpacked is None else (unpacked, False)
    if doubtful and not _is_text(body):
        raise ValueError("the body is in none of the codings that its head names")
    return body if size < 0 else body[:size]


def _is_text(body: bytes) -> bool:
    return bool(PAGE.match(body)) or not BINARY.search(body, 0, SNIFFED)


def _chunks(body: bytes) -> bytes | None:
    """The data of a chunked body, as far as it goes (RFC 9112, section 7.1); None where it is not chunked."""
    pieces: list[bytes] = []
    place = 0
    while match := CHUNK.match(body, place):
        length = int(match[1], 16)
        pieces.append(body[match.end() : match.end() + length])
        place = match.end() + length
        if not length:
            break
        place += 2 if body.startswith(b"\r\n", place) else 1 if body.startswith(b"\n", place) else 0
    return b"".join(pieces) if pieces else None


def _gunzip(body: bytes, size: int) -> bytes | None:
    """Of one or more gzip members; what follows them is left out, and a cut one gives what came."""
    pieces: list[bytes] = []
    while body.startswith(GZIP) and (size < 0 or sum(map(len, pieces)) < size):
        decoder = zlib.decompressobj(31)
        pieces.append(_inflated(decoder, body, size))
        body = decoder.unused_data if decoder.eof else b""
    return b"".join(pieces) or None


def _inflated(decoder: "zlib._Decompress", body: bytes, size: int) -> bytes:
    """As much as can be decompressed, at most `size` bytes."""
    pieces: list[bytes] = []
    length = 0
    while body and not decoder.eof and (size < 0 or length < size):
        try:
            pieces.append(decoder.decompress(body, _PIECE))
        except zlib.error:
            break
        length += len(pieces[-1])
        body = decoder.unconsumed_tail
    return b"".join(pieces)


def _inflate(body: bytes, size: int) -> bytes | None:
    """Of "deflate": zlib's format (RFC 9110, section 8.4.1.2), but bare in practice at times."""
    return _inflated(zlib.decompressobj(), body, size) or (
        None if _is_text(body) else _inflated(zlib.decompressobj(-15), body, size) or None
    )


def _unbrotli(body: bytes, size: int) -> bytes | None:
    decoder = brotli.Decompressor()
    pieces: list[bytes] = []
    try:
        for start in range(0, len(body), _PIECE):
            if decoder.is_finished() or (0 <= size <= sum(map(len, pieces))):
                break
            pieces.append(decoder.process(body[start : start + _PIECE]))
    except brotli.error:
        return None
    if _is_text(body) and not decoder.is_finished():  # nearly any bytes could be the begin of a stream
        return None
    return b"".join(pieces) or None


def _unzstd(body: bytes, size: int) -> bytes | None:
    try:
        with zstandard.ZstdDecompressor().stream_reader(body) as reader:
            return reader.read(size) or None
    except zstandard.ZstdError:
        return None


DECODERS: dict[str, Callable[[bytes, int], bytes | None]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _inflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}
