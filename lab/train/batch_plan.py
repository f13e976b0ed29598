"""How a step's batch is laid over devices and micro-batches.

In: the section `train`, the context length and the number of devices. Out: a `Plan`, or an error that names the batches
that would fit.
"""

from dataclasses import dataclass

from lab.errors import ParameterError
from lab.params import TrainParams
from lab.train.batch_growth import CONSTANT, BatchGrowth


@dataclass(frozen=True)
class Plan:
    """How a batch is laid out: `sequences` a step over `devices`, each taking `micro_batch` of them at once."""

    context: int  # tokens
    sequences: int
    devices: int
    micro_batch: int
    growth: BatchGrowth = CONSTANT  # before a step has all its sequences

    @property
    def accumulation(self) -> int:
        """Micro-batches that a device adds up to a step."""
        return self.sequences // self.devices // self.micro_batch

    def sequences_per_device(self, step: int) -> int:
        return self.growth.size(step, self.sequences) // self.devices

    def sequences_before(self, step: int) -> int:
        """Of all steps before it and all devices."""
        return self.growth.before(step, self.sequences)

    def micro_batch_of(self, sequences: int) -> int:
        """Sequences that a device takes at once where it has so many in a step: at most `micro_batch`, all alike."""
        return max(size for size in range(1, min(self.micro_batch, sequences) + 1) if sequences % size == 0)


def plan(params: TrainParams, context: int, devices: int) -> Plan:
    """Lay out batch_tokens = context * micro_batch * accumulation * devices, with micro_batch at most the parameter.

    Raises ParameterError when the batch, or the smallest that it grows from, is not a whole number of sequences for
    each device.
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
    each = params.batch_tokens // (context * devices)
    micro = Plan(context, each * devices, devices, params.micro_batch).micro_batch_of(each)
    return Plan(context, each * devices, devices, micro, growth)
