"""If these fail, a user trusts a task that tells nothing at this size, or throws away one that does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lab.evaluate import signal

numbers = st.lists(st.integers(0, 6).map(float), min_size=3, max_size=12)


@settings(deadline=None)
@given(numbers)
def test_monotonicity_is_spearmans(values):
    if len(set(values)) > 1:
        expected = stats.spearmanr(range(len(values)), values).statistic
        assert signal.monotonicity(np.array(values)) == pytest.approx(expected)
    else:
        assert signal.monotonicity(np.array(values)) == 0


@settings(deadline=None)
@given(st.permutations(range(7)), st.permutations(range(7)))
def test_order_is_kendalls(one, other):
    rounds = np.array([one, other], float)
    assert signal.order_consistency(rounds, consecutive=False) == pytest.approx(stats.kendalltau(one, other).statistic)


def test_good_task_passes_all_four():
    scores = np.array([[0.50, 0.51, 0.49], [0.60, 0.61, 0.59], [0.70, 0.71, 0.69]])
    checkpoints = np.linspace(0.25, 1, 5)[:, None] * scores.mean(1)
    found = signal.measure("arc", scores, chance=0.25, higher_is_better=True, checkpoints=checkpoints)
    assert found.failures() == []
    assert (found.monotonicity, found.order) == (pytest.approx(1), 1)
    assert found.above_chance == pytest.approx((0.70 - 0.25) / 0.01)


def test_each_criterion_can_fail_alone():
    quiet = np.array([[0.50, 0.501], [0.60, 0.601]])
    falling = quiet.mean(1) - np.linspace(0, 0.1, 4)[:, None]
    assert signal.measure("t", quiet, chance=0.2, higher_is_better=True, checkpoints=falling).failures() == [
        "not monotonic"
    ]
    noisy = np.array([[0.5, 0.6], [0.8, 0.9]])
    assert signal.measure("t", noisy, chance=0.1, higher_is_better=True).failures() == ["noisy over seeds"]
    assert signal.measure("t", quiet, chance=0.6, higher_is_better=True).failures() == ["not above chance"]
    swapped = np.array([[0.500, 0.502], [0.501, 0.499]])
    assert signal.measure("t", swapped, chance=0.2, higher_is_better=True).failures() == ["order of variants changes"]


def test_lower_bits_are_better_and_have_no_chance():
    bits = np.array([[1.00, 1.001], [1.20, 1.201]])
    falling = np.linspace(2, 1, 4)[:, None] * bits.mean(1)
    found = signal.measure("bits", bits, chance=None, higher_is_better=False, checkpoints=falling)
    assert (found.monotonicity, found.above_chance, found.failures()) == (pytest.approx(1), None, [])


def test_one_seed_tells_nothing_of_noise():
    found = signal.measure("t", np.array([[0.5], [0.6]]), chance=0.25, higher_is_better=True)
    assert (found.signal_to_noise, found.above_chance, found.order, found.monotonicity) == (None, None, None, None)
