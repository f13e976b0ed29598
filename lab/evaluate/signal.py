"""Which scores to trust on runs as small as these: FineWeb's criteria for an early-signal task.

In: a task's scores by run. Out: Signal. The criteria are Penedo et al. 2024 (section 3.1), measured as FineTasks does
(Kydlíček et al. 2024): monotonic in training, low noise over seeds, above chance, the same order of models throughout.
"""

from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

LEAST_MONOTONICITY = 0.5  # FineTasks' thresholds
LEAST_SIGNAL_TO_NOISE = 20.0
LEAST_ABOVE_CHANCE = 3.0
LEAST_ORDER = 0.5


@dataclass(frozen=True)
class Signal:
    """A task's measures; None where the runs do not tell (one seed, one checkpoint, no chance level)."""

    task: str
    monotonicity: float | None  # Spearman's rho of score and training, -1 to 1
    signal_to_noise: float | None  # mean score / its standard deviation over seeds
    above_chance: float | None  # best variant's mean minus chance, in standard deviations over seeds
    order: float | None  # Kendall's tau of the variants' order, mean over pairs of seeds or checkpoints, -1 to 1

    def failures(self) -> list[str]:
        """The criteria that are not met, in words."""
        limits = {
            "not monotonic": (self.monotonicity, LEAST_MONOTONICITY),
            "noisy over seeds": (self.signal_to_noise, LEAST_SIGNAL_TO_NOISE),
            "not above chance": (self.above_chance, LEAST_ABOVE_CHANCE),
            "order of variants changes": (self.order, LEAST_ORDER),
        }
        return [words for words, (value, least) in limits.items() if value is not None and value < least]


def measure(
    task: str,
    scores: np.ndarray,
    *,
    chance: float | None,
    higher_is_better: bool,
    checkpoints: np.ndarray | None = None,
) -> Signal:
    """`scores` [variants, seeds] of finished runs; `checkpoints` [checkpoints, variants] in order, means over seeds."""
    sign = 1.0 if higher_is_better else -1.0
    noise = pooled_deviation(scores)
    runs = [] if checkpoints is None else list(checkpoints.T)
    rises = [rho for run in runs if (rho := monotonicity(sign * run)) is not None]
    rounds = sign * (checkpoints if checkpoints is not None else scores.T)
    return Signal(
        task=task,
        monotonicity=float(np.mean(rises)) if rises else None,
        signal_to_noise=None if not noise else float(abs(scores.mean()) / noise),
        above_chance=None if chance is None or not noise else float((sign * scores.mean(1)).max() - chance) / noise,
        order=order_consistency(rounds, consecutive=checkpoints is not None),
    )


def pooled_deviation(scores: np.ndarray) -> float | None:
    """Standard deviation over seeds within a variant, [variants, seeds]; None with a single seed."""
    variants, seeds = scores.shape
    if seeds < 2:
        return None
    rests = scores - scores.mean(1, keepdims=True)
    return float(np.sqrt((rests**2).sum() / (variants * (seeds - 1))))


def monotonicity(scores: np.ndarray) -> float | None:
    """Spearman's rank correlation of scores, [checkpoints], with their order; None for fewer than three."""
    if len(scores) < 3:
        return None
    places = np.arange(len(scores)) - (len(scores) - 1) / 2
    order = np.sign(np.subtract.outer(scores, scores)).sum(1)  # twice each rank's distance from the mean rank
    norm = np.sqrt((places**2).sum() * (order**2).sum())
    return float((places * order).sum() / norm) if norm else 0.0


def order_consistency(rounds: np.ndarray, *, consecutive: bool) -> float | None:
    """Mean Kendall tau-a between the models' orders in two rounds, [rounds, models]: neighbours only, or all pairs.

    Tau-a is (concordant - discordant pairs) / all pairs; ties count for neither. None for fewer than two of either.
    """
    count, models = rounds.shape
    if count < 2 or models < 2:
        return None
    above = np.triu_indices(models, 1)
    orders = [np.sign(np.subtract.outer(scores, scores))[above] for scores in rounds]
    pairs = pairwise(orders) if consecutive else combinations(orders, 2)
    return float(np.mean([(one * other).mean() for one, other in pairs]))
