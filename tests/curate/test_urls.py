"""The URL filter: without these a blocked site gets through in disguise, or a harmless one is lost."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.crawl.warc import INDEX_SCHEMA
from lab.curate.urls import UrlFilter, filter_index, load_blacklist, normalised
from lab.documents import RowWriter, read_rows, shards
from lab.errors import InputError
from lab.params import EngineParams, UrlFilterParams

FILTER = UrlFilter(
    {"bad.example": "adult", "xn--mnchen-3ya.example": "adult", "2001:db8::1": "ip"}, {"a.example/x": "warez"}
)


@pytest.mark.parametrize(
    "url",
    [
        "http://bad.example/",
        "https://WWW.Bad.EXAMPLE.:8080/p",
        "http://user:pw@bad.example",
        "http://münchen.example/",
        "http://[2001:DB8:0::1]:80/",
        "http://www.a.example/x/",
        "http://a.example:80/x#part",
    ],
)
def test_blocked_in_any_spelling(url: str):
    assert FILTER.reason(url).startswith("blacklist")


@pytest.mark.parametrize("url", ["http://notbad.example/", "http://bad.example.org/", "http://sussex.example/hotel"])
def test_neighbours_are_kept(url: str):
    assert FILTER.reason(url) is None


def test_words():
    assert FILTER.reason("http://ok.example/porn-films") == "banned_word"
    assert FILTER.reason("http://ok.example/nude-teen") == "soft_banned_words"
    assert FILTER.reason("http://ok.example/adult-education") is None


@given(st.text() | st.text().map("http://{}".format))
def test_no_url_crashes_and_normalising_twice_changes_nothing(url: str):
    FILTER.reason(url)
    assert normalised(normalised(url)) == normalised(url)


def test_missing_category_is_named(tmp_path: Path):
    (tmp_path / "adult").mkdir()
    (tmp_path / "adult/domains").write_text("bad.example\n")
    assert load_blacklist(str(tmp_path)) == ({"bad.example": "adult"}, {})
    with pytest.raises(InputError, match="no category warez"):
        load_blacklist(str(tmp_path), ["warez"])


def test_first_of_a_url_over_the_whole_crawl_is_kept(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    row = dict(status=200, mime="text/html", date="", file="f", offset=0, length=1, record_id="r")
    for shard, urls in enumerate([["http://a.example/1", "http://b.example/"], ["http://A.example:80/1#x"]]):
        with RowWriter(Path(f"index/part-{shard:05d}.parquet"), INDEX_SCHEMA) as writer:
            for url in urls:
                writer.write(row, url=url)
    counts = filter_index(Path("index"), Path("out"), UrlFilterParams(blacklist=None), EngineParams(workers=1))
    assert counts.removed == {"duplicate_url": 1}
    assert [len(list(read_rows(path))) for path in shards(Path("out"))] == [2, 0]
