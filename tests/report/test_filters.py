"""If these fail, a person chooses a threshold by a picture that shows another share than it cuts off."""

import re
from collections import Counter
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.curate.language.stage import _refused
from lab.curate.quality import measured
from lab.curate.quality.params import QualityParams
from lab.curate.quality.stage import run
from lab.curate.quality.thresholds import Rule
from lab.documents import Document, Reason, RowWriter, read_rows, shards, sift
from lab.params import EngineParams, LanguageParams
from lab.params_yaml import Params
from lab.report.run import filters, page
from lab.report.run.filters import BINS, cut_off, histogram, picture, read_filters, read_language
from tests.curate.quality.test_measured import write_corpus
from tests.report.test_page import Reader


@pytest.fixture
def judged(finished):
    """A finished run whose quality stage has left statistics."""
    data, _ = finished
    write_corpus(data / "judged")
    run(data / "judged", data / "quality", QualityParams(), EngineParams(workers=1))
    return finished


values = st.lists(st.floats(0, 2e5, width=32) | st.integers(0, 30).map(float), min_size=1, max_size=80)


@given(values, st.lists(st.floats(0, 1e5), max_size=2))
def test_every_document_is_in_one_bin(found, limits):
    made = histogram(np.array(found, np.float32), limits)
    assert sum(made.counts) == len(found) and 1 <= len(made.counts) <= BINS
    assert all(a < b for a, b in zip(made.edges, made.edges[1:], strict=False))
    drawn = picture("x", made, [Rule("max_words", limit) for limit in limits])
    assert "nan" not in drawn and "inf" not in drawn
    ElementTree.fromstring(re.search(r"<svg.*</svg>", drawn, re.S)[0])


def test_the_shares_are_of_what_a_threshold_refuses():
    found = np.array([1, 2, 3, 4], np.float32)
    assert cut_off(found, Rule("min_words", 2)) == 0.25
    assert cut_off(found, Rule("max_words", 2)) == 0.5
    assert cut_off(found, Rule("max_words", None)) == 0
    assert cut_off(np.array([0.3], np.float32), Rule("max_hash_ratio", 0.3)) == 0  # at the limit, not above


def test_the_shaded_side_is_the_one_cut_off():
    made = histogram(np.arange(11, dtype=np.float32), [5.0])
    places = {}
    for parameter in ("min_words", "max_words"):
        drawn = str(picture("x", made, [Rule(parameter, 5)]))
        places[parameter] = [
            float(x) for x in re.search(r'<rect x="([\d.]+)"[^>]*width="([\d.]+)"[^>]*cut', drawn).groups()
        ]
    assert places["min_words"][0] + places["min_words"][1] == pytest.approx(places["max_words"][0], abs=0.2)


def test_captions_tell_the_share_of_the_documents(judged):
    data, _ = judged
    found = read_filters(data / "quality")
    rows = [row for path in shards(data / "quality" / measured.FOLDER) for row in read_rows(path)]
    (alike,) = found.groups
    assert alike.documents == len(rows) and not found.left_out
    (words,) = [s for s in alike.filters["gopher"] if s.name == "words"]
    short = sum(row["gopher.words"] < 50 for row in rows) / len(rows)
    assert words.caption == f"min_words 50 cuts off {100 * short:.1f} %; max_words 100 k cuts off 0 %"
    assert [s.name for s in alike.filters["repetition"]][4] == "top 2-gram share"
    counts = {name: len(of) for name, of in alike.filters.items()}
    assert counts | {"repetition": 13, "gopher": 8, "c4": 1, "fineweb": 4} == counts


def test_an_ngram_without_a_limit_is_shown_without_a_threshold(judged):
    data, _ = judged
    params = QualityParams.model_validate({"repetition": {"max_top_ngram_share": {"2": None, "3": 0.18}}})
    run(data / "judged", data / "quality", params, EngineParams(workers=1))
    captions = {s.name: s.caption for s in read_filters(data / "quality").groups[0].filters["repetition"]}
    assert captions["top 2-gram share"] == "no threshold"
    assert captions["top 3-gram share"].startswith("max_top_ngram_share.3 0.18 cuts off")


def test_languages_with_thresholds_of_their_own_have_histograms_of_their_own(judged, monkeypatch):
    data, _ = judged
    params = QualityParams.model_validate({"languages": {"de": {"gopher": {"min_words": 5}}}})
    run(data / "judged", data / "quality", params, EngineParams(workers=1))
    rows = [row for path in shards(data / "quality" / measured.FOLDER) for row in read_rows(path)]
    languages = Counter(row["language"] for row in rows)
    english, german = read_filters(data / "quality").groups
    assert (english.languages, german.languages) == ({"en": languages["en"]}, {"de": languages["de"]})
    captions = [[s.caption for s in alike.filters["gopher"] if s.name == "words"] for alike in (english, german)]
    assert captions[0][0].startswith("min_words 50") and captions[1][0].startswith("min_words 5 ")
    monkeypatch.setattr(filters, "SHOWN", 1)
    found = read_filters(data / "quality")
    assert (found.groups, found.left_out) == ([english], {"de": languages["de"]})


def test_the_language_score_is_shown_of_the_languages_wanted(tmp_path):
    texts = {"en": 0.9, "fr": 0.99}
    with RowWriter(tmp_path / "in" / "part-00000.parquet") as file:
        for number, language in enumerate(["en", "en", "en", "fr"]):
            score = 0.5 if number == 0 else texts[language]
            file.write(Document(f"{number}", "", "", "", 0, "text", language=language, language_score=score))
    params = LanguageParams(keep=["en"], min_score=0.85)

    def judge(document: Document) -> tuple[Document, Reason | None]:
        return document, _refused(document.language, document.language_score, params)

    sift(tmp_path / "in" / "part-00000.parquet", tmp_path / "language", "part-00000", judge)
    assert read_language(tmp_path / "language", params).caption == "min_score 0.85 cuts off 33.3 %"
    assert read_language(tmp_path / "nothing", params) is None


def test_the_page_shows_them_and_is_whole(judged):
    data, reports = judged
    assert page.write(reports / "index.html", data, reports, Params(), data.parent)["problems"] == 0
    html = (reports / "index.html").read_text("utf-8")
    Reader(html)
    section = html.split('id="filters"')[1].split("</section>")[0]
    assert section.count("<svg") >= 26 and section.count('class="mark"') >= 28
    assert "lab what-if" in section and "min_words 50 cuts off" in section


def test_without_statistics_the_page_says_so(finished):
    data, reports = finished
    page.write(reports / "index.html", data, reports, Params(), data.parent)
    assert "The stage quality has left no statistics." in (reports / "index.html").read_text("utf-8")
