"""Blacklists of hosts and URLs, compiled once and shared by all workers.

In: lists in UT1's layout (`<category>/{domains,urls}`), a folder or a .tar.gz. Out: sorted 64-bit hashes of the entries
and their categories, in files under .lab/ that are named by the lists' bytes and mapped into memory: nine bytes an
entry, read once for all processes of a machine. A host is on the list when it or any host above it is.
"""

import hashlib
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lab.curate.urls.spans import Spans
from lab.curate.urls.spelling import host_of, listed, string_array
from lab.errors import InputError
from lab.files import file_digest, read_json, write_json

CACHE = Path(".lab/blacklists")
_FORMAT = "1"  # of the compiled files, hashes included
_BLOCK_LINES = 1 << 16
_NAMES = "categories.json"  # written last
_COLUMNS = ("hashes", "categories", "sieve")
# Entries that are hosts as `host_of` writes them.
_PLAIN_HOST = r"^(?:[0-9a-z_-]+\.)*[0-9a-z_-]+$"


@dataclass(frozen=True)
class Entries:
    """`hashes` of entries, uint64 [entries] ascending; `categories`, uint16 [entries]: the number of each one's.

    `sieve`, uint8 [2^n]: one bit for each prefix of a hash, set where an entry has it. It is small enough for a
    processor's cache, and lets one in ten of the hashes through that no entry has.
    """

    hashes: np.ndarray
    categories: np.ndarray
    sieve: np.ndarray

    @classmethod
    def of(cls, parts: Iterable[tuple[np.ndarray, int]]) -> "Entries":
        """From (hashes, category) in the order of the lists; of an entry on several lists the first one counts."""
        parts = [(np.zeros(0, np.uint64), 0), *parts]
        hashes = np.concatenate([part for part, _ in parts])
        categories = np.repeat([number for _, number in parts], [len(part) for part, _ in parts]).astype(np.uint16)
        order = np.argsort(hashes, kind="stable")
        hashes = hashes[order]
        first = np.append(True, hashes[1:] != hashes[:-1])[: len(hashes)]
        hashes = hashes[first]
        bits = max(8 * len(hashes), 64).bit_length()
        present = np.zeros(1 << bits, bool)
        present[hashes >> np.uint64(64 - bits)] = True
        return cls(hashes, categories[order][first], np.packbits(present, bitorder="little"))

    def find(self, hashes: np.ndarray) -> np.ndarray:
        """The category of each hash, int64 [hashes]; -1: no such entry."""
        result = np.full(len(hashes), -1)
        prefixes = hashes >> np.uint64(64 - (8 * len(self.sieve)).bit_length() + 1)
        possible = np.flatnonzero((self.sieve[prefixes >> np.uint64(3)] >> (prefixes & np.uint64(7))) & np.uint64(1))
        if len(possible) and len(self.hashes):
            wanted = hashes[possible]
            places = np.minimum(np.searchsorted(self.hashes, wanted), len(self.hashes) - 1)
            found = self.hashes[places] == wanted
            result[possible[found]] = self.categories[places[found]]
        return result


@dataclass(frozen=True)
class Blacklist:
    """`domains`: hosts; `urls`: addresses as `listed` writes them; `categories`: their names by number."""

    domains: Entries
    urls: Entries
    categories: list[str]

    @classmethod
    def of(cls, domains: Mapping[str, str], urls: Mapping[str, str]) -> "Blacklist":
        """From entry -> category, without a file."""
        names = sorted({*domains.values(), *urls.values()})

        def entries(kind: str, table: Mapping[str, str]) -> Entries:
            lines = ([entry.encode() for entry, name in table.items() if name == wanted] for wanted in names)
            return Entries.of((_hashes(kind, block), number) for number, block in enumerate(lines))

        return cls(entries("domains", domains), entries("urls", urls), names)

    @classmethod
    def load(cls, folder: Path) -> "Blacklist":
        """Map a compiled blacklist into memory."""

        def entries(kind: str) -> Entries:
            return Entries(*(np.load(folder / f"{kind}.{name}.npy", mmap_mode="r") for name in _COLUMNS))

        return cls(entries("domains"), entries("urls"), read_json(folder / _NAMES))

    def save(self, folder: Path) -> None:
        for kind, entries in (("domains", self.domains), ("urls", self.urls)):
            for name in _COLUMNS:
                np.save(folder / f"{kind}.{name}.npy", getattr(entries, name))
        write_json(folder / _NAMES, self.categories)


def compiled(source: Path, categories: list[str] | None = None) -> Path:
    """The folder with the compiled lists of some categories (None: all), which is made where it is not there yet.

    InputError where there is no such list or category.
    """
    key = hashlib.blake2b(f"{_FORMAT}{sorted(categories) if categories is not None else None}".encode(), digest_size=16)
    for name, path in _files(source):
        key.update(name.encode() + b"\n" + file_digest(path))
    folder = CACHE / key.hexdigest()
    if (folder / _NAMES).is_file():
        return folder
    built = build(source, categories)
    temporary = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    built.save(temporary)
    try:
        temporary.rename(folder)
    except OSError:  # another process was faster, with the same bytes
        shutil.rmtree(temporary)
    return folder


def build(source: Path, categories: list[str] | None = None) -> Blacklist:
    """Read and hash the lists of some categories (None: all). InputError where there is no such list or category."""
    names: list[str] = []
    parts: dict[str, list[tuple[np.ndarray, int]]] = {"domains": [], "urls": []}
    for category, kind, lines in _lists(source):
        if category not in names:
            names.append(category)
        if categories is None or category in categories:
            parts[kind].extend((_hashes(kind, block), names.index(category)) for block in _blocks(lines))
    if not names:
        raise InputError(f"{source}: no <category>/domains or <category>/urls in it. Correct url_filter.blacklist.")
    if missing := sorted(set(categories or []) - set(names)):
        raise InputError(f"{source}: no category {', '.join(missing)}. It has: {', '.join(sorted(names))}.")
    return Blacklist(Entries.of(parts["domains"]), Entries.of(parts["urls"]), names)


def _blocks(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    block: list[bytes] = []
    for line in lines:
        if (line := line.strip()) and not line.startswith(b"#"):
            block.append(line)
            if len(block) == _BLOCK_LINES:
                yield block
                block = []
    yield block


def _hashes(kind: str, lines: list[bytes]) -> np.ndarray:
    """Hashes of entries in the spelling that URLs are looked up in, uint64 [entries]."""
    if kind == "urls":
        texts = string_array([listed(f"http://{line.decode('utf-8', 'replace')}") for line in lines])
    else:
        plain = pc.match_substring_regex(pa.array(lines, pa.binary()), _PLAIN_HOST).to_pylist()
        texts = string_array([_host(line, known) for line, known in zip(lines, plain, strict=True)])
    spans, starts, ends = Spans.of(texts)
    return spans.hashes(starts, ends)


def _host(line: bytes, plain: bool) -> str:
    if plain:
        return line.decode("ascii")
    entry = line.decode("utf-8", "replace")
    return host_of(f"[{entry}]" if entry.count(":") > 1 and "[" not in entry else entry) or entry


def _files(source: Path) -> list[tuple[str, Path]]:
    """The files of a source and their names in it, in order."""
    if source.is_dir():
        found = (path for path in source.rglob("*") if path.name in ("domains", "urls") and path.is_file())
        return [(path.relative_to(source).as_posix(), path) for path in sorted(found)]
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
                if len(parts) > 1 and parts[-1] in ("domains", "urls") and member.isfile():
                    yield parts[-2], parts[-1], archive.extractfile(member)
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise InputError(f"{source}: not a blacklist folder or .tar.gz ({error}). Set url_filter.blacklist.") from None
