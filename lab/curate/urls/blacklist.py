"""Blacklists of hosts and URLs, compiled once and shared by all processes of a machine.

In: lists in UT1's layout (`<category>/{domains,urls,usage}`, each list perhaps as .gz), a folder or a .tar.gz. Out:
sorted 64-bit hashes of the entries and the numbers of their categories, in files under .lab/ that are named by a hash
of the lists and mapped into memory: ten bytes per entry.

UT1 also has lists of sites to allow (`usage`: white), and of the press, blogs, shops and translators, which a corpus
wants. `fineweb` leaves out both, as RefinedWeb and FineWeb do (Penedo et al. 2023, appendix G.1).
"""

import gzip
import os
import re
import shutil
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import IO

import numpy as np

from lab.curate.urls.spelling import hashes, host_of, listed
from lab.errors import InputError
from lab.files import file_digest, read_json, write_json

CACHE = Path(".lab/blacklists")
FINEWEB = "fineweb"
HARMLESS = frozenset(Path(__file__).with_name("harmless_categories.txt").read_text("utf-8").split("\n", 1)[1].split())
LONGEST_LINE = 1 << 14  # bytes; an entry can't be as long
_FORMAT = "4"  # of the compiled files, hashes included
_CATEGORIES = "categories.json"  # name -> number of entries, by number; written last
_KINDS = ("domains", "urls")
_LISTS = ("domains", "urls", "domains.gz", "urls.gz", "usage")
_SCHEME = re.compile(r"\Ahttps?://", re.IGNORECASE)
_PLAIN_HOST = re.compile(rb"(?:[0-9a-z_-]+\.)*[0-9a-z_-]+")  # an entry that `host_of` would leave as it is


@dataclass(frozen=True)
class Entries:
    """`hashes`: of the entries, uint64 [entries], ascending; `categories`: their numbers, uint16 [entries]."""

    hashes: np.ndarray
    categories: np.ndarray

    @classmethod
    def of(cls, lists: Iterable[tuple[np.ndarray, int]]) -> "Entries":
        """From (hashes, category) per list. An entry of several lists gets the category of the first."""
        lists = [(np.zeros(0, np.uint64), 0), *lists]
        categories = np.repeat([number for _, number in lists], [len(part) for part, _ in lists]).astype(np.uint16)
        unique, first = np.unique(np.concatenate([part for part, _ in lists]), return_index=True)
        return cls(unique, categories[first])

    def first(self, texts: list[str]) -> tuple[str, int] | None:
        """The first of `texts` that is an entry, and its category; None if none is."""
        if not len(self.hashes):
            return None
        sought = hashes(texts)
        places = np.minimum(self.hashes.searchsorted(sought), len(self.hashes) - 1)
        hits = np.flatnonzero(self.hashes[places] == sought)
        return (texts[hits[0]], int(self.categories[places[hits[0]]])) if len(hits) else None


@dataclass(frozen=True)
class Blacklist:
    """`domains`: hosts; `urls`: addresses as `listed` writes them; `categories`: name -> entries, by number."""

    domains: Entries
    urls: Entries
    categories: dict[str, int]

    # How a page is looked up:
    # 1. Its host and URL are spelled as the entries are (`host_of`, `listed`).
    # 2. A listed host covers all hosts below it: the page's host and each one above it are candidates, longest first.
    # 3. All candidates are hashed to 64 bits and searched for in the sorted hashes, in the mapped file itself.
    # 4. The first candidate whose hash is there is the hit. Two texts share a hash with a probability of 2^-64: among
    #    four million entries, one lookup in 10^12 hits wrongly.

    def domain(self, host: str) -> str | None:
        """The entry that is the host or a host above it, with its category: "bad.example (adult)"."""
        labels = host.split(".")
        return self._named(self.domains.first([".".join(labels[start:]) for start in range(len(labels))]))

    def url(self, url: str) -> str | None:
        """The entry that is the URL, with its category."""
        return self._named(self.urls.first([listed(url)])) if len(self.urls.hashes) else None

    def _named(self, hit: tuple[str, int] | None) -> str | None:
        return f"{hit[0]} ({list(self.categories)[hit[1]]})" if hit else None

    @classmethod
    def load(cls, folder: Path) -> "Blacklist":
        """Map a compiled blacklist into memory."""

        def column(name: str) -> np.ndarray:
            # As a plain array: lookups in a np.memmap itself are slower.
            return np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r"))

        domains, urls = (Entries(column(f"{kind}.hashes"), column(f"{kind}.categories")) for kind in _KINDS)
        return cls(domains, urls, read_json(folder / _CATEGORIES))

    def save(self, folder: Path) -> None:
        for kind, entries in zip(_KINDS, (self.domains, self.urls), strict=True):
            np.save(folder / f"{kind}.hashes.npy", entries.hashes)
            np.save(folder / f"{kind}.categories.npy", entries.categories)
        write_json(folder / _CATEGORIES, self.categories)


Categories = list[str] | str | None  # names, or FINEWEB, or None: all that block


def compiled(source: Path, categories: Categories = None) -> Path:
    """The folder with some categories' lists, compiled if need be. InputError if there is no such list or category."""
    wanted = sorted(categories) if isinstance(categories, list) else categories
    key = blake2b(f"{_FORMAT}{wanted}".encode(), digest_size=16)
    for name, path in _files(source):
        key.update(name.encode() + b"\n" + file_digest(path))
    folder = CACHE / key.hexdigest()
    if (folder / _CATEGORIES).is_file():
        return folder
    blacklist = build(source, categories)
    temporary = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    blacklist.save(temporary)
    try:
        temporary.rename(folder)
    except OSError:  # another process was faster, with the same bytes
        shutil.rmtree(temporary)
    return folder


def build(source: Path, categories: Categories = None) -> Blacklist:
    """Read and hash the lists of some categories. InputError if there is no such list or category."""
    lists: dict[str, dict[str, np.ndarray]] = {}
    white: set[str] = set()
    for category, kind, lines in _lists(source):
        if kind == "usage":
            usages = {line.strip().lower() for line in lines}
            white |= {category} if b"white" in usages and b"black" not in usages else set()
        elif isinstance(categories, list) and category not in categories:
            lists.setdefault(category, {})
        elif categories != FINEWEB or category not in HARMLESS:
            lists.setdefault(category, {})[kind] = hashes(_entries(kind, lines))
    if not lists and categories != FINEWEB:
        raise InputError(f"{source}: no <category>/domains or <category>/urls in it. Correct url_filter.blacklist.")
    names = sorted(set(lists) - white) if not isinstance(categories, list) else categories
    if not names:
        raise InputError(f"{source}: none of its categories is harmful. Name some in url_filter.categories, or null.")
    if missing := sorted(set(names) - set(lists)):
        raise InputError(f"{source}: no category {', '.join(missing)}. It has: {', '.join(sorted(lists))}.")
    if allowing := ", ".join(sorted(white.intersection(names))):
        raise InputError(
            f"{source}: {allowing} lists sites to allow, not to block (its file `usage` says white). Take it out of "
            "url_filter.categories."
        )
    chosen = {name: lists[name] for name in names if lists[name]}
    domains, urls = (
        Entries.of((found[kind], number) for number, found in enumerate(chosen.values()) if kind in found)
        for kind in _KINDS
    )
    return Blacklist(domains, urls, {name: sum(map(len, found.values())) for name, found in chosen.items()})


def _entries(kind: str, lines: Iterable[bytes]) -> Iterator[str]:
    """The entries of a list, in the spelling in which URLs are looked up."""
    for line in map(bytes.strip, lines):
        if not line or line.startswith(b"#"):
            continue
        entry = line.decode("utf-8", "replace")
        if kind == "urls":
            yield listed(f"http://{_SCHEME.sub('', entry)}")
        elif _PLAIN_HOST.fullmatch(line):
            yield entry
        else:  # perhaps ".host", "*.host", or a comment behind it
            entry = line.split()[0].decode("utf-8", "replace").lstrip("*.")
            yield host_of(f"[{entry}]" if entry.count(":") > 1 and "[" not in entry else entry) or entry


def _files(source: Path) -> list[tuple[str, Path]]:
    """The files of a source and their names in it, in order."""
    if source.is_dir():
        paths = sorted(path for path in source.rglob("*") if path.name in _LISTS and path.is_file())
        return [(path.relative_to(source).as_posix(), path) for path in paths]
    if not source.is_file():
        raise InputError(f"{source}: no such folder or .tar.gz. Set url_filter.blacklist.")
    return [("", source)]


def _lists(source: Path) -> Iterator[tuple[str, str, Iterable[bytes]]]:
    """(category, "domains", "urls" or "usage", lines) of each list."""
    try:
        if source.is_dir():
            for _, path in _files(source):
                with open(path, "rb") as file:
                    yield path.parent.name, path.name.removesuffix(".gz"), _lines(file, path.name)
            return
        with tarfile.open(source) as archive:
            for member in archive:
                parts = Path(member.name).parts
                file = archive.extractfile(member) if len(parts) > 1 and parts[-1] in _LISTS else None
                if file is not None:
                    yield parts[-2], parts[-1].removesuffix(".gz"), _lines(file, parts[-1])
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise InputError(f"{source}: not a blacklist folder or .tar.gz ({error}). Set url_filter.blacklist.") from None


def _lines(file: IO[bytes], name: str) -> Iterator[bytes]:
    """The lines of a list, decompressed if it is a .gz; longer ones than an entry can be are left out."""
    stream = gzip.GzipFile(fileobj=file) if name.endswith(".gz") else file
    whole = True
    while line := stream.readline(LONGEST_LINE):
        ended = line.endswith(b"\n") or len(line) < LONGEST_LINE
        if whole and ended:
            yield line
        whole = ended
