"""Input of commands: the project, which is the nearest folder, from the current one up, with params.yaml and dvc.yaml;
and text from stdin.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from lab.errors import InputError


@dataclass(frozen=True)
class Project:
    """A checkout of the lab."""

    root: Path

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def reports(self) -> Path:
        return self.root / "reports"


def find_project(start: Path | None = None) -> Project:
    """The project that `start` (default: the current folder) lies in. InputError if there is none."""
    start = (start or Path.cwd()).absolute()
    for folder in (start, *start.parents):
        if (folder / "params.yaml").is_file() and (folder / "dvc.yaml").is_file():
            return Project(folder)
    raise InputError(f"{start}: neither this folder nor one above is a lab (params.yaml, dvc.yaml). cd to one.")


def read_stdin(request: str) -> str:
    """All of stdin; on a terminal the `request` says what to type."""
    if sys.stdin.isatty():
        print(f"{request}, then Ctrl-D on a line of its own.", file=sys.stderr)
    return sys.stdin.buffer.read().decode("utf-8", "replace")
