"""If these fail, `lab isoflop` recommends a size that the runs do not support, or hides how little they say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.experiments.fit import find_minimum, fit_parabola, fit_power_law, with_interval

exponents = st.floats(0.2, 0.8)
curvatures = st.floats(0.01, 0.5)


def losses_about(x: np.ndarray, optimum: float, curvature: float, lowest: float = 3.0) -> np.ndarray:
    return lowest + curvature * np.log(x / optimum) ** 2


def grid(optimum: float, shift: float = 0.3, count: int = 5) -> np.ndarray:
    """Sizes about an optimum that is none of them."""
    return optimum * np.exp(np.linspace(-1.5, 1.5, count) + shift)


@given(exponents, curvatures, st.floats(-0.3, 0.3))
def test_known_exponents_are_recovered(exponent, curvature, shift):
    budgets = [1e18, 3e18, 1e19]
    best, curves = {}, {}
    for flops in budgets:
        x = grid(0.3 * flops**exponent, shift)
        losses = losses_about(x, 0.3 * flops**exponent, curvature)
        found = find_minimum(x, losses)
        assert found.problem == "" and found.x == pytest.approx(0.3 * flops**exponent, rel=1e-5)
        assert found.loss == pytest.approx(3.0)
        best[flops], curves[flops] = found.x, fit_parabola(x, losses)
    law = with_interval(fit_power_law(list(best), list(best.values())), curves)
    assert law.exponent == pytest.approx(exponent, abs=1e-4)
    assert law.at(1e20) == pytest.approx(0.3 * 1e20**exponent, rel=1e-2)
    assert law.low == pytest.approx(exponent, abs=1e-3) and law.high == pytest.approx(exponent, abs=1e-3)


def test_a_lucky_seed_at_the_edge_does_not_hide_a_minimum_inside():
    x = [1, 2, 4, 8, 16] * 3
    losses = [3.12, 3.02, 3.0, 3.02, 3.08, 3.12, 3.02, 3.0, 3.02, 3.08, 2.96, 3.02, 3.0, 3.02, 3.08]
    assert find_minimum(x, losses).x == pytest.approx(4, rel=0.3)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(1)
    budgets, held, trials = [1e18, 3e18, 1e19], 0, 200
    for _ in range(trials):
        curves, best = {}, {}
        for flops in budgets:
            x = grid(flops**0.5, 0.1, count=6)
            losses = losses_about(x, flops**0.5, 0.1) + random.normal(0, 0.005, len(x))
            curves[flops], best[flops] = fit_parabola(x, losses), find_minimum(x, losses).x
        law = with_interval(fit_power_law(budgets, list(best.values())), curves)
        held += law.low <= 0.5 <= law.high
    assert 0.90 <= held / trials <= 0.99


@pytest.mark.parametrize(("optimum", "side"), [(10.0, "smallest"), (1e9, "largest")])
def test_a_minimum_at_the_edge_is_told_and_not_extrapolated(optimum, side):
    x = np.array([1e3, 2e3, 4e3, 8e3])
    found = find_minimum(x, losses_about(x, optimum, 0.1))
    assert found.x is None and found.loss is None and f"at the edge, the {side}" in found.problem


def test_a_minimum_at_the_edge_is_told_where_sizes_have_several_seeds():
    found = find_minimum([1, 1, 2, 2, 4, 4], [1.10, 1.00, 1.04, 1.06, 1.5, 1.5])
    assert found.x is None and "at the edge, the smallest" in found.problem


def test_what_is_no_valley_has_no_minimum():
    assert "no lowest point" in find_minimum([1, 2, 3, 4, 5], [2.0, 5.0, 1.9, 5.0, 2.0]).problem
    assert "2 of the three" in find_minimum([1, 2, 2], [3.0, 2.0, 2.1]).problem


def test_too_little_gives_no_law_and_no_interval():
    assert fit_power_law([1e18], [1e9]) is None
    assert fit_power_law([1e18, 1e18], [1e9, 2e9]) is None
    three = [np.array([1.0, 2.0, 4.0]), np.array([2.0, 4.0, 8.0])]
    curves = {flops: fit_parabola(x, losses_about(x, x[1], 0.1)) for flops, x in zip([1.0, 4.0], three, strict=True)}
    law = with_interval(fit_power_law([1.0, 4.0], [2.0, 4.0]), curves)
    assert law.exponent == pytest.approx(0.5) and law.low is None and law.kept == 0


def test_noise_as_large_as_the_valley_gives_no_interval():
    x = grid(100.0)
    noisy = losses_about(x, 100.0, 0.01) + np.array([0.2, -0.3, 0.3, -0.3, 0.2])
    law = fit_power_law([1.0, 4.0], [100.0, 200.0])
    found = with_interval(law, {1.0: fit_parabola(x, noisy), 4.0: fit_parabola(2 * x, noisy)})
    assert found.low is None and 0 <= found.kept < 0.9
