"""The work that the contenders of bench.train do, the stopwatch that times it, and its result.

In: a `Work` as JSON on a contender's command line. Out: a `Result` as JSON on its last line. The stopwatch reads the
clock after each optimiser step, through torch's own hook, in the same way for every loop: what a loop does between two
steps (batches, logging, clipping) counts.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

SETTLING = 3  # first steps, which are not timed: memory is touched, kernels are chosen or compiled
LEARNING_RATE, WEIGHT_DECAY, BETA2, CLIP = 1e-3, 0.1, 0.95, 1.0  # constant, and the same for all


@dataclass(frozen=True)
class Work:
    """A model, its tokens, and how it is trained."""

    style: str  # gpt2 or llama
    tokens: str  # folder of token shards
    layers: int
    width: int
    heads: int
    ffn: int
    vocabulary: int
    context: int
    sequences: int  # per step
    micro_batch: int  # sequences at once
    steps: int
    device: str = "cpu"
    dtype: str = "float32"  # or bfloat16, by autocast
    compiled: bool = False
    variant: str = ""  # ours with one trick left out or another added

    @property
    def step_tokens(self) -> int:
        return self.sequences * self.context

    def to_json(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Result:
    """The measurements of a contender's run."""

    parameters: int
    seconds: list[float]  # of each step after the settling
    losses: list[float]  # of each step, nats per token, as the contender itself reports them
    memory: int  # bytes: the peak minus the memory before the model was made
    data_seconds: float = 0.0  # to make one step's batch; ours
    peak: float = 0.0  # FLOP/s of a matrix product in the same process; ours
    flops_per_token: int = 0  # ours

    def rate(self, work: Work) -> float:
        """Tokens per second, by the median step."""
        return work.step_tokens / median(self.seconds)


class Stopwatch:
    """Times of optimiser steps, and memory, from `start` (before the model is made) on."""

    def __init__(self, device: str):
        self._device = device
        self._ticks: list[float] = []
        self._before = resident("VmRSS")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Listen to every optimiser of this process."""
        handle = register_optimizer_step_post_hook(lambda *_: self._tick())
        try:
            yield
        finally:
            handle.remove()

    def _tick(self) -> None:
        if self._device == "cuda":
            torch.cuda.synchronize()
        self._ticks.append(time.perf_counter())

    def seconds(self) -> list[float]:
        """Of each step after the settling: from the end of the one before to its own end."""
        return [after - before for before, after in zip(self._ticks, self._ticks[1:], strict=False)][SETTLING - 1 :]

    def memory(self) -> int:
        """Bytes: the peak since the stopwatch was made, minus those held then."""
        if self._device == "cuda":
            return torch.cuda.max_memory_allocated()
        return resident("VmHWM") - self._before


def resident(field: str) -> int:
    """Bytes of this process's memory: VmRSS now, VmHWM the peak so far; 0 where the system does not report it."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:")), 0)
