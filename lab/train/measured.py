"""What a training step hands on to those who watch it: the terminal, tracking, the curve."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Measured:
    """What is known after a step; tokens per second is the only figure that another run need not repeat."""

    step: int  # steps made
    tokens: int
    loss: float  # nats a token, mean over the batch before the step
    learning_rate: float
    gradient_norm: float  # before clipping
    validation_loss: float | None = None  # after the step
    skipped_steps: int = 0  # so far, for a spike (lab.train.spikes)
    tokens_per_second: float = 0.0
    details: dict[str, float] = field(default_factory=dict)  # of a validated step (lab.train.by_source and groups)
