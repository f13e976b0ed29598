"""How weights are changed and for how long: budget, learning-rate schedule, AdamW.

The schedules are cosine (Loshchilov and Hutter 2017), warmup-stable-decay (Hu et al. 2024, linear decay) and constant,
all after a linear warmup; AdamW (Loshchilov and Hutter 2019) decays matrices only, as GPT-3 and Llama do.
"""

from dataclasses import dataclass
from math import ceil, cos, pi

import torch
from torch import nn

from lab.params import TrainParams


@dataclass(frozen=True)
class Budget:
    """How long a run trains: a number of steps, or of seconds."""

    steps: int | None
    seconds: float | None

    def finished(self, step: int, elapsed: float) -> bool:
        """Whether the run ends after `step` steps and `elapsed` seconds."""
        return step >= self.steps if self.steps is not None else elapsed >= self.seconds

    def share(self, step: int, elapsed: float, warmup_steps: int) -> float:
        """Part of the budget behind warmup that is spent, 0 to 1."""
        if self.steps is not None:
            spent = (step - warmup_steps) / max(self.steps - warmup_steps, 1)
        else:
            spent = elapsed / self.seconds
        return min(max(spent, 0.0), 1.0)


def budget(params: TrainParams) -> Budget:
    """The parsed train.budget; tokens are rounded up to whole steps."""
    amount, unit = params.budget.split()
    if unit == "seconds":
        return Budget(None, float(amount))
    return Budget(max(1, ceil(float(amount) / params.batch_tokens)), None)


def learning_rate(step: int, share: float, params: TrainParams) -> float:
    """The rate of step `step` (from 0), when `share` of the budget behind warmup is spent."""
    if step < params.warmup_steps:
        return params.learning_rate * (step + 1) / params.warmup_steps
    if params.schedule == "constant":
        height = 1.0
    elif params.schedule == "cosine":
        height = (1 + cos(pi * share)) / 2
    else:
        height = min(1.0, (1 - share) / params.decay_share) if params.decay_share else 1.0
    low = params.min_learning_rate_share if params.schedule != "constant" else 0.0
    return params.learning_rate * (low + (1 - low) * height)


def adamw(model: nn.Module, params: TrainParams) -> torch.optim.AdamW:
    """AdamW over all weights, with weight decay on matrices (embeddings included), not on biases and norms."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    groups = [
        {"params": [weight for weight in weights if weight.ndim >= 2], "weight_decay": params.weight_decay},
        {"params": [weight for weight in weights if weight.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=params.learning_rate,
        betas=(params.beta1, params.beta2),
        fused=True,
    )
