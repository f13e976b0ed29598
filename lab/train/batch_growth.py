"""How large each step's batch is, where it grows as training goes on.

In: train.batch_tokens, and train.batch_doubles_after, the tokens after which the batch doubles; it begins at
batch_tokens halved as many times. Out: sizes, and what was taken before a step, in tokens or in sequences alike. Llama
3 405B has [252e6, 2.87e12] on the way from 4M to 16M tokens (Grattafiori et al. 2024, section 3.4.1); GPT-3's line up
from 32k tokens (Brown et al. 2020, appendix B) becomes a doubling wherever it has doubled.

The learning rate does not follow the batch, as it does not in either: warmup counts steps, and the schedule after it is
spent as tokens are. A size lasts whole steps, so that it ends with the step that reaches its number of tokens.
"""

from dataclasses import dataclass

from lab.params import TrainParams


@dataclass(frozen=True)
class BatchGrowth:
    """`steps`: how many are made at each size below the full one, the smallest first; each is half of the next.

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
        """Sizes in whole tokens are `lab.train.batch_plan.plan`'s to check."""
        steps: list[int] = []
        seen = 0
        for halvings, until in zip(
            range(len(params.batch_doubles_after), 0, -1), params.batch_doubles_after, strict=True
        ):
            size = max(params.batch_tokens >> halvings, 1)
            steps.append(-(-max(until - seen, 0) // size))
            seen += steps[-1] * size
        return cls(tuple(steps))

    def size(self, step: int, full: int) -> int:
        """The batch of step `step` (from 0), where the full one is `full`."""
        for halvings, lasts in zip(range(len(self.steps), 0, -1), self.steps, strict=True):
            if step < lasts:
                return full >> halvings
            step -= lasts
        return full

    def before(self, step: int, full: int) -> int:
        """The sum of the batches before step `step`."""
        total = 0
        for halvings, lasts in zip(range(len(self.steps), 0, -1), self.steps, strict=True):
            total += min(step, lasts) * (full >> halvings)
            step = max(step - lasts, 0)
        return total + step * full

    def steps_for(self, amount: int, full: int) -> int:
        """The fewest steps whose batches sum to `amount`."""
        made = 0
        for halvings, lasts in zip(range(len(self.steps), 0, -1), self.steps, strict=True):
            size = full >> halvings
            if amount <= lasts * size:
                break
            amount -= lasts * size
            made += lasts
        else:
            size = full
        return made + -(-amount // size)


CONSTANT = BatchGrowth()
