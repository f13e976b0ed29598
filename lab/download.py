"""Files on web servers: downloaded whole and checked, or read in ranges, from servers that are busy, slow or broken.

In: http(s) URLs. Out: files, bytes, or a file object. Busy servers (429, 500 to 504, with Retry-After), broken
connections and servers that hardly send are asked again, ever later, up to `ATTEMPTS` times without progress.
Everything else is an InputError that names the URL, the answer and what to do.
"""

import hashlib
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import requests
import urllib3
from fsspec.spec import AbstractBufferedFile

from lab.errors import InputError
from lab.files import read_json, write_json
from lab.progress import Ticker, progress

T = TypeVar("T")

ATTEMPTS = 6  # in a row that bring no more bytes
CONNECT_SECONDS, READ_SECONDS = 20, 60  # for a connection, and between two blocks
LONGEST_WAIT = 120.0  # seconds between attempts, also where a server asks for more
SLOWEST = 1024  # bytes per second, over `READ_SECONDS`: a server that sends less is left
MAX_REDIRECTS = 5
BLOCK = 1 << 20
TOTAL = re.compile(r"/([0-9]{1,18})$")  # of a Content-Range
BUSY = {408, 425, 429, 500, 502, 503, 504}
REFUSED = {
    401: "it asks for a login",
    403: "no access: the name is wrong, or it has had too many requests from here (Common Crawl: wait an hour)",
    404: "there is no such file",
    410: "the file is gone",
}


class Missing(InputError):
    """A file that the server does not have, or does not give (401, 403, 404, 410)."""


class Busy(Exception):
    """An answer, or none, that another attempt may mend. `wait`: seconds that the server asks for."""

    def __init__(self, message: str, wait: float | None = None):
        super().__init__(message)
        self.wait = wait


@dataclass(frozen=True)
class Remote:
    """What a server says of a file: its size in bytes (None: it serves no ranges), and its version."""

    url: str
    size: int | None
    tag: str | None


def probe(url: str, attempts: int = ATTEMPTS) -> Remote:
    """Ask for a file's size and version. InputError if it can't be had."""

    def ask() -> Remote:
        with _get(url, 0, 1) as answer:
            total = TOTAL.search(answer.headers.get("Content-Range", ""))
            tag = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
            return Remote(url, int(total[1]) if total and answer.status_code == 206 else None, tag)

    return _patiently(url, ask, attempts)


def download(
    source: str | Remote,
    target: Path,
    *,
    first: int | None = None,
    sha256: str | None = None,
    check: Callable[[Path], None] | None = None,
    attempts: int = ATTEMPTS,
) -> None:
    """Download a file, or its `first` bytes, to `target`, which gets its name when it is complete.

    In: a URL, or what `probe` said of it; `sha256`, in hexadecimal, must be the file's. `check` is called with the
    complete file before it gets its name: it may change it, or raise InputError to refuse it.
    What has come stays in <target>.part, with the file's version in <target>.part.json: the next attempt or run
    continues it, unless the file has changed. InputError: the server refuses, a hash that differs.
    """
    remote = probe(source, attempts) if isinstance(source, str) else source
    url = remote.url
    end = remote.size if remote.size is None or first is None else min(first, remote.size)
    part = target.with_name(f"{target.name}.part")
    version = target.with_name(f"{target.name}.part.json")
    part.parent.mkdir(parents=True, exist_ok=True)
    part.touch()
    current = {"size": remote.size, "tag": remote.tag}
    if not (version.is_file() and end is not None and read_json(version) == current):
        part.write_bytes(b"")
        write_json(version, current)
    with progress(f"download {target.name}", end or 0) as ticker:
        if end is None or part.stat().st_size < end:
            _patiently(url, lambda: _receive(remote, part, end, ticker), attempts, lambda: part.stat().st_size)
    try:
        if sha256 is not None and (digest := _sha256(part)) != sha256:
            raise InputError(f"{url}: the SHA-256 of what came is {digest}, not {sha256}. Run again to fetch it anew.")
        if check is not None:
            check(part)
    except InputError:
        part.unlink()
        version.unlink()
        raise
    part.replace(target)
    version.unlink()


def read(url: str, limit: int, attempts: int = ATTEMPTS) -> bytes:
    """A small file, as the server keeps it. InputError if it can't be had, or is larger than `limit` bytes."""

    def receive() -> bytes:
        content = bytearray()
        with _get(url) as answer:
            for block in _blocks(answer):
                content += block
                if len(content) > limit:
                    raise InputError(f"{url}: more bytes than such a file can have ({limit}).")
        return bytes(content)

    return _patiently(url, receive, attempts)


class RemoteFile(AbstractBufferedFile):
    """A file on a server to read anywhere, a block at a time. InputError if the server serves no ranges."""

    def __init__(self, url: str, block: int = 1 << 18):
        self._remote = probe(url)
        if self._remote.size is None:
            raise InputError(f"{url}: the server does not answer a range request. Download the file and name it.")
        super().__init__(None, url, block_size=block, size=self._remote.size)

    def _fetch_range(self, start: int, end: int) -> bytes:
        def receive() -> bytes:
            with _get(self.path, start, end) as answer:
                _check_range(answer, self._remote, start, end)
                return b"".join(_blocks(answer, end - start))

        return _patiently(self.path, receive, ATTEMPTS)


def _patiently(url: str, action: Callable[[], T], attempts: int, done: Callable[[], int] = lambda: 0) -> T:
    """The outcome of `action`, which raises Busy where another attempt may help; those after progress do not count."""
    failed, before = 0, done()
    while True:
        try:
            return action()
        except Busy as error:
            failed = 1 if done() > before else failed + 1
            before = done()
            if failed >= attempts:
                raise InputError(f"{url}: {error} ({attempts} attempts). Run again later: what came is kept.") from None
            wait = error.wait if error.wait is not None else 2.0 ** (failed - 1) * random.uniform(0.5, 1.5)
            time.sleep(min(wait, LONGEST_WAIT))


@contextmanager
def _get(url: str, start: int = 0, end: int | None = None) -> Iterator[requests.Response]:
    """The server's good answer, with `end` to a range of bytes; Busy or InputError otherwise, also while it is read."""
    headers = {"Accept-Encoding": "identity"} | ({} if end is None else {"Range": f"bytes={start}-{end - 1}"})
    try:
        with requests.Session() as session:
            session.max_redirects = MAX_REDIRECTS
            with session.get(url, headers=headers, timeout=(CONNECT_SECONDS, READ_SECONDS), stream=True) as answer:
                _require_good(answer, url)
                yield answer
    except (requests.TooManyRedirects, requests.exceptions.InvalidSchema, requests.exceptions.InvalidURL) as error:
        raise InputError(f"{url}: {error}. Correct the URL.") from None
    # No other OSError: it is of the file that is written.
    except (requests.RequestException, urllib3.exceptions.HTTPError, ConnectionError, TimeoutError) as error:
        raise Busy(f"can't be reached, or the connection broke ({type(error).__name__}). Is there a network?") from None


def _require_good(answer: requests.Response, url: str) -> None:
    status = answer.status_code
    if status in BUSY:
        try:
            wait = urllib3.Retry().get_retry_after(answer.raw)
        except (urllib3.exceptions.InvalidHeader, ValueError, OverflowError):  # a date of the year 99999
            wait = None
        raise Busy(f"the server answers {status} {answer.reason or ''}".strip(), wait)
    if status not in (200, 206):
        reason = REFUSED.get(status, "it can't be downloaded")
        error = Missing if status in REFUSED else InputError
        raise error(f"{url}: the server answers {status}: {reason}. Correct the URL, or try again later.")


def _blocks(answer: requests.Response, size: int | None = None) -> Iterator[bytes]:
    """The body in blocks, `size` bytes of it or as many as are announced. Busy if fewer come, or less than SLOWEST."""
    expected = size or answer.raw.length_remaining or 0
    total = received = 0
    started = time.monotonic()
    # read1, not iter_content: what came before a connection breaks is kept.
    while block := answer.raw.read1(BLOCK):
        block = block if size is None else block[: size - total]
        total += len(block)
        received += len(block)
        yield block
        seconds = time.monotonic() - started
        if seconds > READ_SECONDS:
            if received < SLOWEST * seconds:
                raise Busy(f"{received} bytes in {seconds:.0f} seconds")
            started, received = time.monotonic(), 0
    if total < expected:
        raise Busy(f"the connection ended after {total} bytes of {expected}")


def _receive(remote: Remote, part: Path, end: int | None, ticker: Ticker) -> None:
    """Append what is missing up to `end`; without `end`, write the whole file."""
    start = part.stat().st_size if end is not None else 0
    with _get(remote.url, start, end) as answer:
        if answer.status_code == 200 and (end is None or end == remote.size):
            start = 0  # all of it, whatever was asked for
        elif end is not None:
            _check_range(answer, remote, start, end)
        ticker.advance(start - ticker.done)
        with open(part, "ab") as file:
            file.truncate(start)
            for block in _blocks(answer, None if end is None else end - start):
                file.write(block)
                ticker.advance(len(block))


def _check_range(answer: requests.Response, remote: Remote, start: int, end: int) -> None:
    expected = f"bytes {start}-{end - 1}/{remote.size}"
    given = answer.headers.get("Content-Range")
    if answer.status_code != 206 or given != expected:
        raise InputError(f"{remote.url}: asked for {expected}, the server gives {answer.status_code} {given}.")
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise InputError(f"{remote.url}: the server compresses ranges, which can't be joined.")


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
