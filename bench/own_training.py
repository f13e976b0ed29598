"""Our training for bench.train: in, a Work as JSON; out, its Result as JSON on the last line.

It is what the stage runs: Lightning's trainer of lab.train.trainer, TrainingModule, TokenData. A variant leaves out or
adds one trick.
"""

import json
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from statistics import median
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch import Tensor

import lab.model.attention
import lab.model.transformer
import lab.train.optim
import lab.train.trainer
from bench.training_work import BETA2, CLIP, LEARNING_RATE, WEIGHT_DECAY, Result, Stopwatch, Work
from lab.model import Transformer
from lab.model.config import ModelConfig
from lab.params import TrainParams
from lab.tokens.shards import read_index
from lab.train.batches import plan_batches
from lab.train.data import TokenData
from lab.train.module import TrainingModule
from lab.train.optim import budget
from lab.train.run import READERS_ON_GPU
from lab.train.trainer import fit, make_trainer, peak_flops

BATCHES = 20  # made to time one
NEVER = 1 << 30  # steps


def model_config(work: Work) -> ModelConfig:
    """The same architecture as the contenders': GPT-2's with tied embeddings and biases, or Llama's, tied too."""
    gpt2 = {"norm": "layernorm", "position": "learned", "activation": "gelu", "bias": True}
    return ModelConfig(
        layers=work.layers,
        width=work.width,
        heads=work.heads,
        kv_heads=work.heads,
        ffn=work.ffn,
        vocabulary=work.vocabulary,
        context=work.context,
        tied_embeddings=True,
        **(gpt2 if work.style == "gpt2" else {}),
    )


def train_params(work: Work) -> TrainParams:
    """The section `train` that does this work."""
    return TrainParams(
        budget=f"{work.steps * work.step_tokens} tokens",
        batch_tokens=work.step_tokens,
        micro_batch=work.micro_batch,
        learning_rate=LEARNING_RATE,
        warmup_steps=0,
        schedule="constant",
        weight_decay=WEIGHT_DECAY,
        beta2=BETA2,
        gradient_clip=CLIP,
        precision=work.dtype,
        compile="on" if work.compiled else "off",
        accelerator="gpu" if work.device == "cuda" else "cpu",
        devices=1,
        validate_every=NEVER,
        validation_tokens=work.context,
        checkpoint_every=NEVER,
        document_mask=work.variant == "document mask",
    )


def run(work: Work) -> Result:
    """Train; also measure the data loading and a matrix product."""
    params, config, gpu = train_params(work), model_config(work), work.device == "cuda"
    trainer = make_trainer(params)
    layout = plan_batches(params, work.context, 1)
    data = TokenData(Path(work.tokens), layout, params, workers=READERS_ON_GPU if gpu else 0)
    data.last = work.steps
    watch, losses = Stopwatch(work.device), []
    with ExitStack() as stack:
        for change in VARIANTS[work.variant]:
            stack.enter_context(change())
        torch.manual_seed(params.seed)
        separator = read_index(Path(work.tokens))["eot"]
        module = TrainingModule(
            Transformer(config), params, layout, budget(params), compiled=work.compiled, separator=separator
        )
        module.watchers.append(lambda row: losses.append(row.loss))
        with watch.running():
            fit(trainer, module, data)
    memory = watch.memory()
    return Result(
        config.parameters(),
        watch.seconds(),
        losses,
        memory,
        data_seconds(data),
        peak_flops(trainer),
        config.flops_per_token(),
    )


def data_seconds(data: TokenData) -> float:
    """Seconds to make one batch in this process: the longest that a step waits, where none is read ahead."""
    data.workers, data.last, seconds = 0, data.first + BATCHES, []
    batches = iter(data.train_dataloader())
    for _ in range(BATCHES):
        started = time.perf_counter()
        next(batches)
        seconds.append(time.perf_counter() - started)
    return median(seconds)


def _whole_cross_entropy(hidden: Tensor, head: Tensor, targets: Tensor, *_: object, **__: object) -> Tensor:
    return F.cross_entropy(F.linear(hidden, head), targets)


def _unfused(weights: list, params: TrainParams) -> torch.optim.AdamW:
    optimizer = _ADAMW(weights, params)
    for group in optimizer.param_groups:
        group["fused"] = False
    return optimizer


_ADAMW = lab.train.optim.adamw
# Variant -> context managers, within which it is in effect.
VARIANTS: dict[str, list[Callable]] = {
    "": [],
    "logits whole": [lambda: patch.object(lab.model.transformer, "linear_cross_entropy", _whole_cross_entropy)],
    "torch's attention": [lambda: patch.object(lab.model.attention, "LONGEST", 0)],
    "freed memory given back": [lambda: patch.object(lab.train.trainer, "keep_freed_memory", lambda: None)],
    "AdamW not fused": [lambda: patch.object(lab.train.optim, "adamw", _unfused)],
    "document mask": [],
}


if __name__ == "__main__":
    print(json.dumps(asdict(run(Work(**json.loads(sys.argv[1]))))))
