"""The source `commoncrawl`: the first WARC files of a dump, downloaded, resumed and checked.

In: a dump's name, its server, a limit in files or bytes. Out: WARCs under out/warc/ and out/manifest.json. The layout
is Common Crawl's: <base_url>/crawl-data/<dump>/warc.paths.gz names the files. Downloads are kept in .lab/downloads,
named by their URL and version, and linked into the output, which DVC empties before each run.
"""

import math
import zlib
from collections import Counter
from hashlib import sha256
from pathlib import Path

from lab.crawl.members import BLOCK, Broken, Reader
from lab.crawl.warc import write_manifest
from lab.download import Missing, Remote, download, probe, read
from lab.errors import InputError
from lab.files import link
from lab.params import CrawlParams, EngineParams

EXAMPLE = "CC-MAIN-2024-10"
DOWNLOADS = Path(".lab/downloads")
MAX_PATHS_BYTES = 1 << 26  # of the list of a dump's files; Common Crawl's have a few megabytes unpacked


def crawl(out: Path, params: CrawlParams, engine: EngineParams) -> dict:
    """Download the files and write out/manifest.json; returns metrics. Files that are complete are not fetched again.

    With `max_bytes`, the last file is cut after its last complete record. InputError: no such dump, no network, a
    server that sends other bytes than asked for.
    """
    base = params.base_url.rstrip("/")
    files: list[Path] = []
    budget = params.max_bytes or math.inf
    paths = _paths(base, params.dump, params.attempts)[: params.files]
    repeated = {name for name, count in Counter(Path(path).name for path in paths).items() if count > 1}
    for path in paths:
        if budget <= 0:
            break
        remote = probe(f"{base}/{path}", params.attempts)
        if remote.size is None:
            raise InputError(f"{remote.url}: the server does not answer a range request; can't download.")
        length = min(remote.size, budget)
        name = path.replace("/", "-") if Path(path).name in repeated else Path(path).name
        target = out / "warc" / (name if length == remote.size else f"first-{length}-{name}")
        target.parent.mkdir(parents=True, exist_ok=True)
        link(_downloaded(remote, length, params.attempts), target)
        budget -= length
        if target.stat().st_size:
            files.append(target)
    if not files:
        raise InputError(f"crawl.max_bytes: {params.max_bytes} bytes hold no whole record; raise it.")
    return write_manifest(out, [str(path) for path in files], source="commoncrawl", dump=params.dump)


def _downloaded(remote: Remote, length: int, attempts: int) -> Path:
    """The file, or its first `length` bytes up to a whole record, in the folder of downloads."""
    key = sha256(f"{remote.url} {remote.tag} {remote.size} {length}".encode()).hexdigest()[:16]
    target = DOWNLOADS / f"{key}-{Path(remote.url).name}"
    cut = length < (remote.size or 0)
    if not target.is_file() or not (cut or target.stat().st_size == remote.size):
        download(remote, target, first=length, check=_cut_to_members if cut else None, attempts=attempts)
    return target


def _paths(base: str, dump: str, attempts: int) -> list[str]:
    url = f"{base}/crawl-data/{dump}/warc.paths.gz"
    try:
        content = read(url, MAX_PATHS_BYTES, attempts)
    except Missing as error:
        raise InputError(f"{error} Is there no dump '{dump}'? Correct crawl.dump; names are like {EXAMPLE}.") from None
    try:
        paths = zlib.decompressobj(31).decompress(content, MAX_PATHS_BYTES).decode().split()
    except (zlib.error, UnicodeDecodeError) as error:
        raise InputError(f"{url}: not a gzip list of paths ({error}). Check crawl.base_url.") from None
    if not paths:
        raise InputError(f"{url}: the list of the dump's files is empty. Check crawl.base_url and crawl.dump.")
    return paths


def _cut_to_members(path: Path) -> None:
    """Cut a file after its last complete gzip member. Damaged members before it stay: the index counts them."""
    with open(path, "r+b") as file:
        reader = Reader(file, path.name)
        end = 0
        start: int | None = reader.first
        while start is not None and start < reader.size:
            reader.open(start)
            try:
                while reader.skip(BLOCK) == BLOCK:
                    pass
                end = start = reader.end
            except Broken as damage:
                start = None if damage.cut else reader.next_member(start + 1, reader.size)[0]
        file.truncate(end)
