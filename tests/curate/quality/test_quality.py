"""The quality stage: without these, filters decide otherwise than FineWeb's or in another order, or lose documents."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from bench.decisions import FILTERS, Page, cause, compare, golden, judge, table
from bench.pages import pages, resiliparse_text
from lab.curate.quality.gopher import Params as GopherParams
from lab.curate.quality.params import QualityParams
from lab.curate.quality.stage import run
from lab.documents import Document, RowWriter, read_documents, read_rows
from lab.errors import EmptyCorpusError
from lab.params import EngineParams
from tests.conftest import ROOT
from tests.curate.quality.examples import filtered

PARAMS = QualityParams()
GOLDEN = ROOT / "tests/curate/quality/golden_decisions.json"
PROSE = """The ferry to the island leaves at nine and comes back before the evening bell.
Most people who take it have friends over there, to whom they bring bread, letters and gossip.
On stormy days nobody sails, so that half of our school stays empty and the children build dams.
A harbour master once wrote in his log that fog had swallowed two brothers with their cow.
Both returned by noon, wet but cheerful, having rowed in circles around a buoy.
Since then every boat carries a lamp, a whistle and, if its owner is careful, something warm to drink."""
# Each breaks a rule of one filter and of every later one.
REFUSED = {
    "repetition:max_duplicate_line_share": "same line\n" * 10,
    "gopher:min_words": "\n".join(PROSE.split("\n")[:2]),
    "c4:refuse_curly_bracket": PROSE + "\nAnd then {it went on like that} for long.",
    "fineweb:min_terminal_punctuation_share": regex.sub(r"\.$", "", PROSE, flags=regex.MULTILINE),
}


def only(*names: str) -> QualityParams:
    """The parameters with these filters alone."""
    return QualityParams(filters=list(names))


def test_prose_passes_unchanged():
    assert filtered(PROSE, PARAMS) == (PROSE, None, {})


@pytest.mark.parametrize("reason, text", REFUSED.items())
def test_each_filter_refuses_under_its_name_and_can_be_switched_off(reason, text):
    after, found, _ = filtered(text, PARAMS)
    assert found == reason and after == text and found.detail
    name = reason.split(":")[0]
    assert filtered(text, only(name))[1] == reason
    assert filtered(text, only()) == (text, None, {})


def test_the_first_filter_in_finewebs_order_gives_the_reason():
    text = "{ lorem ipsum }\n" * 10
    order = [
        "repetition:max_duplicate_line_share",
        "gopher:min_words",
        "c4:min_sentences",
        "fineweb:max_short_line_share",
    ]
    for place, expected in enumerate(order):
        found = filtered(text, only(*PARAMS.filters[place:]))[1]
        assert found.split(":")[0] == expected.split(":")[0]


def test_fineweb_judges_what_c4_leaves():
    """Twenty short lines: C4 drops them, so that FineWeb has no objection; without C4 it has."""
    text = PROSE + "\n" + "\n".join(f"Menu {letter}" for letter in "abcdefghijklmnopqrst")
    after, reason, dropped = filtered(text, PARAMS)
    assert (after, reason, dropped) == (PROSE, None, {"c4:min_words_per_line": 20})
    without_c4 = only("repetition", "gopher", "fineweb")
    assert filtered(text, without_c4)[1] == "fineweb:max_short_line_share"


def test_language_decides_how_words_are_split():
    text = " ".join(f"Am {number}. Oktober und" for number in range(1, 13)) + " Haus" * 12
    params = only("gopher")
    params = params.model_copy(
        update={
            "gopher": GopherParams(stop_words=["Am", "und"]),
            "languages": {"de": {"gopher": {"stop_words": ["Am", "und"]}}},
        }
    )
    assert filtered(text, params, "de")[1] is None
    assert filtered(text, params)[1] == "gopher:min_alphabetic_word_share"


@given(
    st.text(max_size=400) | st.lists(st.sampled_from(["the ", "and ", "\n", ".", "[1]", "{", "é", "京"])).map("".join)
)
def test_no_text_crashes(text):
    after, reason, dropped = filtered(text, PARAMS)
    assert reason is None or (after == text and not dropped and ":" in reason)
    assert filtered(text, only()) == (text, None, {})


# The stage.


def documents() -> list[Document]:
    menu = "\nHome page\nContact us"
    texts = [*REFUSED.values(), *(PROSE + menu * (number % 2) for number in range(8))]
    return [Document(f"{n}", f"http://a.example/{n}", "", "w", n, text, "en", 0.5) for n, text in enumerate(texts)]


def test_stage_accounts_for_every_document_and_keeps_what_it_saw(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for shard in range(2):
        with RowWriter(tmp_path / "language" / f"part-{shard}.parquet") as writer:
            for document in documents()[shard::2]:
                writer.write(document)
    counts = run(tmp_path / "language", tmp_path / "quality", PARAMS, EngineParams(workers=1))
    assert counts["removed"] == dict.fromkeys(sorted(REFUSED), 1)
    assert (counts["documents_in"], counts["documents_out"], counts["changed"]) == (12, 8, {"c4:min_words_per_line": 8})
    removed = [row for n in range(2) for row in read_rows(tmp_path / f"quality/removed/part-{n}.parquet")]
    assert {row["reason"]: row["text"] for row in removed} == REFUSED
    details = {row["reason"]: row["detail"] for row in removed}
    assert details["gopher:min_words"] == "32 < 50" and details["repetition:max_duplicate_line_share"].endswith("> 0.3")
    kept = [document for n in range(2) for document in read_documents(tmp_path / f"quality/part-{n}.parquet")]
    assert sorted(kept, key=lambda d: d.offset) == [replace(d, text=PROSE) for d in documents()[4:]]


def test_nothing_left_names_the_most_frequent_reason(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with RowWriter(tmp_path / "language/part-0.parquet") as writer:
        writer.write(documents()[1])
    with pytest.raises(EmptyCorpusError, match="gopher:min_words"):
        run(tmp_path / "language", tmp_path / "quality", PARAMS, EngineParams(workers=1))


# datatrove's decisions.


@pytest.fixture(scope="module")
def archive_pages(shared: Path) -> list[Page]:
    return list(pages(shared / "web.warc.gz", resiliparse_text))


@pytest.mark.slow
def test_the_same_decisions_as_datatrove_on_real_pages(archive_pages):
    """datatrove 0.10.1's verdicts, recorded by `python -m bench.decisions --golden`."""
    recorded = json.loads(GOLDEN.read_text())
    known = [page for page in archive_pages if page.key in recorded]
    assert len(known) >= 0.98 * len(archive_pages), "the texts have changed: record the decisions again"
    wrong: Counter[str] = Counter()
    for page in known:
        language, refusing, cleaned = recorded[page.key]
        theirs = {name: name if name in refusing else None for name in FILTERS} | {"c4_text": cleaned}
        ours = judge(replace(page, language=language)) | {"pii": None}
        wrong.update(disagreement.filter for disagreement in compare(page, ours, theirs))
    for name in FILTERS:
        assert wrong[name] <= 0.01 * len(known), f"{FILTERS[name]}: {wrong[name]} of {len(known)} pages differ"


def test_decisions_table_names_every_disagreement_with_its_cause():
    kept, lost = Page("http://kept.example/", PROSE, "en"), Page("http://lost.example/", "Am 1. Mai.", "de")
    theirs = {**judge(lost), "gopher": None, "pii": [(0, 2, "email")]}
    assert list(compare(kept, judge(kept), judge(kept))) == []
    found = [replace(d, cause=cause(d.page, ["Am", "1", ".", "Mai", "."])) for d in compare(lost, judge(lost), theirs)]
    assert [d.filter for d in found] == ["gopher", "pii"]
    text = table([kept, lost], found)
    assert "| Gopher quality | 50.00% | 1 | 100.00% | 0.00% |" in text
    assert "http://lost.example/ | min_words (3 < 50) | keeps | words: ours alone '1.' x 1; datatrove's alone" in text
    assert "There is none." in table([kept], [])
    assert golden([kept], [judge(kept)]) == {kept.key: ["en", [], judge(kept)["c4_text"]]}
