"""If these fail, a verdict is worth no more than a coin: intervals miss the truth, or chance is called skill."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import InputError
from lab.evaluate import resampling
from lab.evaluate.answers import Items, match, read_items, read_run, task_files
from lab.evaluate.compare import compare, runs_to_tell

EXPERIMENTS, ITEMS = 2000, 200
DRAWS = 1500


def simulate(runs: int, seed_deviation: float, effect: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Answers [experiments, runs, items] of both arms: right with a probability of the item, the arm, and the run."""
    random = np.random.default_rng(seed)
    difficulty = random.uniform(0.25, 0.65, (EXPERIMENTS, 1, ITEMS))
    taste = random.normal(0, 0.08, (EXPERIMENTS, 1, ITEMS))  # what the variant is good at

    def arm(shift: np.ndarray | float) -> np.ndarray:
        luck = random.normal(0, seed_deviation, (EXPERIMENTS, runs, 1))
        chance = random.random((EXPERIMENTS, runs, ITEMS))
        return (chance < difficulty + shift + luck).astype(np.float64)

    return arm(0.0), arm(effect + taste)


def judged(runs: int, seed_deviation: float, effect: float) -> tuple[float, float]:
    """Share of intervals that hold the true effect, and of p-values below 0.05."""
    arms = (*simulate(runs, seed_deviation, effect), np.ones(ITEMS))
    random = np.random.default_rng(2)
    point = resampling.difference(*arms)
    deviations = resampling.item_deviations(*arms, DRAWS, random)
    deviations += resampling.seed_deviations(resampling.variances(*arms), DRAWS, random)
    low, high = resampling.interval(point, deviations)
    covered = float(((low <= effect) & (effect <= high)).mean())
    return covered, float((resampling.p_value(point, deviations) < 0.05).mean())


@pytest.mark.parametrize(("runs", "seed_deviation", "effect"), [(1, 0.0, 0.06), (3, 0.02, 0.05), (4, 0.04, 0.05)])
def test_intervals_hold_a_known_effect_19_times_in_20(runs, seed_deviation, effect):
    covered, found = judged(runs, seed_deviation, effect)
    assert 0.93 <= covered <= 0.97
    assert found > 0.15


@pytest.mark.parametrize(("runs", "seed_deviation"), [(1, 0.0), (3, 0.02), (4, 0.04)])
def test_without_an_effect_false_alarms_stay_at_one_in_20(runs, seed_deviation):
    _, alarms = judged(runs, seed_deviation, 0.0)
    assert 0.03 <= alarms <= 0.07


def test_ignoring_seeds_would_raise_false_alarms():
    """What the hierarchical part is for: items alone take a lucky seed for skill."""
    arms = (*simulate(3, 0.04, 0.0), np.ones(ITEMS))
    deviations = resampling.item_deviations(*arms, DRAWS, np.random.default_rng(2))
    assert (resampling.p_value(resampling.difference(*arms), deviations) < 0.05).mean() > 0.1


def test_item_deviations_have_the_deviation_of_the_formula():
    arms = (*simulate(2, 0.02, 0.1), np.ones(ITEMS))
    deviations = resampling.item_deviations(*arms, DRAWS, np.random.default_rng(3))
    formula = np.sqrt(resampling.variances(*arms).items)
    assert np.median(deviations.std(axis=0) / formula) == pytest.approx(1, abs=0.02)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_between_the_plain_and_the_bonferroni_p(values):
    plain = np.array(values)
    corrected = resampling.holm(plain)
    assert (corrected >= plain).all() and (corrected <= np.minimum(plain * len(plain), 1) + 1e-12).all()
    assert (np.diff(corrected[np.argsort(plain, kind="stable")]) >= 0).all()


def test_holm_on_a_worked_example():
    found = resampling.holm(np.array([0.01, 0.04, 0.03, 0.005]))
    assert found == pytest.approx([0.03, 0.06, 0.06, 0.02])


def run_of(accuracy: float, seed: int, bits: float = 2.0, items: int = 400) -> dict[str, Items]:
    """A run with two tasks of right and wrong answers, and one in bits per byte. Items are equally hard in all runs."""
    random = np.random.default_rng(seed)
    hard = np.random.default_rng(99).random((2, items))
    keys = tuple((f"item {number}", 0) for number in range(items))
    right = [(hard[task] + 0.05 * random.standard_normal(items) < accuracy).astype(float) for task in (0, 1)]
    lengths = np.random.default_rng(98).integers(200, 2000, items).astype(float)
    noise = 0.02 * np.random.default_rng(97).standard_normal(items) + 0.002 * random.standard_normal(items)
    return {
        "piqa": Items("acc", keys, right[0], np.ones(items), 0.5),
        "arc": Items("acc", keys, right[1], np.ones(items), 0.25),
        "web": Items("bits_per_byte", keys, (bits + noise) * lengths, lengths, None),
    }


def arm(accuracy: float, first_seed: int, bits: float = 2.0, runs: int = 3) -> list[dict[str, Items]]:
    return [run_of(accuracy, first_seed + number, bits) for number in range(runs)]


def test_a_clear_gain_is_called_better_in_a_plain_sentence():
    found = compare("+dedup", arm(0.5, 10), arm(0.58, 20, bits=1.95))
    assert [task.verdict for task in found.tasks] == ["better"] * 3
    points, bits = found.means
    assert points.difference == pytest.approx(0.08, abs=0.02) and points.low < points.difference < points.high
    assert bits.gain == pytest.approx(0.05, abs=0.005)  # fewer bits are better
    assert found.sentence().startswith("+dedup: better on 3 of 3 tasks, +")
    assert "points on average, -0.05" in found.sentence()


def test_a_clear_loss_is_called_worse():
    found = compare("raw", arm(0.58, 20, bits=1.95), arm(0.5, 10))
    assert {task.verdict for task in found.tasks} == {"worse"}
    assert "worse on 3 of 3 tasks" in found.sentence()


def test_no_difference_says_what_would_be_needed():
    found = compare("same", arm(0.5, 10), arm(0.5, 30))
    assert {task.verdict for task in found.tasks} == {"undecided"}
    assert found.sentence().startswith("same: no difference shown on 3 tasks")
    assert "seed" in found.sentence()
    assert all(task.detectable > abs(task.difference) for task in found.tasks)


def test_with_the_runs_that_are_said_to_be_needed_the_effect_is_found_four_times_in_five():
    parts = resampling.variances(*simulate(3, 0.04, 0.06), np.ones(ITEMS))
    mean = replace(parts, **{name: getattr(parts, name).mean() for name in ("items", "seeds", "rest", "per_seed")})
    needed = runs_to_tell(0.06, mean)
    assert needed is not None and needed > 3
    assert 0.72 < power(needed, 0.04, 0.06) < 0.88
    assert power(3, 0.04, 0.06) < 0.7
    assert runs_to_tell(0.001, mean) is None  # no number of runs makes up for too few items


def power(runs: int, seed_deviation: float, effect: float) -> float:
    arms = (*simulate(runs, seed_deviation, effect, seed=runs), np.ones(ITEMS))
    parts = resampling.variances(*arms)
    spread = np.sqrt(parts.items + np.maximum(parts.seeds - parts.rest, 0))
    return float((np.abs(resampling.difference(*arms)) > 1.96 * spread).mean())


def test_one_run_each_is_said_to_be_about_two_models_only():
    found = compare("one", arm(0.5, 1, runs=1), arm(0.6, 2, runs=1))
    assert "not about the decision" in found.sentence()
    assert all(task.seeds_needed is None for task in found.tasks)


def test_only_common_items_and_tasks_are_compared():
    baseline, variant = run_of(0.5, 1), run_of(0.6, 2)
    variant["piqa"] = replace(variant["piqa"], keys=tuple((f"other {n}", 0) for n in range(400)))
    variant["extra"] = variant["arc"]
    found = compare("x", [baseline], [variant])
    assert [task.task for task in found.tasks] == ["arc", "web"]
    assert "0 in common" in found.left_out["piqa"] and "not all runs" in found.left_out["extra"]


def test_items_are_matched_by_what_they_are_not_by_their_place():
    one = run_of(0.5, 1)["arc"]
    order = np.random.default_rng(1).permutation(len(one.keys))
    other = replace(one, keys=tuple(one.keys[at] for at in order), values=one.values[order])
    found = match([one], [other])
    assert (found.baseline == found.variant).all() and found.baseline.shape == (1, len(order))  # copied, not computed


def test_nothing_in_common_is_a_clear_error():
    with pytest.raises(InputError, match="no task that can be compared"):
        compare("x", [run_of(0.5, 1)], [{"other": run_of(0.5, 1)["arc"]}])


def test_the_same_verdict_each_time():
    """Equal may be asked for: the same code, shapes and process, and seeded draws."""
    assert compare("x", arm(0.5, 1), arm(0.52, 7)) == compare("x", arm(0.5, 1), arm(0.52, 7))


def test_folders_of_the_stage_are_read(tmp_path):
    for name, right in (("a", 0.0), ("b", 1.0)):
        rows = [
            {"doc_id": n, "doc_hash": f"h{n}", "arguments": [["q", "x"], ["q", "y"]], "acc": right if n % 2 else 1.0}
            for n in range(60)
        ]
        bits = [{"doc_id": n, "doc_hash": f"h{n}", "bits_per_byte": [-70.0 + right, 50]} for n in range(60)]
        (tmp_path / name).mkdir()
        (tmp_path / name / "qa.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (tmp_path / name / "bits.jsonl").write_text("".join(json.dumps(row) + "\n" for row in bits))
    runs = [read_run(task_files(tmp_path / name)) for name in ("a", "b")]
    assert runs[0]["qa"].chance == 0.5
    found = compare("b", runs[:1], runs[1:])
    by_task = {task.task: task for task in found.tasks}
    assert by_task["qa"].difference == 0.5  # exact: whole numbers divided by 60
    assert by_task["bits"].difference == pytest.approx(-1 / math.log(2) / 50)


def test_rows_without_a_metric_are_no_items():
    assert read_items([{"doc_hash": "a", "f1": [0, 1, 2]}, {"doc_hash": "b"}]) is None
    assert read_items([]) is None


def test_a_broken_items_file_is_named(tmp_path):
    (tmp_path / "qa.jsonl").write_text('{"doc_hash": "a", "acc"')
    with pytest.raises(InputError, match=r"qa\.jsonl: line 1 is not JSON"):
        read_run(task_files(tmp_path))


def test_a_plain_difference_is_found_among_any_number_of_tasks():
    keys = tuple((str(number), 0) for number in range(20))
    runs = [
        {f"t{n}": Items("acc", keys, np.full(20, right), np.ones(20), None) for n in range(250)} for right in (0, 1)
    ]
    found = compare("right", [runs[0]] * 3, [runs[1]] * 3)
    assert all(task.verdict == "better" for task in found.tasks)


def test_a_likelihood_that_is_no_number_is_no_score():
    rows = [{"doc_hash": str(n), "bits_per_byte": [math.nan if n == 3 else -2.0, 10]} for n in range(30)]
    assert read_items(rows) is None
