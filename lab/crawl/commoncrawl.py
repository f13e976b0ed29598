"""Common Crawl: the first WARC files of a dump, downloaded, resumed and checked.

In: a dump's name, its server, a limit in files or bytes. Out: WARCs under out/warc/ and
out/manifest.json. The layout is Common Crawl's: <base_url>/crawl-data/<dump>/warc.paths.gz names the files, one a line.
"""

import gzip
import time
import zlib
from pathlib import Path

import requests

from lab.crawl import warc
from lab.errors import InputError
from lab.files import write_json
from lab.params import CrawlParams, EngineParams
from lab.progress import Ticker, progress

ATTEMPTS = 5
_BLOCK = 1 << 20
_TIMEOUT = (20, 60)  # seconds to connect, and between bytes


def crawl(out: Path, params: CrawlParams, engine_params: EngineParams) -> dict:
    """The stage for source `commoncrawl`: see `download`."""
    return download(params, out)


def download(params: CrawlParams, out: Path) -> dict:
    """Fetch the files, write out/manifest.json; the stage's metrics. Whole files that are there are not fetched again.

    With `max_bytes`, the last file is cut behind its last whole record. InputError: no such dump, no network, a server
    that gives other bytes than asked for.
    """
    base = params.base_url.rstrip("/")
    files: list[Path] = []
    left = params.max_bytes
    for name in _paths(base, params.dump)[: params.files]:
        if left is not None and left <= 0:
            break
        url, size = f"{base}/{name}", _size(f"{base}/{name}")
        wanted = size if left is None else min(size, left)
        cut = wanted < size
        target = out / "warc" / (f"first-{wanted}-{Path(name).name}" if cut else Path(name).name)
        _fetch(url, target, wanted, size, cut)
        left = None if left is None else left - wanted
        if target.stat().st_size:
            files.append(target)
    if not files:
        raise InputError(f"crawl.max_bytes: {params.max_bytes} bytes hold no whole record; raise it.")
    found = {"source": "commoncrawl", "dump": params.dump, **warc.manifest([str(path) for path in files])}
    write_json(out / "manifest.json", found)
    return {"source": "commoncrawl", "files": len(files), "bytes": sum(file["bytes"] for file in found["files"])}


def _get(url: str, **more: object) -> requests.Response:
    try:
        return requests.get(url, timeout=_TIMEOUT, stream=True, **more)
    except requests.RequestException as error:
        raise InputError(f"{url}: can't be reached ({type(error).__name__}). Is there a network?") from None


def _paths(base: str, dump: str) -> list[str]:
    url = f"{base}/crawl-data/{dump}/warc.paths.gz"
    with _get(url) as answer:
        if answer.status_code in (403, 404):
            raise InputError(f"{url}: no dump '{dump}' there. Correct crawl.dump; names are like CC-MAIN-2024-10.")
        if answer.status_code != 200:
            raise InputError(f"{url}: the server answers {answer.status_code}. Try again later.")
        try:
            return gzip.decompress(answer.raw.read(decode_content=False)).decode().split()
        except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
            raise InputError(f"{url}: not a gzip list of paths ({error}). Check crawl.base_url.") from None


def _size(url: str) -> int:
    with _get(url, headers={"Range": "bytes=0-0", "Accept-Encoding": "identity"}) as answer:
        total = answer.headers.get("Content-Range", "").rpartition("/")[2]
        if answer.status_code != 206 or not total.isdigit():
            raise InputError(f"{url}: the server answers {answer.status_code} to a range request; can't download.")
        return int(total)


def _fetch(url: str, target: Path, wanted: int, size: int, cut: bool) -> None:
    """Download the first `wanted` bytes to `target`, from where an earlier attempt ended; check what came."""
    if target.is_file() and (cut or target.stat().st_size == size):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    with progress(f"crawl {target.name}", wanted) as ticker:
        ticker.advance(min(part.stat().st_size, wanted) if part.exists() else 0)
        for attempt in range(ATTEMPTS):
            if part.exists() and part.stat().st_size >= wanted:
                break
            if attempt:
                time.sleep(0.2 * 2**attempt)
            _append(url, part, wanted, size, ticker)
        else:
            if part.stat().st_size < wanted:
                raise InputError(f"{url}: the connection broke {ATTEMPTS} times. Run again: what came is kept.")
    whole = _whole_members(part)
    if not cut and whole != size:
        part.unlink()
        raise InputError(f"{url}: the file that came is broken behind byte {whole}. Run again to fetch it anew.")
    with open(part, "r+b") as file:
        file.truncate(whole)
    part.replace(target)


def _append(url: str, part: Path, wanted: int, size: int, ticker: Ticker) -> None:
    have = part.stat().st_size if part.exists() else 0
    try:
        headers = {"Range": f"bytes={have}-{wanted - 1}", "Accept-Encoding": "identity"}
        with requests.get(url, headers=headers, timeout=_TIMEOUT, stream=True) as answer, open(part, "ab") as file:
            expected = f"bytes {have}-{wanted - 1}/{size}"
            if answer.status_code != 206 or answer.headers.get("Content-Range") != expected:
                shown = answer.headers.get("Content-Range")
                raise InputError(f"{url}: asked for {expected}, the server gives {answer.status_code} {shown}.")
            # Else urllib3 throws away what came of the last block when the connection breaks.
            answer.raw.enforce_content_length = False
            for block in answer.iter_content(_BLOCK):
                file.write(block)
                ticker.advance(len(block))
    except requests.RequestException:
        return  # the next attempt goes on from what has come


def _whole_members(path: Path) -> int:
    """Bytes up to the end of the last whole gzip member (a WARC record each)."""
    whole = position = 0
    inflate = zlib.decompressobj(31)
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            while block:
                try:
                    inflate.decompress(block)
                except zlib.error:
                    return whole
                position += len(block) - len(inflate.unused_data)
                block = inflate.unused_data
                if inflate.eof:
                    whole, inflate = position, zlib.decompressobj(31)
    return whole
