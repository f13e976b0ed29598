"""Which project a command is about: the folder with params.yaml and dvc.yaml, here or above, as git finds its own."""

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
    """The project that `start` (the current folder) lies in. InputError where it lies in none."""
    start = (start or Path.cwd()).absolute()
    for folder in (start, *start.parents):
        if (folder / "params.yaml").is_file() and (folder / "dvc.yaml").is_file():
            return Project(folder)
    raise InputError(f"{start}: neither this folder nor one above is a lab (params.yaml, dvc.yaml). cd to one.")
