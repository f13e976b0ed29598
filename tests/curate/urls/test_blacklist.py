"""Compiled blacklists: if these fail, a list's entries are not found, or an old list is used in a new one's place."""

import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from lab.curate.urls import blacklist
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


def detail(source: Path, url: str, categories: list[str] | None = None) -> str | None:
    reason = UrlFilter.from_params(UrlFilterParams(blacklist=str(source), categories=categories)).reason(url)
    return reason and reason.detail


def test_entries_in_any_spelling_are_found(lists: Path):
    assert detail(lists, "http://x.bad.example/") == "bad.example (adult)"
    assert detail(lists, "http://bad2.example/") == "bad2.example (adult)"
    assert detail(lists, "http://xn--mnchen-3ya.example/") == "xn--mnchen-3ya.example (adult)"
    assert detail(lists, "http://[2001:db8::1]/") == "2001:db8::1 (adult)"
    assert detail(lists, "https://a.example/x") == "a.example/x (warez)"
    assert detail(lists, "http://comment/") is None


def test_categories_can_be_chosen(lists: Path):
    assert detail(lists, "http://bad.example/", ["warez"]) == "bad.example (warez)"
    assert detail(lists, "http://bad2.example/", ["warez"]) is None
    with pytest.raises(InputError, match=r"no category gambling. It has: adult, warez"):
        detail(lists, "http://bad.example/", ["gambling"])


def test_an_archive_is_the_same_as_its_folder(lists: Path):
    with tarfile.open("lists.tar.gz", "w:gz") as archive:
        archive.add(lists, "blacklists")
    assert detail(Path("lists.tar.gz"), "http://bad2.example/") == "bad2.example (adult)"


def test_what_is_no_blacklist_is_named(lists: Path, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no <category>/domains"):
        detail(tmp_path / "empty", "http://a.example/")
    (tmp_path / "broken.tar.gz").write_bytes(b"\x1f\x8b\x08 no archive")
    with pytest.raises(InputError, match=r"broken.tar.gz"):
        detail(tmp_path / "broken.tar.gz", "http://a.example/")
    with pytest.raises(InputError, match=r"missing.tar.gz"):
        detail(tmp_path / "missing.tar.gz", "http://a.example/")


def test_compiled_once_and_again_after_a_change(lists: Path, monkeypatch):
    first = blacklist.compiled(lists)
    monkeypatch.setattr(blacklist, "build", None)
    assert blacklist.compiled(lists) == first
    monkeypatch.undo()
    monkeypatch.chdir(lists.parent)
    (lists / "adult/domains").write_text("new.example\n")
    assert detail(lists, "http://new.example/") and detail(lists, "http://bad.example/") == "bad.example (warez)"


def test_an_unfinished_cache_is_not_used(lists: Path):
    folder = blacklist.compiled(lists)
    (folder / "categories.json").unlink()
    for path in folder.iterdir():
        path.unlink()
    assert detail(lists, "http://bad.example/") == "bad.example (adult)"


def test_two_processes_at_once(lists: Path):
    program = "from pathlib import Path; from lab.curate.urls.blacklist import compiled; print(compiled(Path('lists')))"
    running = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    outputs = {process.communicate()[0] for process in running}
    assert len(outputs) == 1 and all(process.returncode == 0 for process in running)
    assert [path.name for path in Path(".lab/blacklists").iterdir()] == [Path(outputs.pop().strip()).name]


def test_real_lists(shared: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    params = UrlFilterParams(blacklist=str(shared / "ut1/ut1-blacklists.tar.gz"))
    urls = UrlFilter.from_params(params)
    lines = (shared / "web.index.tsv").read_text("utf-8").splitlines()
    real = [line.split("\t")[1] for line in lines[1:]]
    hits = [reason.detail for reason in map(urls.reason, real) if reason == "blacklist_domain"]
    assert sum("(adult)" in hit for hit in hits) == 4
    assert hits.count("vice.com (mixed_adult)") == 1
    # Loading what is compiled takes no time, even where there are millions of entries.
    started = time.monotonic()
    assert len(blacklist.Blacklist.load(blacklist.compiled(Path(params.blacklist))).domains.hashes) > 1_000_000
    assert time.monotonic() - started < 1
