"""Blacklists of hosts and URLs, compiled once and shared by all processes of a machine.

In: lists in UT1's layout (`<category>/{domains,urls}`), a folder or a .tar.gz. Out: sorted 64-bit hashes of the entries
and the numbers of their categories, in files under .lab/ that are named by a hash of the lists and mapped into memory:
ten bytes per entry.
"""

import os
import re
import shutil
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np

from lab.curate.urls.spelling import hashes, host_of, listed
from lab.errors import InputError
from lab.files import file_digest, read_json, write_json

CACHE = Path(".lab/blacklists")
_FORMAT = "2"  # of the compiled files, hashes included
_CATEGORIES = "categories.json"  # written last
_KINDS = ("domains", "urls")
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
    """`domains`: hosts; `urls`: addresses as `listed` writes them; `categories`: names by number."""

    domains: Entries
    urls: Entries
    categories: list[str]

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
        return f"{hit[0]} ({self.categories[hit[1]]})" if hit else None

    @classmethod
    def of(cls, domains: Mapping[str, str], urls: Mapping[str, str]) -> "Blacklist":
        """From entry -> category, without a file."""
        names = sorted({*domains.values(), *urls.values()})

        def entries(table: Mapping[str, str]) -> Entries:
            lists = ([entry for entry, category in table.items() if category == name] for name in names)
            return Entries.of((hashes(texts), number) for number, texts in enumerate(lists))

        return cls(entries(domains), entries(urls), names)

    @classmethod
    def load(cls, folder: Path) -> "Blacklist":
        """Map a compiled blacklist into memory."""

        def entries(kind: str) -> Entries:
            # As plain arrays: lookups in a np.memmap itself are slower.
            return Entries(*(np.asarray(np.load(path, mmap_mode="r")) for path in _column_files(folder, kind)))

        return cls(entries("domains"), entries("urls"), read_json(folder / _CATEGORIES))

    def save(self, folder: Path) -> None:
        for kind, entries in zip(_KINDS, (self.domains, self.urls), strict=True):
            for path, column in zip(_column_files(folder, kind), (entries.hashes, entries.categories), strict=True):
                np.save(path, column)
        write_json(folder / _CATEGORIES, self.categories)


def _column_files(folder: Path, kind: str) -> list[Path]:
    return [folder / f"{kind}.{column}.npy" for column in ("hashes", "categories")]


def compiled(source: Path, categories: list[str] | None = None) -> Path:
    """The folder with the compiled lists of some categories (None: all). Compiles them if they are not there yet.

    InputError if there is no such list or category.
    """
    key = blake2b(f"{_FORMAT}{sorted(categories) if categories is not None else None}".encode(), digest_size=16)
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


def build(source: Path, categories: list[str] | None = None) -> Blacklist:
    """Read and hash the lists of some categories (None: all). InputError if there is no such list or category."""
    names: list[str] = []
    parts: dict[str, list[tuple[np.ndarray, int]]] = {kind: [] for kind in _KINDS}
    for category, kind, lines in _lists(source):
        if category not in names:
            names.append(category)
        if categories is None or category in categories:
            parts[kind].append((hashes(_entries(kind, lines)), names.index(category)))
    if not names:
        raise InputError(f"{source}: no <category>/domains or <category>/urls in it. Correct url_filter.blacklist.")
    if missing := sorted(set(categories or []) - set(names)):
        raise InputError(f"{source}: no category {', '.join(missing)}. It has: {', '.join(sorted(names))}.")
    return Blacklist(Entries.of(parts["domains"]), Entries.of(parts["urls"]), names)


def _entries(kind: str, lines: Iterable[bytes]) -> Iterator[str]:
    """The entries of a list, in the spelling in which URLs are looked up."""
    for line in map(bytes.strip, lines):
        if not line or line.startswith(b"#"):
            continue
        entry = line.decode("utf-8", "replace")
        if kind == "urls":
            yield listed(f"http://{entry}")
        elif _PLAIN_HOST.fullmatch(line):
            yield entry
        else:
            yield host_of(f"[{entry}]" if entry.count(":") > 1 and "[" not in entry else entry) or entry


def _files(source: Path) -> list[tuple[str, Path]]:
    """The files of a source and their names in it, in order."""
    if source.is_dir():
        paths = sorted(path for path in source.rglob("*") if path.name in _KINDS and path.is_file())
        return [(path.relative_to(source).as_posix(), path) for path in paths]
    if not source.is_file():
        raise InputError(f"{source}: no such folder or .tar.gz. Set url_filter.blacklist.")
    return [("", source)]


def _lists(source: Path) -> Iterator[tuple[str, str, Iterable[bytes]]]:
    """(category, "domains" or "urls", lines) of each list."""
    if source.is_dir():
        for _, path in _files(source):
            with open(path, "rb") as file:
                yield path.parent.name, path.name, file
        return
    try:
        with tarfile.open(source) as archive:
            for member in archive:
                parts = Path(member.name).parts
                if len(parts) > 1 and parts[-1] in _KINDS and member.isfile():
                    yield parts[-2], parts[-1], archive.extractfile(member)
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise InputError(f"{source}: not a blacklist folder or .tar.gz ({error}). Set url_filter.blacklist.") from None
