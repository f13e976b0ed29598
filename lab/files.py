"""Files written whole or not at all, small JSON and YAML read with errors that say what to do, locks, and hashes."""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from lab.errors import InputError, LabError

FULL_BYTES = 1 << 20  # a disk with less left is full


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A temporary name beside `path` to write to, in a folder that is made if need be.

    What was written becomes `path` at the end, so that a file that exists is whole; after an error it is removed, and
    what was at `path` stays. A full disk is an OSError, whatever the library that wrote makes of it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    except Exception as error:
        error = explained(error, path.parent)  # while what was written still fills the disk
        raise error
    finally:
        temporary.unlink(missing_ok=True)


def explained(error: Exception, folder: Path) -> Exception:
    """The error of what wrote into a folder, or OSError where its disk is full: safetensors, say, does not tell."""
    if not isinstance(error, OSError) and shutil.disk_usage(folder).free < FULL_BYTES:
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
        full.__cause__ = error
        return full
    return error


def write_text(path: Path, text: str) -> None:
    """A text in UTF-8, whole or not at all."""
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """A JSON file for people and programs, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_json_lines(path: Path, rows: Iterable[dict]) -> None:
    """A JSON object a line, whole or not at all."""
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def read_json_lines(path: Path) -> list[Any]:
    """The values of a file with one a line. InputError, with the line, where it is broken."""
    found = []
    # split, not splitlines: JSON may hold U+2028.
    for number, line in enumerate(path.read_text("utf-8", "replace").split("\n"), 1):
        try:
            found += [json.loads(line)] if line.strip() else []
        except ValueError as error:
            reason = f"line {number} is not JSON ({error})"
            raise InputError(f"{path}: {reason}. Remove it and run `dvc repro` to make it again.") from None
    return found


def json_objects(lines: Iterable[str]) -> Iterator[dict]:
    """The objects of JSON lines; broken lines and other values are skipped."""
    for line in lines:
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value


def read_json(path: Path) -> Any:
    """The value of a JSON file. InputError where it is missing or broken."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file. Run `dvc repro` to make it.") from None
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({error}). Remove it and run `dvc repro` to make it again.") from None


def parse_yaml(text: str, where: str, holds: str = "keys with values") -> dict[Any, Any]:
    """The mapping in a YAML text, empty where nothing stands in it. InputError names `where` that is, and what it is
    that it `holds`."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        values = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise InputError(f"{where}: not YAML: {' '.join(str(error).split())}") from None
    if values is not None and not isinstance(values, dict):
        raise InputError(f"{where}: there must be {holds}, not a {type(values).__name__}.")
    return values or {}


@contextmanager
def alone(path: Path, refusal: str) -> Iterator[None]:
    """In it no other process is in the same of this file, which is made if need be; LabError(`refusal`) where one is.

    A process that dies, however, leaves it.
    """
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LabError(refusal) from None
        yield


def link(source: Path, target: Path) -> None:
    """Hard-link a file, replacing what is there; copy it where links can't be."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def file_digest(path: Path) -> bytes:
    """BLAKE2b of a file's bytes, which are read once a process, as long as it is the same file to the system.

    What DVC goes by, too: inode, time of the last change, and size.
    """
    found = path.stat()
    return _file_digest(path, found.st_ino, found.st_mtime_ns, found.st_size)


@lru_cache(1 << 16)
def _file_digest(path: Path, *_: int) -> bytes:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "blake2b").digest()
