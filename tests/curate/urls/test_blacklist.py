"""Compiled blacklists: if these fail, a list's entries are not found, or an old list is used in a new one's place."""

import subprocess
import sys
import tarfile
import time
import tracemalloc
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
    folder = blacklist.compiled(Path(params.blacklist), params.categories)
    started = time.monotonic()
    assert len(blacklist.Blacklist.load(folder).domains.hashes) > 1_000_000
    assert time.monotonic() - started < 1


def write_list(folder: Path, category: str, usage: str | None, **files: str) -> None:
    (folder / category).mkdir(parents=True)
    if usage:
        (folder / category / "usage").write_text(usage)
    for name, text in files.items():
        (folder / category / name).write_text(text)


def test_only_harmful_lists_block_by_default(tmp_path, monkeypatch):
    """UT1's lists of the press, shops and sites to allow would take universities and newspapers out of a corpus."""
    monkeypatch.chdir(tmp_path)
    lists = Path("lists")
    write_list(lists, "adult", "black\nadult\n", domains="bad.example\n")
    write_list(lists, "liste_bu", "white\n", domains="cam.ac.uk\n")
    write_list(lists, "press", "black\n", domains="news.example\n")
    write_list(lists, "our_own", None, domains="ours.example\n")
    write_list(lists, "our_allowed", "white\n", domains="allowed.example\n")

    def blocked(categories: object) -> set[str]:
        urls = UrlFilter.from_params(UrlFilterParams(blacklist="lists", categories=categories))
        hosts = ("bad.example", "cam.ac.uk", "news.example", "ours.example", "allowed.example")
        return {host for host in hosts if urls.reason(f"https://www.{host}/")}

    assert blocked("fineweb") == {"bad.example", "ours.example"}
    assert blocked(None) == {"bad.example", "news.example", "ours.example"}
    assert blocked(["press"]) == {"news.example"}
    assert blacklist.build(lists, "fineweb").categories == {"adult": 1, "our_own": 1}
    with pytest.raises(InputError, match=r"no category malware\. It has: adult"):
        blocked(["malware"])
    with pytest.raises(InputError, match="liste_bu lists sites to allow"):
        blocked(["adult", "liste_bu"])


@pytest.mark.parametrize("name", ["ut1_white_lists", "ut1_gz_list"])
def test_lists_that_public_reports_tell_of(shared: Path, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    archive = shared.parent / f"cases/curation/{name}.tar.gz"
    with tarfile.open(archive) as file:
        file.extractall("unpacked", filter="data")
    for source in (str(archive), "unpacked"):
        urls = UrlFilter.from_params(UrlFilterParams(blacklist=source))
        assert urls.reason("https://bad.example/") == "blacklist_domain"
        assert urls.reason("https://www.cam.ac.uk/x") is None and urls.reason("https://doi.org/10.1000/182") is None


def test_a_line_without_end_is_not_held_in_memory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_list(Path("lists"), "adult", None, domains="good-entry.example\n" + "a" * (30 << 20) + "\nlast.example\n")
    tracemalloc.start()
    urls = UrlFilter.from_params(UrlFilterParams(blacklist="lists"))
    assert tracemalloc.get_traced_memory()[1] < 10 << 20
    tracemalloc.stop()
    assert [bool(urls.reason(f"https://{host}.example/")) for host in ("good-entry", "last", "other")] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    "entry", [".bad.example", "*.bad.example", "bad.example # note", "https://bad.example/", "bad.example."]
)
def test_entries_in_the_spelling_of_other_lists_block_too(tmp_path, monkeypatch, entry):
    monkeypatch.chdir(tmp_path)
    write_list(Path("lists"), "adult", None, domains=f"{entry}\n")
    urls = UrlFilter.from_params(UrlFilterParams(blacklist="lists"))
    hosts = ("bad.example", "www.bad.example", "other.example")
    assert [bool(urls.reason(f"https://{host}/")) for host in hosts] == [True, True, False]


def test_listed_urls_may_have_a_scheme(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = "HTTP://bad.example/x/\nweb.example/save/http://bad.example/y\n"
    write_list(Path("lists"), "adult", None, domains="", urls=lines)
    urls = UrlFilter.from_params(UrlFilterParams(blacklist="lists"))
    pages = ("bad.example/x", "web.example/save/http://bad.example/y", "bad.example/y", "web.example/")
    assert [bool(urls.reason(f"https://www.{page}")) for page in pages] == [True, True, False, False]
