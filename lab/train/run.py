"""A training run from shards to weights.

In: data/tokenize (token shards), data/tokenizer, parameters. Out: data/train/model.safetensors, model.json (the model's
configuration, tokenizer hash, tokens, steps), samples.jsonl and steps/ (lab.train.milestones); reports/train/curve.csv
and validation.csv; the stage's metrics. Killed at any point and started again it goes on from its last checkpoint, on a
CPU to the same bytes.
"""

import sys
from contextlib import nullcontext
from pathlib import Path

import lightning

from lab import tracking
from lab.errors import InputError
from lab.model.config import ModelConfig
from lab.params_yaml import Params
from lab.tokens import bpe
from lab.tokens.shards import read_index
from lab.train import checkpoints, milestones, results
from lab.train.batch_plan import plan
from lab.train.data import TokenData, bytes_per_token
from lab.train.live import shown
from lab.train.measured import Measured
from lab.train.memory import check_weights_fit
from lab.train.module import TrainingModule
from lab.train.optim import budget
from lab.train.strategy import ShardedTrainingModule, make_model
from lab.train.trainer import fit, make_trainer, peak_flops

READERS_ON_GPU = 2  # processes that read batches ahead


def train(tokens: Path, tokenizer: Path, out: Path, curve: Path, params: Params) -> dict:
    """Train the model of `params.model` on the shards in `tokens`; returns the stage's metrics.

    Raises InputError where shards and tokenizer do not belong together or are too few, ParameterError where the batch
    can't be laid out, LabError where memory runs out or the loss is no number.
    """
    index = read_index(tokens)
    _check_tokenizer(index, tokens, tokenizer)
    encoding = bpe.load(tokenizer)
    config = ModelConfig.from_params(params.model, index["vocabulary"])
    limits = budget(params.train)
    trainer = make_trainer(params.train)
    gpu = isinstance(trainer.accelerator, lightning.pytorch.accelerators.CUDAAccelerator)
    layout = plan(params.train, config.context, trainer.world_size)
    data = TokenData(tokens, layout, params.train, workers=READERS_ON_GPU if gpu else 0, pin=gpu)
    sharded = params.train.strategy == "fsdp"
    if not sharded:
        check_weights_fit(config, 1 if params.train.optimizer == "muon" else 2, on_cpu=not gpu)
    model = make_model(config, params.train)
    compiled = params.train.compile == "on" or (params.train.compile == "auto" and gpu)
    make_module = ShardedTrainingModule if sharded else TrainingModule
    module = make_module(model, params.train, layout, limits, compiled=compiled, separator=index["eot"])

    data_hash = checkpoints.data_hash(tokens)
    key = checkpoints.key(data_hash, params.model, params.train)
    folder = checkpoints.WORK / key
    state = checkpoints.latest(folder)
    if state is not None:
        if not sharded:
            checkpoints.load_weights(model, state["model"])
        module.resume(state)
        data.first = module.step
        if trainer.is_global_zero:
            print(f"train: resuming from step {module.step}", file=sys.stderr, flush=True)
    data.last = limits.steps

    # Shared weights are written by all processes, each its own, whole ones by the first.
    if sharded or trainer.is_global_zero:
        writers = (trainer.global_rank, trainer.world_size) if sharded else (0, 1)
        keep = params.train.keep_checkpoints
        module.on_checkpoint = lambda: checkpoints.save(folder, module.state(), keep, *writers)

    bytes_a_token = bytes_per_token(data, encoding, config.vocabulary)
    module.on_milestone = lambda: milestones.keep(folder, module.step, module.model, writes=trainer.is_global_zero)
    prompts = results.prompts(data, encoding)
    tracker: tracking.Tracker | None = None
    if trainer.is_global_zero:
        facts = {
            "dataset_hash": data_hash,
            "tokenizer_hash": index["tokenizer"],
            "parameters": config.parameters(),
            "model_config": config.as_dict(),
            "devices_used": trainer.world_size,
        }
        sizes = tracking.Sizes(config.flops_per_token(), peak_flops(trainer), bytes_a_token)
        tracker = tracking.Tracker(params, key, facts, sizes, resumed=state is not None)
        module.watchers.append(tracker.step)

    def show_sample(row: Measured) -> None:
        every = params.tracking.sample_every
        due = row.step % every == 0 if every else row.validation_loss is not None
        if due:
            # Where the model is shared all processes write the same text; the first one keeps it.
            with module.generating():
                texts = list(results.samples(model, config.context, encoding, prompts[:1]))
            if tracker is not None:
                tracker.samples(row.tokens, texts)

    if tracking.mode(params.tracking) != "disabled" and (sharded or trainer.is_global_zero):
        module.watchers.append(show_sample)
        module.read_every = params.tracking.sample_every
    summary = None
    try:
        if not limits.finished(module.step, module.elapsed()):
            with shown(module, limits, sizes) if trainer.is_global_zero else nullcontext():
                fit(trainer, module, data)
        if not trainer.is_global_zero:
            sys.exit(0)  # the first process alone writes
        state = checkpoints.best(folder) if params.train.export == "best" else checkpoints.at(folder, module.step)
        whole = checkpoints.whole_model(state, config)
        metrics = results.metrics(state, data, config, bytes_a_token)
        texts = list(results.samples(whole, config.context, encoding, prompts))
        tracker.samples(metrics["tokens"], texts)
        summary = metrics
    finally:
        if tracker is not None:
            tracker.finish(summary)
    results.write_curve(curve, module.curve)
    flops_per_token = config.flops_per_token()
    results.write_validations(curve.with_name("validation.csv"), module.details, flops_per_token, bytes_a_token)
    results.write_model(out, whole, config, metrics, index["tokenizer"], texts)
    milestones.hand_over(folder, out, results.about(config, index["tokenizer"]), module.tokens)
    checkpoints.remove(folder)
    return metrics


def _check_tokenizer(index: dict, tokens: Path, tokenizer: Path) -> None:
    there = bpe.tokenizer_hash(tokenizer)
    if index["tokenizer"] != there:
        raise InputError(
            f"{tokens}/index.json: the shards were made with the tokenizer {index['tokenizer'][:16]}, but {tokenizer} "
            f"is the tokenizer {there[:16]}. Run `dvc repro tokenize`."
        )
