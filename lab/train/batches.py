"""How large each step's batch is, and how it is laid out over devices and micro-batches.

A batch may grow: it begins at train.batch_tokens halved once for each of train.batch_doubles_after, and doubles after
the step that reaches one of these numbers of tokens. Llama 3 405B has [252e6, 2.87e12] on the way from 4M to 16M tokens
(Grattafiori et al. 2024, section 3.4.1). The learning rate does not follow the batch: warmup counts steps, and the
schedule after it counts tokens.
"""

from dataclasses import dataclass
from math import inf

from lab.errors import ParameterError
from lab.params import TrainParams


@dataclass(frozen=True)
class BatchGrowth:
    """`steps`: the number of steps at each size below the full one, the smallest first; each size is half the next.

    Sizes are in tokens or in sequences, as the caller's `full` batch is.

    >>> growth = BatchGrowth((3, 2))
    >>> [growth.size(step, 8) for step in range(7)]
    [2, 2, 2, 4, 4, 8, 8]
    >>> growth.before(6, 8), growth.steps_for(22, 8)
    (22, 6)
    """

    steps: tuple[int, ...] = ()

    @property
    def factor(self) -> int:
        """The full batch in units of the first one."""
        return 1 << len(self.steps)

    @classmethod
    def from_params(cls, params: TrainParams) -> "BatchGrowth":
        """`plan_batches` checks that sizes are whole numbers of tokens."""
        doublings = params.batch_doubles_after
        steps: list[int] = []
        tokens = 0
        for halvings, until in zip(range(len(doublings), 0, -1), doublings, strict=True):
            size = max(params.batch_tokens >> halvings, 1)
            steps.append(-(-max(until - tokens, 0) // size))
            tokens += steps[-1] * size
        return cls(tuple(steps))

    def size(self, step: int, full: int) -> int:
        """The batch of step `step` (from 0)."""
        for size, steps in self._phases(full):
            if step < steps:
                return size
            step -= steps
        raise AssertionError("the full batch has steps without end")

    def before(self, step: int, full: int) -> int:
        """The sum of the batches before step `step`."""
        total = 0
        for size, steps in self._phases(full):
            total += min(step, steps) * size
            step = max(step - steps, 0)
        return total

    def steps_for(self, amount: int, full: int) -> int:
        """The fewest steps whose batches sum to `amount`."""
        before = 0
        for size, steps in self._phases(full):
            taken = min(steps, -(-max(amount, 0) // size))
            amount -= taken * size
            before += taken
        return before

    def _phases(self, full: int) -> list[tuple[int, float]]:
        """Each size and the number of its steps, of the full one without end."""
        halvings = range(len(self.steps), -1, -1)
        return [(full >> times, steps) for times, steps in zip(halvings, (*self.steps, inf), strict=True)]


CONSTANT = BatchGrowth()


@dataclass(frozen=True)
class BatchPlan:
    """`sequences` per step over `devices`, each of which takes `micro_batch` of them at once."""

    context: int  # tokens
    sequences: int
    devices: int
    micro_batch: int
    growth: BatchGrowth = CONSTANT

    def sequences_per_device(self, step: int) -> int:
        return self.growth.size(step, self.sequences) // self.devices

    def sequences_before(self, step: int) -> int:
        """Sequences of all steps before `step`, over all devices."""
        return self.growth.before(step, self.sequences)

    def micro_batch_of(self, sequences: int) -> int:
        """The largest micro-batch, at most `micro_batch`, that divides a device's sequences of a step evenly."""
        return max(size for size in range(1, min(self.micro_batch, sequences) + 1) if sequences % size == 0)


def plan_batches(params: TrainParams, context: int, devices: int) -> BatchPlan:
    """Lay out batch_tokens = context * micro_batch * accumulation * devices, with micro_batch at most the parameter.

    Raises ParameterError when the batch, or the smallest that it grows from, is not a whole number of sequences for
    each device. `unit` is the smallest full batch that is.
    """
    growth = BatchGrowth.from_params(params)
    unit = context * devices * growth.factor
    if params.batch_tokens % unit:
        below, above = params.batch_tokens // unit * unit, -(-params.batch_tokens // unit) * unit
        doublings = f" x {growth.factor} for train.batch_doubles_after" if growth.steps else ""
        raise ParameterError(
            f"train.batch_tokens: {params.batch_tokens} is not a multiple of context {context} x {devices} device(s)"
            f"{doublings} = {unit} tokens. Set it to {f'{below} or {above}' if below else above}."
        )
    per_device = params.batch_tokens // (context * devices)
    micro_batch = BatchPlan(context, per_device * devices, devices, params.micro_batch).micro_batch_of(per_device)
    return BatchPlan(context, per_device * devices, devices, micro_batch, growth)
