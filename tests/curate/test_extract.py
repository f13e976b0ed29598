"""Extraction: without these pages come out garbled, or one page stops a run."""

import time

import pytest

from lab.crawl.warc import Record
from lab.curate import extract
from lab.params import ExtractParams

TEXT = "Grüße aus Köln"


@pytest.mark.parametrize(
    ("html", "header"),
    [
        (f"<p>{TEXT}".encode(), None),
        (f"<p>{TEXT}".encode("latin-1"), "iso-8859-1"),
        (f"<meta charset=windows-1252><p>{TEXT}".encode("cp1252"), None),
        (b"\xff\xfe" + f"<p>{TEXT}".encode("utf-16-le"), "utf-8"),
        (f"<meta charset=utf-8><p>{TEXT}".encode("cp1252"), "utf-8"),
    ],
)
def test_charsets(html: bytes, header: str | None):
    assert TEXT in extract.decode(html, header)


def test_main_text_without_navigation():
    page = f"<nav><a href=/>Home</a></nav><main><article><p>{TEXT}</p><p>Second.</p></article></main>"
    assert (
        extract.extract_text(page).split("\n") == [TEXT, "", "Second."]
        or extract.extract_text(page) == f"{TEXT}\nSecond."
    )


def test_limits(monkeypatch):
    params = ExtractParams(max_bytes=1000, max_seconds=0.05)
    assert extract.judge(Record(b"x" * 1001, None), params)[1] == "max_bytes"
    assert extract.judge(Record(b"", None), params)[1] == "empty"
    monkeypatch.setattr(extract, "extract_text", lambda *_, **__: time.sleep(5))
    assert extract.judge(Record(b"<p>x", None), params)[1] == "timeout"
