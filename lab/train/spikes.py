"""Loss spikes: batches that would damage the weights, detected before the optimiser's step.

In: the loss and the gradient's norm (before clipping) of each step. Out: why the step is a spike, or None. The rule is
that of OLMo-core's SkipStepOptimizer, with which OLMo 2 was trained: a step is skipped if its loss or gradient norm is
more than 6 deviations above those of the last 128 steps, from half a window on; here by the median and the median
absolute deviation, since one spike moves mean and standard deviation so far that it hides the next one. Spikes enter
the window, so a level that stays high is soon the new one. No number is a spike at any time, and never enters.
"""

import math
from collections import deque
from statistics import median

from lab.errors import LabError
from lab.params import TrainParams

TO_STANDARD_DEVIATION = 1.4826  # of a normal distribution, from its median absolute deviation
WHAT_TO_DO = "lower train.learning_rate, raise train.warmup_steps or lower train.gradient_clip"


class SpikeRule:
    """The rule of `train.on_spike`. `skipped`: steps skipped so far."""

    def __init__(self, params: TrainParams):
        self.params, self.skipped = params, 0
        self._seen = {name: deque(maxlen=params.spike_window) for name in ("loss", "gradient's norm")}
        self._in_a_row = 0

    def reason(self, step: int, loss: float, norm: float) -> str | None:
        """Why step `step` (from 1) is skipped, or None.

        Raises LabError where on_spike is "stop", or half a window of steps in a row were skipped.
        """
        values = dict(zip(self._seen, (loss, norm), strict=True))
        reason = self._reason("loss", loss) or self._reason("gradient's norm", norm)
        if all(map(math.isfinite, values.values())):
            for name, value in values.items():
                self._seen[name].append(value)
        if reason is None:
            self._in_a_row = 0
            return None
        if self.params.on_spike == "stop":
            raise LabError(
                f"step {step}: {reason}. The last checkpoint before it is kept; set train.on_spike to 'skip' to go on "
                f"from it without this batch, or {WHAT_TO_DO}."
            )
        self._in_a_row += 1
        self.skipped += 1
        if self._in_a_row > self.params.spike_window // 2:
            raise LabError(f"step {step}: {reason}, and {self._in_a_row - 1} steps before were skipped; {WHAT_TO_DO}.")
        return reason

    def _reason(self, name: str, value: float) -> str | None:
        if not math.isfinite(value):
            return f"the {name} is {value}"
        seen = self._seen[name]
        if len(seen) < max(2, self.params.spike_window // 2):
            return None
        middle = median(seen)
        deviation = TO_STANDARD_DEVIATION * median(abs(other - middle) for other in seen)
        if value - middle <= self.params.spike_deviations * deviation:
            return None
        return (
            f"the {name} is {value:.4g}, more than {self.params.spike_deviations:g} deviations of {deviation:.2g} "
            f"above {middle:.4g}, the median of the {len(seen)} steps before"
        )

    def state(self) -> dict:
        seen = {name: list(values) for name, values in self._seen.items()}
        return {"skipped": self.skipped, "in_a_row": self._in_a_row, "seen": seen}

    def resume(self, state: dict) -> None:
        self.skipped, self._in_a_row = state["skipped"], state["in_a_row"]
        for name, values in state["seen"].items():
            self._seen[name].extend(values)
