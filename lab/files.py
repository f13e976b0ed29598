"""Files: written whole or not at all, locked, linked and hashed; JSON and YAML read with errors that say what to do."""

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

FULL_BYTES = 1 << 20  # a disk with less free space is full


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A temporary name beside `path` to write to; its folder is created.

    At the end the temporary file becomes `path`, so that a file that exists is whole. On an error it is removed, and
    `path` stays as it was. A full disk raises OSError, whatever the writing library raises.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    except Exception as error:
        error = explained(error, path.parent)  # before the removal frees the disk
        raise error
    finally:
        temporary.unlink(missing_ok=True)


def explained(error: Exception, folder: Path) -> Exception:
    """`error`, or an OSError if the disk of `folder` is full: some libraries (safetensors) do not say so."""
    if not isinstance(error, OSError) and shutil.disk_usage(folder).free < FULL_BYTES:
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
        full.__cause__ = error
        return full
    return error


def write_text(path: Path, text: str) -> None:
    """Write a text in UTF-8, whole or not at all."""
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write an indented JSON file, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_json_lines(path: Path, rows: Iterable[dict]) -> None:
    """Write one JSON object per line, whole or not at all."""
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def read_json_lines(path: Path) -> list[Any]:
    """The values of a file with one per line. InputError, with the line number, if a line is not JSON."""
    values = []
    # split, not splitlines: JSON may hold U+2028.
    for number, line in enumerate(path.read_text("utf-8", "replace").split("\n"), 1):
        try:
            values += [json.loads(line)] if line.strip() else []
        except ValueError as error:
            reason = f"line {number} is not JSON ({error})"
            raise InputError(f"{path}: {reason}. Remove it and run `dvc repro` to make it again.") from None
    return values


def read_json(path: Path) -> Any:
    """The value of a JSON file. InputError if it is missing or broken."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file. Run `dvc repro` to make it.") from None
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({error}). Remove it and run `dvc repro` to make it again.") from None


def read_sections(path: Path) -> dict[str, list[str]]:
    """The lines of a text file under its heads "[name]"; empty lines and comments ("#") are left out."""
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("["):
            lines = sections.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            lines.append(line)
    return sections


def parse_yaml(text: str, where: str, holds: str = "keys with values") -> dict[Any, Any]:
    """The mapping in a YAML text, empty if the text is. For errors: `where` it stands, and what it `holds`."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        values = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise InputError(f"{where}: not YAML: {' '.join(str(error).split())}") from None
    if values is not None and not isinstance(values, dict):
        raise InputError(f"{where}: there must be {holds}, not a {type(values).__name__}.")
    return values or {}


def read_yaml(path: Path, holds: str, missing: str = "Run from the repository root.") -> dict[Any, Any]:
    """The mapping in a YAML file. InputError, which ends with `missing`, if there is no file; else as `parse_yaml`."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file. {missing}") from None
    return parse_yaml(text, str(path), holds)


@contextmanager
def alone(path: Path, refusal: str) -> Iterator[None]:
    """Hold a lock on `path`, which ends with the process at the latest. LabError(refusal) if another one holds it."""
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LabError(refusal) from None
        yield


def link(source: Path, target: Path) -> None:
    """Hard-link a file, replacing `target`; copy it where links are impossible."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def file_digest(path: Path) -> bytes:
    """BLAKE2b of a file, read once per process while inode, modification time and size stay the same (as for DVC)."""
    status = path.stat()
    return _file_digest(path, status.st_ino, status.st_mtime_ns, status.st_size)


@lru_cache(1 << 16)
def _file_digest(path: Path, *_: int) -> bytes:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "blake2b").digest()
