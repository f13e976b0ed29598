"""Common Crawl: the first WARC files of a dump, downloaded, resumed and checked.

In: a dump's name, its server, a limit in files or bytes. Out: WARCs under out/warc/ and
out/manifest.json. The layout is Common Crawl's: <base_url>/crawl-data/<dump>/warc.paths.gz names the files.
"""

import gzip
import zlib
from functools import partial
from pathlib import Path

from lab.crawl.warc import manifest
from lab.errors import InputError
from lab.files import download, open_url, remote_size, write_json
from lab.params import CrawlParams, EngineParams

_BLOCK = 1 << 20


def crawl(out: Path, params: CrawlParams, engine: EngineParams) -> dict:
    """Download the files and write out/manifest.json; returns metrics. Files that are complete are not fetched again.

    With `max_bytes`, the last file is cut after its last complete record. InputError: no such dump, no network, a
    server that sends other bytes than asked for.
    """
    base = params.base_url.rstrip("/")
    files: list[Path] = []
    budget = params.max_bytes
    for name in _paths(base, params.dump)[: params.files]:
        if budget is not None and budget <= 0:
            break
        url = f"{base}/{name}"
        size = remote_size(url)
        if size is None:
            raise InputError(f"{url}: the server does not answer a range request; can't download.")
        length = size if budget is None else min(size, budget)
        cut = length < size
        target = out / "warc" / (f"first-{length}-{Path(name).name}" if cut else Path(name).name)
        if not target.is_file() or not (cut or target.stat().st_size == size):
            download(url, target, size=size, first=length, check=partial(_check_members, url=url, cut=cut))
        budget = None if budget is None else budget - length
        if target.stat().st_size:
            files.append(target)
    if not files:
        raise InputError(f"crawl.max_bytes: {params.max_bytes} bytes hold no whole record; raise it.")
    written = {"source": "commoncrawl", "dump": params.dump, **manifest([str(path) for path in files])}
    write_json(out / "manifest.json", written)
    return {"source": "commoncrawl", "files": len(files), "bytes": sum(file["bytes"] for file in written["files"])}


def _paths(base: str, dump: str) -> list[str]:
    url = f"{base}/crawl-data/{dump}/warc.paths.gz"
    with open_url(url) as answer:
        if answer.status_code in (403, 404):
            raise InputError(f"{url}: no dump '{dump}' there. Correct crawl.dump; names are like CC-MAIN-2024-10.")
        if answer.status_code != 200:
            raise InputError(f"{url}: the server answers {answer.status_code}. Try again later.")
        try:
            return gzip.decompress(answer.raw.read(decode_content=False)).decode().split()
        except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
            raise InputError(f"{url}: not a gzip list of paths ({error}). Check crawl.base_url.") from None


def _check_members(path: Path, *, url: str, cut: bool) -> None:
    """Cut a file after its last complete gzip member. InputError if a file that should be complete needs that."""
    whole = _whole_members(path)
    if not cut and whole != path.stat().st_size:
        raise InputError(f"{url}: the file that came is broken after byte {whole}. Run again to fetch it anew.")
    with open(path, "r+b") as file:
        file.truncate(whole)


def _whole_members(path: Path) -> int:
    """Bytes up to the end of the last complete gzip member (a WARC record each)."""
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
