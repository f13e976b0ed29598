"""Budget, learning-rate schedule and optimisers: AdamW and Muon.

The schedules are cosine (Loshchilov and Hutter 2017), warmup-stable-decay (Hu et al. 2024, linear decay), linear to
zero (Bergsma et al. 2025) and constant, all after a linear warmup. AdamW (Loshchilov and Hutter 2019) decays matrices
only, as GPT-3 and Llama do; Muon (Jordan et al. 2024) takes the hidden matrices and leaves the rest to AdamW.
"""

from dataclasses import dataclass
from math import ceil, cos, pi

import torch
from torch import nn

from lab.params import TrainParams
from lab.train import mup
from lab.train.batches import CONSTANT, BatchGrowth


@dataclass(frozen=True)
class Budget:
    """How long a run trains: a number of steps, or of seconds."""

    steps: int | None
    seconds: float | None
    growth: BatchGrowth = CONSTANT

    def finished(self, step: int, elapsed: float) -> bool:
        """Whether the run ends after `step` steps and `elapsed` seconds."""
        return step >= self.steps if self.steps is not None else elapsed >= self.seconds

    def share(self, step: int, elapsed: float, warmup_steps: int) -> float:
        """The part of the budget after warmup that is spent, 0 to 1: of its tokens or seconds."""
        if self.steps is not None:
            # In tokens, counted in units of the smallest batch.
            done, start, end = (self.growth.before(at, self.growth.factor) for at in (step, warmup_steps, self.steps))
            spent = (done - start) / max(end - start, 1)
        else:
            spent = elapsed / self.seconds
        return min(max(spent, 0.0), 1.0)


def budget(params: TrainParams) -> Budget:
    """The parsed train.budget; tokens are rounded up to whole steps."""
    amount, unit = params.budget.split()
    growth = BatchGrowth.from_params(params)
    if unit == "seconds":
        return Budget(None, float(amount), growth)
    return Budget(growth.steps_for(ceil(float(amount)), params.batch_tokens), None, growth)


def learning_rate(step: int, share: float, params: TrainParams) -> float:
    """The rate of step `step` (from 0), when `share` of the budget after warmup is spent."""
    # 1. Warmup: linear from learning_rate / warmup_steps to learning_rate, counted in steps.
    # 2. Then `height` falls with the share that is spent: 1 (constant), a line to 0, half a cosine wave to 0, or (wsd)
    #    1 until the last decay_share, which is a line to 0.
    # 3. cosine and wsd end at min_learning_rate_share of the peak: the height is mapped from [0, 1] to [low, 1].
    if step < params.warmup_steps:
        return params.learning_rate * (step + 1) / params.warmup_steps
    if params.schedule == "constant":
        height = 1.0
    elif params.schedule == "linear":
        height = 1 - share
    elif params.schedule == "cosine":
        height = (1 + cos(pi * share)) / 2
    else:
        height = min(1.0, (1 - share) / params.decay_share) if params.decay_share else 1.0
    low = params.min_learning_rate_share if params.schedule in ("cosine", "wsd") else 0.0
    return params.learning_rate * (low + (1 - low) * height)


def make_optimizers(model: nn.Module, params: TrainParams) -> list[torch.optim.Optimizer]:
    """One AdamW over all weights, or AdamW and Muon; `set_rates` sets their rates before a step."""
    weights = mup.parts(model)
    if params.optimizer == "adamw":
        return [adamw(weights, params)]
    hidden = [part for part in weights if part.kind == "hidden"]
    rest = adamw([part for part in weights if part.kind != "hidden"], params)
    return [rest, muon(hidden, params)] if hidden else [rest]


def adamw(weights: list[mup.Part], params: TrainParams) -> torch.optim.AdamW:
    """AdamW over these weights, with weight decay on matrices (embeddings included), not on biases and norms."""
    groups: dict[tuple[bool, float], list[nn.Parameter]] = {}
    for part in weights:
        groups.setdefault((part.weight.ndim >= 2, mup.scale(part, params)), []).append(part.weight)
    return torch.optim.AdamW(
        [
            {"params": group, "weight_decay": params.weight_decay / times if matrices else 0.0, "scale": times}
            for (matrices, times), group in sorted(groups.items(), reverse=True, key=lambda item: item[0])
        ],
        lr=params.learning_rate,
        betas=(params.beta1, params.beta2),
        fused=True,
    )


def muon(hidden: list[mup.Part], params: TrainParams) -> torch.optim.Muon:
    """Muon over matrices [rows, columns], at its own rate times sqrt(max(1, rows / columns)), as its author defines it.

    The spectral norm of an update is about 1 at any width, so this rate needs no scaling by width.
    """
    scale = params.muon_learning_rate / params.learning_rate
    return torch.optim.Muon(
        [{"params": [part.weight for part in hidden], "scale": scale}],
        lr=params.muon_learning_rate,
        weight_decay=params.weight_decay,
        momentum=params.muon_momentum,
        adjust_lr_fn="original",
    )


def set_rates(optimizers: list[torch.optim.Optimizer], rate: float) -> None:
    """Set each group's rate to `rate` (AdamW's at the base width) times the group's scale."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate * group["scale"]
