"""If these fail, a task is said to grow with training, or not to, by scores that are not its own."""

import numpy as np
import pytest

from lab.evaluate.per_item import Items
from lab.experiments.plan import Experiment
from lab.experiments.results import FinishedRun, measure_signals


def run(variant: str, seed: int, curve: list[float], bits: list[float]) -> FinishedRun:
    rows = [
        {"step": step, "scores": {"task": {"acc": acc, "acc_norm": 1 - acc}, "bits": {"bits_per_byte": byte}}}
        for step, (acc, byte) in enumerate(zip(curve, bits, strict=True))
    ]
    keys = tuple((str(number), 0) for number in range(4))
    items = {
        "task": Items("acc", keys, np.ones(4), np.ones(4), 0.25),
        "bits": Items("bits_per_byte", keys, np.ones(4), np.ones(4), None),
    }
    return FinishedRun(Experiment("", variant, seed, {}), "", {"evaluate": {"milestones": rows} if rows else {}}, items)


def test_monotonicity_is_that_of_the_steps_and_falls_are_good_where_less_is():
    grows, falls = [0.1, 0.2, 0.3, 0.4], [4.0, 3.0, 2.0, 1.0]
    task, bits = measure_signals([run("a", 1, grows, falls), run("b", 1, grows[::-1], falls)])
    assert (task.task, task.monotonicity) == ("task", pytest.approx(0.0))  # one rises, the other falls
    assert bits.monotonicity == pytest.approx(1.0)
    assert task.order == pytest.approx((1 - 1 + 1) / 3)  # the variants change places once, in the middle


def test_seeds_are_averaged_first():
    task, _ = measure_signals([run("a", 1, [0.1, 0.4, 0.3], [1] * 3), run("a", 2, [0.1, 0.2, 0.5], [1] * 3)])
    assert task.monotonicity == pytest.approx(1.0)


@pytest.mark.parametrize("curve", [[], [0.1, 0.2]])
def test_without_the_same_steps_in_all_runs_nothing_is_said(curve):
    runs = [run("a", 1, [0.1, 0.2, 0.3], [1] * 3), run("b", 1, curve, [1] * len(curve))]
    assert [signal.monotonicity for signal in measure_signals(runs)] == [None, None]
