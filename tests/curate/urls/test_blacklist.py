"""Compiled blacklists: if these fail, a list's entries are not found, or an old list is used in a new one's place."""

import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.curate.urls import blacklist
from lab.curate.urls.spans import Spans
from lab.curate.urls.spelling import string_array
from lab.curate.urls.stage import UrlFilter
from lab.errors import InputError
from lab.params import UrlFilterParams


@pytest.fixture
def lists(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "adult/domains": "bad.example\nBAD2.example.\n\n# a comment\nmünchen.example\r\n2001:db8:0::1\n",
        "warez/domains": "bad.example\nwarez.example\n",
        "warez/urls": "www.a.example/x/\nb.example/y?z=1\n",
        "warez/usage": "black\n",
    }.items():
        (tmp_path / "lists" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "lists" / name).write_text(text)
    return tmp_path / "lists"


def reason(source: Path, url: str, categories: list[str] | None = None) -> str:
    found = UrlFilter.from_params(UrlFilterParams(blacklist=str(source), categories=categories)).reason(url)
    return found and found.detail


def test_entries_in_any_spelling_are_found(lists: Path):
    assert reason(lists, "http://x.bad.example/") == "bad.example (adult)"
    assert reason(lists, "http://bad2.example/") == "bad2.example (adult)"
    assert reason(lists, "http://xn--mnchen-3ya.example/") == "xn--mnchen-3ya.example (adult)"
    assert reason(lists, "http://[2001:db8::1]/") == "2001:db8::1 (adult)"
    assert reason(lists, "https://a.example/x") == "a.example/x (warez)"
    assert reason(lists, "http://comment/") is None


def test_categories_can_be_chosen(lists: Path):
    assert reason(lists, "http://bad.example/", ["warez"]) == "bad.example (warez)"
    assert reason(lists, "http://bad2.example/", ["warez"]) is None
    with pytest.raises(InputError, match=r"no category gambling. It has: adult, warez"):
        reason(lists, "http://bad.example/", ["gambling"])


def test_an_archive_is_the_same_as_its_folder(lists: Path):
    with tarfile.open("lists.tar.gz", "w:gz") as archive:
        archive.add(lists, "blacklists")
    assert reason(Path("lists.tar.gz"), "http://bad2.example/") == "bad2.example (adult)"


def test_what_is_no_blacklist_is_named(lists: Path, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no <category>/domains"):
        reason(tmp_path / "empty", "http://a.example/")
    (tmp_path / "broken.tar.gz").write_bytes(b"\x1f\x8b\x08 no archive")
    with pytest.raises(InputError, match=r"broken.tar.gz"):
        reason(tmp_path / "broken.tar.gz", "http://a.example/")
    with pytest.raises(InputError, match=r"missing.tar.gz"):
        reason(tmp_path / "missing.tar.gz", "http://a.example/")


def test_compiled_once_and_again_after_a_change(lists: Path, monkeypatch):
    first = blacklist.compiled(lists)
    monkeypatch.setattr(blacklist, "build", None)
    assert blacklist.compiled(lists) == first
    monkeypatch.undo()
    monkeypatch.chdir(lists.parent)
    (lists / "adult/domains").write_text("new.example\n")
    assert reason(lists, "http://new.example/") and reason(lists, "http://bad.example/") == "bad.example (warez)"


def test_an_unfinished_cache_is_not_used(lists: Path):
    folder = blacklist.compiled(lists)
    (folder / "categories.json").unlink()
    for path in folder.iterdir():
        path.unlink()
    assert reason(lists, "http://bad.example/") == "bad.example (adult)"


def test_two_processes_at_once(lists: Path):
    program = "import sys; from pathlib import Path; from lab.curate.urls import blacklist as b; print(b.compiled(Path('lists')))"
    running = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    outputs = {process.communicate()[0] for process in running}
    assert len(outputs) == 1 and all(process.returncode == 0 for process in running)
    assert [path.name for path in Path(".lab/blacklists").iterdir()] == [Path(outputs.pop().strip()).name]


@given(st.lists(st.text(max_size=5), max_size=20))
def test_equal_texts_have_equal_hashes_and_others_differ(texts: list[str]):
    spans, starts, ends = Spans.of(string_array(texts))
    hashes = spans.hashes(starts, ends).tolist()
    assert [hashes.index(value) for value in hashes] == [texts.index(text) for text in texts]
    alone = [Spans.of(string_array(["x" * 7, text]).slice(1)) for text in texts]
    assert [int(spans.hashes(start, end)[0]) for spans, start, end in alone] == hashes


def test_short_names_do_not_collide():
    names = [f"{a}{b}{c}{n}" for a in "abcdefgh" for b in "stuvwxyz" for c in "-.0" for n in range(500)]
    spans, starts, ends = Spans.of(string_array(names))
    assert len(np.unique(spans.hashes(starts, ends))) == len(names)


def test_real_lists(shared: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    params = UrlFilterParams(blacklist=str(shared / "ut1/ut1-blacklists.tar.gz"))
    urls = UrlFilter.from_params(params)
    lines = (shared / "web.index.tsv").read_text("utf-8").splitlines()
    real = [line.split("\t")[1] for line in lines[1:]]
    found = [reason.detail for reason in urls.reasons(real) if reason == "blacklist_domain"]
    assert sum("(adult)" in detail for detail in found) == 4
    assert found.count("vice.com (mixed_adult)") == 1
    # Loading what is compiled takes no time, even where there are millions of entries.
    started = time.monotonic()
    assert len(blacklist.Blacklist.load(blacklist.compiled(Path(params.blacklist))).domains.hashes) > 1_000_000
    assert time.monotonic() - started < 1
