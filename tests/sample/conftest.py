"""A small sample crawl, made once: a few hundred pages out of the libraries that every installation of the lab has."""

import os
from pathlib import Path

import pytest

from lab.params import CrawlParams, EngineParams, SampleParams
from lab.sample import crawl as sample

LOCK = Path(__file__).resolve().parents[2] / "requirements.lock"
LIBRARIES = ("click", "Jinja2", "Markdown", "pydantic", "rich", "tiktoken", "typer")
SIZES = {"seed": 1, "town_pages": 120, "documentation_pages": 60, "planted_per_kind": 4, "files": 2}


def crawl(folder: Path, workers: int = 1, **changes: object) -> dict:
    """The sample crawl into folder/data/crawl, from the folder, as a stage does."""
    params = SampleParams(**{**SIZES, "lock": str(folder.parent / "some.lock"), **changes})
    before = Path.cwd()
    folder.mkdir(parents=True)
    os.chdir(folder)
    try:
        return sample.crawl(Path("data/crawl"), CrawlParams(sample=params), EngineParams(workers=workers))
    finally:
        os.chdir(before)


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a lock file of a few pins."""
    folder = tmp_path_factory.mktemp("sample")
    pins = [line for line in LOCK.read_text("utf-8").splitlines() if line.split("==")[0] in LIBRARIES]
    assert len(pins) == len(LIBRARIES)
    (folder / "some.lock").write_text("\n".join(pins) + "\n")
    return folder


@pytest.fixture(scope="session")
def small(place: Path) -> tuple[Path, dict]:
    """(folder in which data/crawl lies, metrics) of a crawl made in one process."""
    return place / "small", crawl(place / "small")
