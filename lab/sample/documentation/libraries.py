"""The libraries of this installation whose documentation the sample web publishes, and their source files.

In: a lock file (pip freeze's format). Out: the standard library, and the distributions that are installed in the
version that the lock pins; anything else that is installed is ignored. Nothing is imported.
"""

import importlib.metadata
import platform
import re
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from lab.errors import InputError

STANDARD_LIBRARY = "python"
MAX_FILE_BYTES = 1_000_000

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;#\\]+)")
_SKIPPED_FOLDERS = {"test", "tests", "testing", "__pycache__"}
# Parts of the standard library that some systems package separately, or that differ between machines.
_OPTIONAL_MODULES = {"ensurepip", "venv", "idlelib", "lib2to3", "distutils", "tkinter", "turtle", "turtledemo", "test"}


@dataclass(frozen=True)
class Library:
    """A distribution (or the standard library) whose documentation can be read."""

    name: str
    version: str
    source_bytes: int

    @property
    def host(self) -> str:
        return f"{re.sub(r'[^a-z0-9]+', '-', self.name.lower())}.docs.example"


def pins(lock: Path) -> dict[str, str]:
    """The distributions that a lock file pins (name -> version), in alphabetical order."""
    try:
        lines = lock.read_text("utf-8").splitlines()
    except OSError:
        raise InputError(f"{lock}: no such lock file. Set crawl.sample.lock to one (pip freeze's format).") from None
    matches = (match for line in lines if (match := _PIN.match(line.strip())))
    return dict(sorted((match.groups() for match in matches), key=lambda pin: pin[0].lower()))


def find_libraries(lock: Path) -> tuple[list[Library], dict[str, list[str]]]:
    """(libraries that can be read, the standard library first; names of the pins that cannot, by reason)."""
    libraries = [Library(STANDARD_LIBRARY, platform.python_version(), sum(size for _, size in _standard_library()))]
    unusable: dict[str, list[str]] = {"not installed": [], "other version": []}
    for name, version in pins(lock).items():
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            unusable["not installed"].append(name)
            continue
        if distribution.version.split("+")[0] != version.split("+")[0]:  # 2.13.0+cpu is a build of 2.13.0
            unusable["other version"].append(name)
            continue
        libraries.append(Library(name, version, sum(size for _, size in _distribution_files(name))))
    return libraries, unusable


def _standard_library() -> list[tuple[Path, int]]:
    """The sources of the modules that every CPython of this version has, whoever packaged it."""
    root = Path(sysconfig.get_paths()["stdlib"])
    files = []
    for name in sorted(sys.stdlib_module_names - _OPTIONAL_MODULES):
        paths = [root / f"{name}.py"] if (root / f"{name}.py").is_file() else sorted((root / name).rglob("*.py"))
        files += [(path.relative_to(root), path.stat().st_size) for path in paths]
    return [(path, size) for path, size in files if _included(path)]


def _distribution_files(name: str) -> list[tuple[Path, int]]:
    files = importlib.metadata.distribution(name).files or []
    return [(Path(file), file.size or 0) for file in sorted(files, key=str) if file.suffix == ".py" and _included(file)]


def _included(path: Path) -> bool:
    return (
        not _SKIPPED_FOLDERS.intersection(path.parts) and ".." not in path.parts and not path.name.startswith("test_")
    )


def source_files(library: Library) -> tuple[Path, list[Path]]:
    """The folder where a library is installed, and its source files relative to that."""
    if library.name == STANDARD_LIBRARY:
        return Path(sysconfig.get_paths()["stdlib"]), [path for path, _ in _standard_library()]
    root = Path(str(importlib.metadata.distribution(library.name).locate_file("")))
    return root, [path for path, size in _distribution_files(library.name) if size < MAX_FILE_BYTES]
