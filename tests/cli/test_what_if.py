"""If these fail, a threshold is chosen by numbers that a run with it would not give."""

import json
import shlex

import pytest
from dvc.utils.hydra import apply_overrides

from lab.curate.quality.params import QualityParams
from lab.curate.quality.stage import run
from lab.experiments import overrides
from lab.params import EngineParams
from lab.params_yaml import read
from tests.cli.conftest import error_of
from tests.curate.quality.test_measured import texts, write_corpus


@pytest.fixture
def judged(project):
    """The project, with the quality stage run over a small corpus."""
    write_corpus(project / "data" / "judged")
    run(project / "data/judged", project / "data/quality", QualityParams(), EngineParams(workers=1))
    return project


def compared(project, params: QualityParams) -> tuple[dict, dict, dict[str, tuple[int, int]]]:
    """Metrics of a run by default and of one with `params`, and what each removed: reason -> (before, after)."""
    before, after = (
        run(project / "data/judged", project / f"data/{n}", p, EngineParams(workers=1))
        for n, p in enumerate((QualityParams(), params))
    )
    reasons = {*before["removed"], *after["removed"]}
    counts = {reason: tuple(metrics["removed"].get(reason, 0) for metrics in (before, after)) for reason in reasons}
    return before, after, counts


def cells(out: str) -> dict[str, list[str]]:
    rows = [line.strip("| ").split(" | ") for line in out.splitlines() if line.startswith("| ")]
    return {row[0]: row[1:] for row in rows[2:]}


def test_counts_agree_with_a_run(judged, lab):
    changes = {"min_words": 30, "min_alphabetic_word_share": 0.5}
    found = lab("what-if", "--markdown", *(f"quality.gopher.{key}={value}" for key, value in changes.items()))
    assert found.status == 0, found
    gopher = QualityParams().gopher.model_copy(update=changes)
    params = QualityParams().model_copy(update={"gopher": gopher})
    before, after, expected = compared(judged, params)
    rows = cells(found.out)
    assert after["documents_out"] > before["documents_out"]
    told = {verdict: (int(row[0]), int(row[1])) for verdict, row in rows.items()}
    assert told == {"kept": (before["documents_out"], after["documents_out"])} | expected
    assert rows["kept"][2] == f"+{after['documents_out'] - before['documents_out']}"
    assert sum(now for now, _ in told.values()) == sum(then for _, then in told.values()) == len(texts())


def test_a_language_needs_no_entry_in_the_parameters(judged, lab):
    """One that has none was measured with what holds for all languages."""
    found = lab(
        "what-if",
        "--markdown",
        "quality.languages.de.gopher.min_words=5",
        "quality.languages.de.gopher.min_stop_words=50",
    )
    assert found.status == 0, found
    changes = {"languages": {"de": {"gopher": {"min_words": 5, "min_stop_words": 50}}}}
    before, after, expected = compared(judged, QualityParams.model_validate(changes))
    told = {verdict: (int(row[0]), int(row[1])) for verdict, row in cells(found.out).items() if verdict != "kept"}
    assert told == expected
    assert before["removed"] != after["removed"]


def test_a_language_whose_filter_is_off_can_not_switch_it_on(judged, lab):
    params = QualityParams.model_validate({"languages": {"de": {"filters": ["c4", "fineweb"]}}})
    run(judged / "data/judged", judged / "data/quality", params, EngineParams(workers=1))
    error = error_of(lab("what-if", "quality.languages.de.filters=[gopher,c4]"))
    assert "quality.languages.de.filters: gopher was off" in error
    assert lab("what-if", "quality.languages.fr.filters=[c4,fineweb]").status == 0


@pytest.mark.parametrize(
    "change",
    [
        "quality.repetition.max_top_ngram_share.7=0.1",  # no such key in params.yaml
        "quality.repetition.max_duplicate_ngram_share.2=0.1",
        "quality.languages.de.c4.min_words_per_line=2",
        "quality.languages.zh.c4.min_words_per_line=2",  # there is
        "quality.c4.min_words_per_line=2",
    ],
)
def test_dvc_takes_the_command_that_is_told(judged, lab, change):
    key, _, value = change.partition("=")
    told = error_of(lab("what-if", change)).split("`dvc exp run -S ")[1].split("`")[0]
    apply_overrides(str(judged / "params.yaml"), shlex.split(told.replace("...", value)))
    flat = overrides.flatten(read(judged / "params.yaml"))
    assert flat[key] == float(value)


def test_null_switches_a_threshold_of_ngrams_off(judged, lab):
    sizes = range(5, 11)
    repetition = {"max_duplicate_ngram_share": {str(n): 0.0 for n in sizes}}
    params = QualityParams.model_validate({"repetition": repetition})
    run(judged / "data/judged", judged / "data/quality", params, EngineParams(workers=1))
    found = lab("what-if", "--markdown", *(f"quality.repetition.max_duplicate_ngram_share.{n}=null" for n in sizes))
    assert found.status == 0, found
    ngrams = {verdict: row for verdict, row in cells(found.out).items() if "max_duplicate_ngram_share" in verdict}
    assert ngrams and all(int(row[0]) > 0 and int(row[1]) == 0 for row in ngrams.values())


def test_tokens_are_estimated_by_the_tokenizers_bytes_a_token(judged, lab):
    path = judged / "reports" / "tokenizer.json"
    path.write_text(json.dumps({"bytes_per_token": 1.0}))
    kept = cells(lab("what-if", "--markdown", "quality.gopher.min_words=50").out)["kept"]
    path.write_text(json.dumps({"bytes_per_token": 1000.0}))
    found = lab("what-if", "--markdown", "quality.gopher.min_words=50").out
    assert "tokens (estimated) now" in found
    assert kept[2] == "0" and kept[3] == kept[4] != cells(found)["kept"][3]
    path.unlink()
    assert "text now" in lab("what-if", "quality.gopher.min_words=50").out


def test_a_terminal_shows_kept_first_and_what_the_stage_ran_with(judged, lab):
    found = lab("what-if", "quality.gopher.max_words=null")
    assert found.out.split("documents now", 1)[1].splitlines()[1].startswith("kept")
    assert "params.yaml has other values" not in found.out
    params = (judged / "params.yaml").read_text().replace("min_words: 50", "min_words: 40")
    (judged / "params.yaml").write_text(params)
    assert "params.yaml has other values" in lab("what-if", "quality.gopher.max_words=null").out
    assert "params.yaml has other values" in lab("what-if", "--markdown", "quality.gopher.max_words=null").out


@pytest.mark.parametrize(
    "change, told",
    [
        ("quality.gopher.min_wrods=30", "did you mean 'quality.gopher.min_words'?"),
        ("quality.languages.de.gopher.min_wrods=30", "did you mean 'quality.languages.de.gopher.min_words'?"),
        ("quality.languages.german.gopher.min_words=30", "quality.languages.german"),
        ("quality.gopher.min_words", "write key=value"),
        ("quality.gopher.min_words=many", "can't be used"),
        ("quality.gopher.min_words=[1", "not YAML"),
        ("quality.fineweb.max_short_line_share=1.5", "can't be used"),
        ("quality.c4.min_words_per_line=2", "how C4 changes the text"),
        ("quality.languages.zh.c4.min_words_per_line=2", "how C4 changes the text"),
        ("quality.filters=[gopher,fineweb]", "C4, which changes the text that is measured: [gopher,c4,fineweb]"),
        ("quality.filters=[]", "dvc exp run -S quality.filters="),
        (
            "quality.filters=[c4,gopher]",
            "the order has to stay, and C4, which changes the text that is measured: [gopher,c4];",
        ),
        ("quality.languages.fr.filters=[gopher]", "dvc exp run -S '+quality.languages.fr.filters="),
        ("quality.filters=[gofer]", "did you mean 'gopher'?"),
        ("quality.filters=[c4,c4]", "'c4' is named twice"),
        ("quality.filters=null", "can't be used"),
        ("quality.fineweb.enabled=false", "write the filters that run: quality.filters="),
        ("quality.fineweb.short_line_characters=20", "changes what is measured"),
        ("quality.gopher.stop_words=[the]", "changes what is measured"),
        ("quality.repetition.max_top_ngram_share.9=0.1", "n-grams of 9 words were not measured"),
        ("train.seed=2", "of the section quality alone"),
        ("nonsense=2", "of the section quality alone"),
    ],
)
def test_what_statistics_cannot_answer_is_one_line(judged, lab, change, told):
    assert told in error_of(lab("what-if", "quality.gopher.max_words=9000", change))


def test_a_filter_that_was_off_cannot_be_switched_on(judged, lab):
    params = QualityParams(filters=["repetition", "gopher", "c4"], languages={})
    run(judged / "data/judged", judged / "data/quality", params, EngineParams(workers=1))
    assert "fineweb was off" in error_of(lab("what-if", "quality.filters=[repetition,gopher,c4,fineweb]"))
    assert "was off" in error_of(lab("what-if", "quality.fineweb.max_newline_ratio=1"))


def test_where_every_filter_was_off_it_says_so(judged, lab):
    params = QualityParams(filters=[], languages={})
    run(judged / "data/judged", judged / "data/quality", params, EngineParams(workers=1))
    for change in ("quality.gopher.min_words=3", "quality.filters=[c4]", "train.seed=1"):
        assert "every filter was off" in error_of(lab("what-if", change))


def test_without_statistics_it_says_how_to_make_them(project, lab):
    assert "dvc repro" in error_of(lab("what-if", "quality.gopher.min_words=30"))
