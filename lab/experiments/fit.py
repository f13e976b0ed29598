"""Where a loss is lowest, and how that optimum grows with a budget: parabolas over a logarithm, and power laws.

In: measured (x, loss) at a few budgets. Out: for each budget the minimum of a second-degree polynomial of the loss in
log x; through those minima x* = A C^exponent, with an interval (Hoffmann et al. 2022, approach 2; Grattafiori et al.
2024, section 3.2.1). Pure functions; x is tokens, parameters, or a learning rate.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

REPLICATES = 2000
MIN_KEPT = 0.9  # share of replicates with a minimum at every budget; below it an interval means little


@dataclass(frozen=True)
class Parabola:
    """loss = a z^2 + b z + c with z = ln x - center, fitted to `residuals` at the measured `x`."""

    a: float
    b: float
    c: float
    center: float
    x: tuple[float, ...]
    residuals: tuple[float, ...]

    def at(self, x: float) -> float:
        z = np.log(x) - self.center
        return float(self.a * z * z + self.b * z + self.c)

    @property
    def vertex(self) -> float | None:
        """x of the lowest point, wherever it lies; None if the curve does not open upwards."""
        if self.a <= 0:
            return None
        z = -self.b / (2 * self.a) + self.center
        return float(np.exp(z)) if abs(z) < 700 else None


@dataclass(frozen=True)
class Minimum:
    """The lowest point of a parabola, or (`x` None) why it has none inside the measured range."""

    x: float | None
    loss: float | None
    problem: str = ""


@dataclass(frozen=True)
class PowerLaw:
    """x* = coefficient C^exponent. `low` and `high`: 95 % interval of the exponent, None if unknown."""

    exponent: float
    coefficient: float
    budgets: int
    low: float | None = None
    high: float | None = None
    kept: float = 0.0  # share of the bootstrap's replicates that had a minimum at every budget

    def at(self, flops: float) -> float:
        return float(self.coefficient * flops**self.exponent)


def fit_parabola(x: Sequence[float], losses: Sequence[float]) -> Parabola | None:
    """Least squares; None for fewer than three different x."""
    if len(set(x)) < 3:
        return None
    logs = np.log(np.asarray(x, dtype=float))
    center = float(logs.mean())
    powers = np.vander(logs - center, 3)  # z^2, z, 1
    a, b, c = np.linalg.lstsq(powers, np.asarray(losses, dtype=float), rcond=None)[0]
    residuals = np.asarray(losses) - powers @ np.array([a, b, c])
    return Parabola(float(a), float(b), float(c), center, tuple(map(float, x)), tuple(map(float, residuals)))


def find_minimum(x: Sequence[float], losses: Sequence[float]) -> Minimum:
    """The parabola's lowest point if it and the lowest loss lie inside the measured range; else why not.

    Nothing is extrapolated: a minimum at the edge only shows on which side the optimum is.
    """
    parabola = fit_parabola(x, losses)
    if parabola is None:
        return Minimum(None, None, f"{len(set(x))} of the three sizes that a parabola needs")
    by_size = {value: np.mean([loss for at, loss in zip(x, losses, strict=True) if at == value]) for value in x}
    lowest = min(by_size, key=by_size.__getitem__)
    if lowest in (min(x), max(x)):
        side = "smallest" if lowest == min(x) else "largest"
        return Minimum(None, None, f"the loss is lowest at the edge, the {side} that was measured")
    vertex = parabola.vertex
    if vertex is None or not min(x) < vertex < max(x):
        return Minimum(None, None, "the parabola has no lowest point inside what was measured")
    return Minimum(vertex, parabola.at(vertex))


def fit_power_law(flops: Sequence[float], x: Sequence[float]) -> PowerLaw | None:
    """A line through the logarithms, without an interval; None for fewer than two budgets."""
    if len(set(flops)) < 2:
        return None
    slope, intercept = np.polyfit(np.log(np.asarray(flops, dtype=float)), np.log(np.asarray(x, dtype=float)), 1)
    return PowerLaw(float(slope), float(np.exp(intercept)), len(flops))


def with_interval(law: PowerLaw, curves: dict[float, Parabola]) -> PowerLaw:
    """The law with an interval, from a parametric bootstrap of the losses around their `curves` (FLOPs -> parabola).

    A replicate draws the noise's variance from the residuals (chi-squared), then losses, and fits again: it covers a
    run's noise, not the choice of curves. No interval without degrees of freedom, or if few replicates have minima.
    """
    freedom = sum(len(curve.residuals) - 3 for curve in curves.values())
    squares = sum(residual**2 for curve in curves.values() for residual in curve.residuals)
    if freedom <= 0:
        return law
    random = np.random.default_rng(0)
    deviations = np.sqrt(squares / random.chisquare(freedom, REPLICATES))
    budgets = np.log(np.array(list(curves)))
    vertices = np.stack([_replicated_vertices(curve, deviations, random) for curve in curves.values()], axis=1)
    finite = np.isfinite(vertices).all(axis=1)
    kept = float(finite.mean())
    if kept < MIN_KEPT:
        return replace(law, kept=kept)
    centered = budgets - budgets.mean()
    slopes = vertices[finite] @ centered / (centered @ centered)
    low, high = np.quantile(slopes, [0.025, 0.975])
    return replace(law, low=float(low), high=float(high), kept=kept)


def _replicated_vertices(curve: Parabola, deviations: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """ln of the lowest points of parabolas through drawn losses, [replicates]; NaN outside the measured range."""
    logs = np.log(np.array(curve.x))
    noise = random.standard_normal((len(deviations), len(logs))) * deviations[:, None]
    a, b, _ = (np.array([curve.a, curve.b, curve.c]) + noise @ np.linalg.pinv(np.vander(logs - curve.center, 3)).T).T
    places = -b / (2 * np.where(a > 0, a, np.nan)) + curve.center
    return np.where((places > logs.min()) & (places < logs.max()), places, np.nan)
