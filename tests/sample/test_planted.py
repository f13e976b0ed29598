"""If these fail, the report's confusion table blames the pipeline for a wrongly planted page, or proves nothing."""

import os
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.crawl import index
from lab.curate import pii
from lab.curate.dedup import stage as dedup
from lab.curate.extract import stage as extract
from lab.curate.language import stage as language
from lab.curate.quality import stage as quality
from lab.curate.urls import stage as urls
from lab.documents import read_rows
from lab.params import EngineParams, Params
from lab.report.run.truth import confusion, promises
from lab.sample import blacklist, spam
from lab.sample.near_duplicates import jaccard, near_duplicate, words
from lab.sample.planted import SIMILARITIES, bases_needed, languages, paragraph_texts
from lab.sample.sites import town_page
from lab.sample.sources import is_sound
from lab.sample.town import town_pages
from tests.sample.conftest import SIZES

COUNT = SIZES["planted_per_kind"]
DATA = Path("data")


@pytest.fixture(scope="module")
def curated(small) -> Path:
    """The small crawl, through the functions that the stages call."""
    folder, params, engine = small[0], Params(), EngineParams(workers=1)
    before = Path.cwd()
    os.chdir(folder)
    try:
        index.run(DATA / "crawl", DATA / "index", params.index, engine)
        urls.run(DATA / "index", DATA / "crawl", DATA / "url_filter", params.url_filter, engine)
        extract.extract_index(DATA / "url_filter", DATA / "extract", params.extract, engine)
        language.run(DATA / "extract", DATA / "language", params.language, engine)
        quality.filter_documents(DATA / "language", DATA / "quality", params.quality, engine)
        dedup.deduplicate(DATA / "quality", DATA / "dedup", params.dedup, engine)
        pii.scrub_documents(DATA / "dedup", DATA / "pii", params.pii, engine)
    finally:
        os.chdir(before)
    return folder / DATA


@pytest.fixture(scope="module")
def verdicts(curated: Path) -> dict:
    return {kind.kind: kind for kind in confusion(curated)}


@pytest.fixture(scope="module")
def sound() -> list:
    return [page for page in (town_page(told, {}) for told in town_pages(5, 60)) if is_sound(page)]


def test_every_kind_is_there(small):
    kinds = set(small[1]["planted"])
    assert set(small[1]["planted"].values()) == {COUNT}
    assert {f"near_duplicate:{similarity}" for similarity in SIMILARITIES} < kinds
    assert {f"spam:{kind}" for kind in spam.KINDS} < kinds and len(spam.KINDS) >= 8
    assert len([kind for kind in kinds if kind.startswith("language:")]) >= 6
    assert len([kind for kind in kinds if kind.startswith("charset:")]) >= 8
    assert kinds > {
        "blocked_host", "blocked_url", "banned_word_url", "session_id", "email", "public_ip", "private_ip",
        "body:gzip", "body:chunked", "body:gzip_chunked", "cut_off", "empty_body", "not_found", "redirect", "image",
        "pdf", "broken_record",
    }  # fmt: skip


def test_the_certain_kinds_get_their_verdict_always(verdicts: dict):
    certain = [kind for kind in verdicts.values() if kind.certain]
    wrong = {kind.kind: [(case.url, case.fate.stage, case.note) for case in kind.wrong] for kind in certain}
    assert {name: cases for name, cases in wrong.items() if cases} == {}
    assert len(certain) >= 30


def test_spam_is_removed_by_the_quality_filters(verdicts: dict):
    found = {name: kind.right for name, kind in verdicts.items() if name.startswith("spam:")}
    assert found == dict.fromkeys(found, COUNT)


def test_near_duplicates_are_caught_as_often_as_minhash_promises(verdicts: dict):
    params = Params().dedup
    found = promises(list(verdicts.values()), params.rows, params.bands)
    assert [promise.kind for promise in found if not promise.kept] == []
    assert {promise.n for promise in found} == {COUNT}  # no pair fell before dedup saw both
    caught = {promise.kind: promise.caught for promise in found}
    assert caught["near_duplicate:0.95"] == caught["near_duplicate:1.0"] == COUNT
    assert caught["near_duplicate:0.5"] < COUNT


def test_the_town_survives_curation_and_most_documentation_does_not(curated: Path):
    def pages(stage: str, tail: str) -> int:
        shards = (curated / stage).glob("*.parquet")
        return sum(row["url"].split("/")[2].endswith(tail) for path in shards for row in read_rows(path, ["url"]))

    doubled = len(SIMILARITIES) * COUNT  # of these town pages the planted copy may stay instead
    assert pages("pii", ".town.example") >= 0.97 * pages("extract", ".town.example") - doubled
    assert 0 < pages("pii", ".docs.example") < 0.5 * pages("extract", ".docs.example")


@settings(max_examples=40, deadline=None)
@given(target=st.sampled_from(SIMILARITIES), seed=st.integers(0, 10_000), number=st.integers(0, 30))
def test_a_copy_has_the_similarity_that_it_claims(sound: list, target: float, seed: int, number: int):
    original = sound[number].body
    copy, similarity = near_duplicate(original, target, Random(seed))
    assert similarity == jaccard(original, copy)
    assert similarity == pytest.approx(target, abs=0.03)
    assert len(words(copy)) == len(words(original))


def test_jaccard_by_hand():
    assert jaccard("<p>a b c d e f</p>", "<i>A, b; c d e f!</i>") == 1
    assert jaccard("a b c d e f", "a b c d e g") == 1 / 3
    assert jaccard("a b", "a b") == 0


def test_other_languages_have_several_paragraphs_each_of_their_own():
    texts = languages()
    assert len(texts) == 10 and "en" not in texts
    assert all(len(paragraphs) >= 5 for _, paragraphs in texts.values())
    assert max(Counter(text for _, paragraphs in texts.values() for text in paragraphs).values()) == 1


def test_the_blacklist_reads_as_one_in_ut1s_layout(small):
    folder = small[0] / "data/crawl/blacklist"
    assert sorted(path.name for path in folder.iterdir()) == sorted(blacklist.CATEGORIES)
    domains = (folder / "gambling/domains").read_text().split()
    listed = (folder / "gambling/urls").read_text().split()
    assert "lucky-wheel.example" in domains and blacklist.blocked_url(COUNT - 1) in listed
    assert not any("/" in domain for domain in domains) and not any("://" in url for url in listed)


def test_no_base_is_used_twice(small):
    rows = list(read_rows(small[0] / "data/crawl/truth.parquet"))
    texts = [row["contains"] for row in rows if row["kind"].startswith("body:")]
    assert len(set(texts)) == len(texts) == 3 * COUNT
    assert bases_needed(COUNT) == COUNT * bases_needed(1)


def test_paragraph_texts_are_plain():
    assert paragraph_texts("<p>One &amp; two.</p>\n<p>Three.</p>") == ["One & two.", "Three."]
