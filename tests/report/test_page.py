"""If these fail, there is no report at the end of a run, or one that a hostile web page can take over."""

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from lab.params import Params
from lab.report.run import page
from tests.conftest import ROOT
from tests.report.fake_run import HOSTILE_URL

DEFAULTS = Params()
VOID = {"meta", "input", "br", "path", "rect", "circle"}


class Reader(HTMLParser):
    """Checks that tags nest, and notes tags, attributes and ids."""

    def __init__(self, text: str):
        super().__init__()
        self.open, self.tags, self.attributes, self.ids = [], [], [], []
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        self.ids += [value for name, value in attributes if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def made(finished, params=DEFAULTS) -> str:
    data, reports = finished
    page.write(reports / "index.html", data, reports, params, data.parent)
    return (reports / "index.html").read_text("utf-8")


def test_the_page_is_whole_and_of_one_piece(finished):
    data, reports = finished
    metrics = page.write(reports / "index.html", data, reports, Params(), data.parent)
    html = (reports / "index.html").read_text("utf-8")
    read = Reader(html)
    assert len(read.ids) == len(set(read.ids))
    assert set(page.CONTENTS) <= set(read.ids)
    assert metrics["problems"] == 0 and 50_000 < len(html.encode()) < 900_000
    assert metrics["confusion"]["near_duplicate:1.0"] == {"expected": "dedup", "certain": True, "n": 6, "right": 6}
    assert metrics["planted"] == {"n": 48, "right": 42, "certain_n": 36, "certain_right": 36}
    assert "could not" not in html and "has not run" not in html
    for shown in ("blocked_domain", "top_2_gram", "3.21 M", "6.44", "lab continuation", "␣the", "in adult"):
        assert shown in html, shown


def test_nothing_is_fetched_and_nothing_is_a_link_to_the_web(finished):
    read = Reader(made(finished))
    assert not {"link", "img", "iframe", "object", "base", "form", "embed", "image", "use"} & set(read.tags)
    addresses = [value for name, value in read.attributes if name in ("href", "src", "action", "xlink:href", "srcset")]
    assert addresses and all(value.startswith("#") for value in addresses)
    assert not re.search(r"url\(|@import", made(finished))


def test_web_text_stays_text(finished):
    html = made(finished)
    read = Reader(html)
    assert read.tags.count("script") == 1
    assert "<script>alert" not in html and "onerror=alert" in html
    assert HOSTILE_URL not in html and "javascript:alert(&#34;&lt;script&gt;" in html
    assert not any(name.startswith("on") for name, _ in read.attributes)


def test_the_script_is_the_one_that_the_policy_allows(finished):
    import base64
    import hashlib

    html = made(finished)
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html.replace("&#39;", "'")


def test_tables_and_pictures_can_be_read_aloud(finished):
    html = made(finished)
    assert html.count("<table") == len(re.findall(r"<thead><tr><th scope=\"col\"", html))
    assert html.count("<svg") == html.count('role="img"') == len(re.findall(r"<svg[^>]*><title>\w", html))


def test_the_same_run_gives_the_same_bytes(finished):
    assert made(finished) == made(finished)


def test_the_engine_does_not_show(finished):
    """Outputs are the same with 1 and 2 workers; so is the report."""
    other = Params.model_validate({"engine": {"workers": 2}})
    assert made(finished) == made(finished, other)


def without(finished, missing: str) -> str:
    """The page of a run that lacks a file or folder, its tags checked."""
    path = finished[0].parent / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    finished[1].mkdir(exist_ok=True)
    html = made(finished)
    Reader(html)
    return html


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("data", "no truth.parquet: the stage crawl has not run"),
        ("data", "no token shards: the stages tokenizer and tokenize have not run"),
        ("data/crawl", "no truth.parquet: the stage crawl has not run"),
        ("data/tokenize", "no token shards: the stages tokenizer and tokenize have not run"),
        ("data/tokenizer", "tokenizer: not there"),
        ("data/train", "model: not there"),
        ("reports", "evaluate.json is not there: the stage has not run"),
        ("reports", "No curation stage has written its counts yet"),
        ("reports/train", "no training curve: the stage train has not run"),
        ("reports/quality.json", "quality.json is not there: the stage has not run"),
        ("reports/evaluate.json", "There are no scores: the stage evaluate has not run"),
    ],
)
def test_what_is_missing_is_said(finished, missing, message):
    def words(html: str) -> str:
        return re.sub(r"<[^>]*>", "", html.replace("</dt>", ": "))

    assert message not in words(made(finished))
    assert message in words(without(finished, missing))


@pytest.mark.parametrize("missing", ["data/index", "data/quality", "data/pii", "data/evaluate"])
def test_the_page_is_whole_without_documents_or_answers(finished, missing):
    assert set(page.CONTENTS) <= set(Reader(without(finished, missing)).ids)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("reports/quality.json", "{"),
        ("reports/quality.json", "[]"),
        ("reports/quality.json", '{"documents_in": "many", "removed": 3}'),
        ("reports/evaluate.json", '{"scores": {"a": 1, "b": {"acc": "x"}, "c": {"acc": 0.5, "chance": 0.5}}}'),
        ("reports/evaluate.json", '{"scores": null}'),
        ("reports/train.json", '{"unigram_entropy": null, "parameters": "\\ud800"}'),
        ("reports/train/curve.csv", ""),
        ("reports/train/curve.csv", "step,tokens,loss\n1,x,y\n,,\n"),
        ("reports/train/curve.csv", "step,tokens,loss\n1,8192,nan\n"),
        ("reports/train/curve.csv", "step,tokens,loss\n1,8192,5\n"),
        ("data/tokenize/index.json", "{}"),
        ("data/tokenize/index.json", '{"splits": {}}'),
        ("data/crawl/truth.parquet", "no parquet"),
        ("data/quality/part-00000.parquet", "no parquet"),
        ("data/evaluate/lab_continuation.jsonl", ""),
        ("data/train/samples.jsonl", "null\n3\n"),
    ],
)
def test_broken_inputs_are_survived(finished, name, content):
    (finished[0].parent / name).write_text(content)
    Reader(made(finished))


def test_a_broken_input_is_named_on_the_page(finished):
    (finished[0] / "quality" / "part-00000.parquet").write_text("no parquet")
    html = made(finished)
    assert "not a readable shard" in html and "Not everything is there" in html


def test_another_crawl_has_no_planted_cases_and_says_so(finished):
    (finished[0] / "crawl" / "truth.parquet").unlink()
    params = Params.model_validate({"crawl": {"source": "warc", "paths": ["a<b>.warc.gz"]}, "report": {"examples": 0}})
    html = made(finished, params)
    assert "only the sample crawl plants cases" in html and "a&lt;b&gt;.warc.gz" in html
    Reader(html)


def test_the_report_needs_no_training_libraries():
    """A report on a machine without torch, and in a second."""
    modules = ("torch", "lightning", "transformers")
    code = f"import sys, lab.report.run.page; sys.exit(any(m in sys.modules for m in {modules}))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
