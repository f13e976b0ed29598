"""If these fail, a user believes that one experiment beats another where it doesn't, or compares the wrong ones."""

import json
import math
import shutil

import numpy as np
import pytest

from lab.cli.comparison import Revision, flat, judge
from lab.cli.comparison_tables import scores_table, trust_table
from lab.evaluate.answers import Items
from lab.evaluate.compare import compare
from lab.formatting import NOTHING
from tests.cli.conftest import error_of
from tests.cli.experiments import make_project, run


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("experiments") / "project"
    make_project(root)
    return root


@pytest.fixture
def experiments(made, tmp_path, monkeypatch):
    """A copy to break, as the current folder. The workspace is at the experiment's results."""
    root = tmp_path / "project"
    shutil.copytree(made, root, symlinks=True)
    monkeypatch.chdir(root)
    monkeypatch.delenv("COLUMNS", raising=False)
    return root


def compared(lab, *revisions: str) -> dict:
    found = lab("compare", *revisions, "--json")
    assert found.status == 0, found.err
    return json.loads(found.out)


def test_a_revision_and_an_experiment_are_paired_item_by_item(lab, experiments):
    found = compared(lab, "base", "more-words")
    (against,) = found["differences"]
    tasks = {row["task"]: row for row in against["tasks"]}
    right, bits = tasks["lab_continuation"], tasks["lab_bits"]
    assert all(row["paired"] for row in tasks.values())
    assert right["difference"] == pytest.approx(15 / 60) and right["verdict"] == "better"
    # The experiment spends more bits on each text: a positive difference is worse there.
    assert bits["difference"] == pytest.approx(15 / 60 / math.log(2)) and bits["verdict"] == "worse"
    assert against["sentence"].startswith("more-words: better on 1 and worse on 1 of 2 tasks")
    assert found["parameters"] == {"quality.min_words": ["50", "100"]}
    assert found["training"]["more-words"]["validation_bits_per_byte"] == 1.535


def test_the_workspace_is_what_lies_in_the_folder(lab, experiments):
    found = compared(lab, "workspace", "more-words", "HEAD")
    same, before = found["differences"]
    assert {row["difference"] for row in same["tasks"]} == {0.0}  # exact: one number less itself
    assert {row["verdict"] for row in same["tasks"]} == {"undecided"}
    assert before["tasks"][0]["difference"] == pytest.approx(-15 / 60)
    path = experiments / "reports" / "evaluate.json"
    path.write_text(path.read_text().replace('"chance": 0.25', '"chance": 0.5'))
    assert compared(lab, "HEAD", "workspace")["scores"]["workspace"]["lab_continuation"]["chance"] == 0.5


@pytest.mark.parametrize("revision", ["workspace", "base", "more-words"])
def test_a_model_that_was_scored_beside_ours_is_paired_item_by_item(lab, experiments, revision):
    found = compared(lab, f"{revision}:some/other", "base")
    (against,) = found["differences"]
    (row,) = against["tasks"]
    assert row["paired"] and row["items"] == 60 and row["verdict"] == "worse"
    assert row["difference"] == pytest.approx((20 - 50) / 60)
    assert against["left_out"] == {"lab_bits": "only one of them has it"}


def test_a_model_that_was_not_scored_there_is_told_with_those_that_were(lab, experiments):
    assert "some/other" in error_of(lab("compare", "base:gpt2", "base"))


def test_the_tables(lab, experiments):
    out = lab("compare", "base", "more-words").out
    rows = [line.split() for line in out.splitlines()]
    assert ["lab", "continuation", "acc", "25.0", "33.3", "±", "12.0", "58.3", "±", "12.6"] in rows
    assert ["quality.min_words", "50", "100"] in rows
    assert any(row[:3] == ["lab", "continuation", "+25.0"] and row[-1] == "better" for row in rows)
    assert "validation bits per byte" in out and "†" not in out


def test_markdown_for_a_pull_request(lab, experiments):
    out = lab("compare", "base", "more-words", "--markdown").out
    tables = [block.splitlines() for block in out.split("\n\n") if block.startswith("|")]
    assert len(tables) == 5
    for table in tables:
        assert len({line.count("|") for line in table}) == 1 and set(table[1]) <= set("|:- ")
    assert "| quality.min_words | 50 | 100 |" in out


def test_without_items_it_says_so_and_takes_the_errors_as_independent(lab, experiments):
    shutil.rmtree(experiments / ".dvc" / "cache")
    found = compared(lab, "base", "more-words")
    (right, _) = found["differences"][0]["tasks"]
    assert not right["paired"]
    errors = [found["scores"][name]["lab_continuation"]["error"] for name in ("base", "more-words")]
    assert right["high"] - right["difference"] == pytest.approx(1.96 * math.hypot(*errors), rel=1e-4)
    out = lab("compare", "base", "more-words").out
    assert "independent" in out and "lab continuation †" in out and "dvc pull" in out


def test_a_changed_evaluation_is_told(lab, experiments):
    path = experiments / "params.yaml"
    path.write_text(path.read_text().replace("fewshot: 0", "fewshot: 5"))
    assert "The evaluation itself differs (evaluate.fewshot)" in lab("compare", "HEAD", "workspace").out


def test_same_parameters_are_told(lab, experiments):
    assert "The parameters are the same." in lab("compare", "HEAD", "base").out


def test_the_same_again(lab, experiments):
    assert lab("compare", "base", "more-words").out == lab("compare", "base", "more-words").out


def test_an_unknown_name_lists_the_experiments(lab, experiments):
    error = error_of(lab("compare", "base", "more-wrods"))
    assert "more-wrods" in error and "more-words" in error


def test_names_that_look_like_options_of_git_are_only_names(lab, experiments):
    assert "experiments: more-words" in error_of(lab("compare", "base", "--", "--all"))


def test_one_revision_is_not_enough(lab, experiments):
    assert "lab compare HEAD workspace" in error_of(lab("compare", "HEAD"))


def test_a_revision_that_was_never_scored(lab, experiments):
    run(experiments, "git", "rm", "-q", "--cached", "reports/evaluate.json")
    run(experiments, "git", "commit", "-qm", "No scores")
    assert "reports/evaluate.json" in error_of(lab("compare", "base", "HEAD"))


@pytest.mark.parametrize("content", ["not json", "[]", '{"scores": {}}', '{"scores": {"a": {"acc": "high"}}}'])
def test_broken_scores(lab, experiments, content):
    (experiments / "reports" / "evaluate.json").write_text(content)
    assert "dvc repro -f evaluate" in error_of(lab("compare", "HEAD", "workspace"))


def test_experiments_of_one_name_on_two_commits(lab, experiments):
    """The one of the current commit is meant; where none is, the name alone is refused."""
    run(experiments, "git", "commit", "-qam", "Next")
    run(experiments, "dvc", "exp", "run", "-q", "-n", "more-words", "-S", "quality.min_words=70")
    found = compared(lab, "base", "more-words")
    assert found["parameters"]["quality.min_words"] == ["50", "70"]
    run(experiments, "git", "commit", "-qm", "And on", "--allow-empty")
    assert "several experiments" in error_of(lab("compare", "base", "more-words"))


# A comparison's arithmetic, without a repository.


def revision(name: str, right: list[float] | None, error: float | None = 0.05, prefix: str = "") -> Revision:
    values = np.array(right if right is not None else [0.5] * 40)
    keys = tuple((f"{prefix}{number}", 0) for number in range(len(values)))
    items = {"task": Items("acc", keys, values, np.ones(len(values)), 0.25)} if right is not None else {}
    scores = {"task": {"acc": float(values.mean()), "acc_stderr": error, "chance": 0.25, "items": len(values)}}
    return Revision(name, None, {"evaluate": {"scores": scores}}, {}, items)


def test_pairing_finds_what_independent_errors_can_not():
    """Two models that agree on nearly all items: the few that differ tell, their common difficulty does not."""
    hard = [float(number % 2) for number in range(200)]
    better = [1.0 if number < 30 else value for number, value in enumerate(hard)]
    paired = judge(revision("a", hard), revision("b", better))
    apart = judge(revision("a", hard), revision("b", better, prefix="other "))
    assert paired.comparison.tasks[0].verdict == "better" and not paired.apart
    assert apart.comparison.tasks[0].verdict == "undecided"
    assert apart.apart == {"task": "too few items in common"}
    assert apart.comparison.tasks[0].difference == pytest.approx(paired.comparison.tasks[0].difference)


def test_an_error_that_is_not_known_decides_nothing():
    (row,) = judge(revision("a", None, error=None), revision("b", None)).comparison.tasks
    assert math.isnan(row.low) and row.verdict == "undecided"


def stored(name: str, **metrics: float) -> Revision:
    return Revision(name, None, {"evaluate": {"scores": {"task": metrics}}}, {})


def test_two_items_tell_nothing_and_many_that_are_all_right_do():
    few, many = (
        judge(stored("a", acc=0.0, acc_stderr=0.0, items=n), stored("b", acc=1.0, acc_stderr=0.0, items=n))
        for n in (2, 500)
    )
    assert few.comparison.tasks[0].verdict == "undecided"
    assert many.comparison.tasks[0].verdict == "better" and many.comparison.tasks[0].low > 0.9


def test_scores_by_different_metrics_do_not_stand_in_one_row():
    ours, theirs = stored("a", acc=0.5, bits_per_byte=1.0, items=9), stored("b", f1=0.6, items=9)
    others = {"other": {"acc": 0.5, "items": 9}}
    for each in (ours, theirs):
        each.metrics["evaluate"]["scores"] |= others
    assert judge(ours, theirs).comparison.left_out == {"task": "they have different metrics for it"}
    assert scores_table([ours, theirs]).rows[0][-2:] == ("50.0", NOTHING)


def test_means_of_shares_and_of_bits_have_names_of_their_own():
    keys = tuple((str(number), 0) for number in range(30))
    found = {
        f"{metric}-{n}": Items(metric, keys, np.arange(30.0) % 2, np.ones(30), None)
        for metric in ("acc", "bits_per_byte")
        for n in range(2)
    }
    means = compare("b", [found], [found]).means
    assert [mean.task for mean in means] == ["mean of 2 tasks", "mean of 2 tasks in bits per byte"]


def test_p_values_are_corrected_for_all_tasks_together():
    """Paired and independent tasks count alike: with twenty of them, one p of 0.02 shows nothing."""

    def many(name: str, value: float) -> Revision:
        scores = {f"t{n}": {"acc": 0.5, "acc_stderr": 0.03, "items": 100} for n in range(20)}
        scores["t0"] = scores["t0"] | {"acc": value}
        return Revision(name, None, {"evaluate": {"scores": scores}}, {})

    first = judge(many("a", 0.5), many("b", 0.5 + 0.1)).comparison.tasks[0]
    assert first.p == pytest.approx(0.0184, abs=1e-3)
    assert first.corrected == pytest.approx(20 * first.p) and first.verdict == "undecided"


def test_what_revisions_tell_of_a_tasks_trustworthiness_is_shown():
    """One guesses and its order with the other changes on the way; the other task rises steadily in both."""

    def trained(name: str, guesses: list[float], rises: list[float]) -> Revision:
        rows = [
            {"step": 10 * n, "scores": {"guess": {"acc": guess}, "rise": {"acc": rise}}}
            for n, (guess, rise) in enumerate(zip(guesses, rises, strict=True), 1)
        ]
        last = {task: {"acc": v[-1], "acc_stderr": 0.02, "chance": 0.25} for task, v in
                (("guess", guesses), ("rise", rises))}  # fmt: skip
        return Revision(name, None, {"evaluate": {"scores": last, "milestones": rows}}, {})

    one = trained("a", [0.26, 0.24, 0.25, 0.26], [0.3, 0.4, 0.5, 0.6])
    other = trained("b", [0.25, 0.26, 0.24, 0.27], [0.35, 0.45, 0.55, 0.7])
    guess, rise = trust_table([one, other]).rows
    assert rise == ("rise", "22.50", "1.00", "1.00", "–")
    assert guess[1] == "1.00" and guess[-1] == "not monotonic, order of variants changes, not above chance"
    shorter = trained("c", [0.26, 0.24], [0.3, 0.4])
    assert trust_table([one, shorter]).rows[1][1:] == ("17.50", "–", "–", "–")


def test_flat_parameters():
    assert flat({"a": {"b": {"c": True}, "d": None}, "e": {"f": [1, "x"]}}) == {
        "a.b.c": "true", "a.d": "null", "e.f": '[1, "x"]',
    }  # fmt: skip
