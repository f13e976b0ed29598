"""What a training run will cost, before it starts: parameters, tokens, steps, FLOPs, hours, dollars.

In: checked parameters; a GPU, its price and the share of its peak that is reached. Out: a Plan and its Cost. FLOPs are
PaLM's definition (Chowdhery et al. 2022, appendix B; ModelConfig.flops_per_token), so that the share is their MFU.
"""

from dataclasses import dataclass

from lab.errors import ParameterError, did_you_mean
from lab.experiments.budget import vocabulary
from lab.model.config import ModelConfig
from lab.params_yaml import Params
from lab.train.optim import budget

# FLOP/s of dense bf16 matrix products (fp16 on the V100, which has no bf16) with float32 sums, from the makers' data
# sheets: half of the value for sparse matrices.
PEAKS: dict[str, float] = {
    "v100": 125e12,
    "a10": 125e12,
    "a100": 312e12,
    "l4": 121e12,
    "l40s": 362e12,
    "rtx3090": 71e12,
    "rtx4090": 165.2e12,
    "h100": 989.4e12,  # SXM
    "h200": 989.4e12,
    "b200": 2250e12,
    "mi300x": 1307.4e12,
}


@dataclass(frozen=True)
class Plan:
    """A run's size."""

    parameters: int
    context: int  # tokens
    batch_tokens: int
    steps: int
    tokens: int  # in whole steps
    flops_per_token: int

    @property
    def flops(self) -> int:
        return self.tokens * self.flops_per_token


@dataclass(frozen=True)
class Cost:
    """A run's price. `hours`: on all devices at once."""

    hours: float
    device_hours: float
    dollars: float


def make_plan(params: Params) -> Plan:
    """The run that `model`, `train` and `tokenizer` describe.

    ParameterError if the budget is in seconds, or the vocabulary is known only from the tokenizer's file.
    """
    otherwise = ". To plan, set tokenizer.kind to 'train' and tokenizer.vocabulary to its size."
    config = ModelConfig.from_params(params.model, vocabulary(params.tokenizer, otherwise=otherwise))
    limits, batch = budget(params.train), params.train.batch_tokens
    if limits.steps is None:
        raise ParameterError(
            f"train.budget: how many tokens '{params.train.budget}' are depends on the machine; give it in tokens."
        )
    tokens = limits.growth.before(limits.steps, batch)
    return Plan(config.parameters(), config.context, batch, limits.steps, tokens, config.flops_per_token())


def peak(gpu: str) -> float:
    """FLOP/s of a GPU by its name. ParameterError, with the known names, for another."""
    name = gpu.lower().replace(" ", "").replace("-", "")
    if name not in PEAKS:
        raise ParameterError(
            f"--gpu: the peak of '{gpu}' is not known; {did_you_mean(name, PEAKS)}known: {', '.join(PEAKS)}."
        )
    return PEAKS[name]


def cost(flops: float, *, peak: float, mfu: float, devices: int, price: float) -> Cost:
    """`peak`: FLOP/s of a device; `mfu`: the share of it that is reached; `price`: dollars per hour and device.

    >>> cost(3.6e18, peak=1e15, mfu=0.5, devices=2, price=3.0)
    Cost(hours=1.0, device_hours=2.0, dollars=6.0)
    """
    device_hours = flops / (peak * mfu) / 3600
    return Cost(device_hours / devices, device_hours, device_hours * price)
