"""Pages that people reported of other extractors: without these their text is lost or mixed with another, silently."""

import json
import os
from pathlib import Path

import pytest

from lab.curate.extract import extract_text

_FOLDER = Path(os.environ.get("LAB_SHARED", "../shared")) / "cases" / "curation"
_CASES = _FOLDER / "cases.json"


def cases() -> list[dict]:
    listed = json.loads(_CASES.read_text()) if _CASES.is_file() else []
    return [case for case in listed if case["how"] == "lab.curate.extract.extract_text"]


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["id"])
def test_a_reported_page(case: dict):
    text = " ".join(extract_text((_FOLDER / case["file"]).read_bytes()).split())
    assert [part for part in case["expected"]["contains"] if " ".join(part.split()) not in text] == []
    assert [part for part in case["expected"]["not"] if part in text] == []
