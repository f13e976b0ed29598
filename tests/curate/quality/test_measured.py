"""Stored statistics: without these, a threshold chosen by them keeps other documents than a run with it would."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.curate.quality import measured
from lab.curate.quality import stage as quality
from lab.curate.quality.params import QualityParams
from lab.documents import Document, Reason, RowWriter, read_documents, read_rows, read_table, shards
from lab.errors import InputError
from lab.params import EngineParams
from tests.curate.quality.test_quality import PROSE, REFUSED, only

PARAMS = QualityParams()
ENGINE = EngineParams(workers=1)


def texts() -> list[str]:
    """Documents near each limit: prose of growing length, with more and more of what the filters count."""
    lines = PROSE.split("\n")
    found = [*REFUSED.values(), "", "...", "menu\n" * 3, "{ brackets }", "lorem ipsum dolor " * 30]
    for n in range(1, 7):
        found += ["\n".join(lines[:n]), PROSE + "\nshort line here" * (3 * n), PROSE + f"\n- {lines[0]} #…" * n]
        found += [PROSE + f"\n{' '.join(map(str, range(40 * n)))}", "\n\n".join([*lines, *lines[: n - 1]])]
    return found


def write_corpus(folder: Path) -> None:
    """Two shards, English and German."""
    for shard in range(2):
        with RowWriter(folder / f"part-{shard}.parquet") as writer:
            for n, text in list(enumerate(texts()))[shard::2]:
                language = "de" if n % 5 == 0 else "en"
                writer.write(Document(f"{n}", f"http://a.example/{n}", "", "w", n, text, language, 0.9))


def run(folder: Path, params: QualityParams) -> Path:
    """The stage's output for the corpus."""
    write_corpus(folder / "language")
    quality.run(folder / "language", folder / "quality", params, ENGINE)
    return folder / "quality"


def verdicts(out: Path) -> dict[str, str | None]:
    """Id -> reason, of what the stage kept and removed."""
    found: dict[str, str | None] = {}
    for path in shards(out):
        found |= {document.id: None for document in read_documents(path)}
        found |= {row["id"]: row["reason"] for row in read_rows(out / "removed" / path.name)}
    return found


def replayed(out: Path, params: QualityParams) -> dict[str, str | None]:
    tables = [read_table(path) for path in shards(out / measured.FOLDER)]
    return {
        name: reason
        for table in tables
        for name, reason in zip(table["id"].to_pylist(), measured.reasons(table, params), strict=True)
    }


@pytest.fixture
def out(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return run(tmp_path, PARAMS)


def test_every_judged_document_has_a_row_with_its_reason_and_bytes(out):
    rows = [row for path in shards(out / measured.FOLDER) for row in read_rows(path)]
    assert {row["id"]: row["reason"] for row in rows} == verdicts(out)
    kept = {document.id: document.text for path in shards(out) for document in read_documents(path)}
    assert kept and all(row["bytes"] == len(kept[row["id"]].encode()) for row in rows if row["reason"] is None)
    assert measured.read_params(out) == PARAMS
    assert len({row["reason"] for row in rows}) >= 10, "the corpus should break many rules"


def test_a_row_holds_what_the_filters_measured(out):
    rows = {row["id"]: row for path in shards(out / measured.FOLDER) for row in read_rows(path)}
    short = rows["1"]  # refused by Gopher for its 32 words; what comes behind is measured too
    assert (short["gopher.words"], short["gopher.stop_words"], short["c4.sentences"]) == (32, 4, 2)
    assert short["fineweb.terminal_punctuation_share"] == 1
    refused = rows["2"]
    assert refused["c4.refused"] == "refuse_curly_bracket" and refused["fineweb.newline_ratio"] is None


@pytest.mark.parametrize(
    "changes",
    [
        {"gopher": {"min_words": 30}},
        {"gopher": {"min_words": 30}, "c4": {"min_sentences": 2}},
        {"gopher": {"min_words": None, "min_stop_words": 0, "min_alphabetic_word_share": 0.3, "max_hash_ratio": 0.005}},
        {"repetition": {"max_duplicate_line_share": 1, "max_duplicate_line_character_share": 1}},
        {"repetition": {"max_duplicate_paragraph_share": 0.4, "max_duplicate_ngram_share": {"5": 0.5, "10": 0.4}}},
        {"repetition": {"max_duplicate_ngram_share": {str(n): None for n in range(5, 11)}}},
        {"filters": ["c4", "fineweb"]},
        {"filters": ["gopher", "repetition", "c4", "fineweb"], "gopher": {"min_words": 60}},
        {"fineweb": {"max_short_line_share": 0.1, "max_newline_ratio": 0.05}},
        {"filters": ["repetition", "gopher", "c4"]},
        {"languages": {"de": {"gopher": {"min_words": 5, "min_stop_words": 50}}}},
    ],
)
def test_other_thresholds_replayed_are_a_run_with_them(out, tmp_path, changes):
    values = PARAMS.model_dump(mode="json")
    for name, change in changes.items():
        values[name] = {**values[name], **change} if isinstance(change, dict) else change
    params = QualityParams.model_validate(values)
    expected = verdicts(run(tmp_path / "again", params))
    assert replayed(out, params) == expected
    assert expected != verdicts(out), "the changes should change something"


@settings(deadline=None)
@given(st.lists(st.sampled_from(["the ", "and ", "ferry ", "\n", ".", "{", "# ", "… ", "- ", "é", "京"])).map("".join))
def test_the_reason_is_the_first_rule_that_the_statistics_break(text):
    found = quality.assess(text, PARAMS)
    broken = [
        f"{name}:{rule.parameter}"
        for name, limits in PARAMS.rules.items()
        for rule in limits
        if (value := found.statistics.get(f"{name}.{rule.statistic}")) is not None
        and (value < rule.limit if rule.least else value > rule.limit)
    ]
    assert found.reason in (*broken[:1], "repetition:empty", "gopher:empty", "c4:empty", f"c4:{found.refused}", None)
    assert (found.reason is None) <= (not broken)


def test_a_filter_that_is_off_is_not_measured(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = measured.schema(only("gopher").model_copy(update={"languages": {}})).names
    assert "gopher.words" in names and not any(name.startswith(("repetition.", "fineweb.")) for name in names)
    params = only("gopher").model_copy(update={"languages": {}})
    folder = run(tmp_path, params)
    assert replayed(folder, params) == verdicts(folder)


def test_a_document_that_raises_has_a_row(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def assess(text: str, *_: object) -> quality.Judgement:
        if "lorem" in text:
            raise ValueError("broken")
        return quality.Judgement(text, None if text else Reason("repetition:empty"))

    monkeypatch.setattr(quality, "assess", assess)
    folder = run(tmp_path, PARAMS)
    rows = {row["id"]: row["reason"] for path in shards(folder / measured.FOLDER) for row in read_rows(path)}
    assert rows == verdicts(folder) and list(rows.values()).count("error") == 1
    assert list(replayed(folder, PARAMS).values()).count("error") == 1


def test_the_same_statistics_with_two_workers(out, tmp_path):
    quality.run(tmp_path / "language", tmp_path / "other", PARAMS, EngineParams(workers=2))
    for path in shards(out / measured.FOLDER):
        assert path.read_bytes() == (tmp_path / "other" / measured.FOLDER / path.name).read_bytes()


def test_statistics_of_another_version_are_told(tmp_path):
    with RowWriter(tmp_path / "statistics" / "part-0.parquet"):
        pass
    with pytest.raises(InputError, match="dvc repro quality"):
        measured.read_params(tmp_path)
