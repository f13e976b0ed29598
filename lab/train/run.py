"""The stage `train`: a training run from shards to weights.

In: token shards, their tokenizer, parameters. Out: model.safetensors, model.json (the model's configuration, tokenizer
hash, tokens, steps), samples.jsonl and steps/ (milestones); reports/train/curve.csv and validation.csv; the stage's
metrics. Killed at any point and started again it continues from its last checkpoint, on a CPU to the same bytes.
"""

import sys
from contextlib import nullcontext
from pathlib import Path

import lightning

from lab import tracking
from lab.model.config import ModelConfig
from lab.params import EngineParams
from lab.params_yaml import Params
from lab.tokens import bpe
from lab.tokens.shards import read_index
from lab.train import checkpoints, results
from lab.train.batches import plan_batches
from lab.train.data import TokenData, bytes_per_token
from lab.train.live import display
from lab.train.module import TrainingModule
from lab.train.optim import budget
from lab.train.strategy import ShardedTrainingModule, check_weights_fit, make_model
from lab.train.trainer import fit, make_trainer, peak_flops

READERS_ON_GPU = 2  # processes that read batches ahead


def run(
    tokens: Path, tokenizer: Path, out: Path, params: Params, engine: EngineParams, reports: Path = Path("reports")
) -> dict:
    """Train the model of `params.model` on the shards in `tokens`; returns the stage's metrics.

    Raises InputError where shards and tokenizer do not belong together or are too few, ParameterError where the batch
    can't be laid out, LabError where memory runs out or the loss is no number.
    """
    # 1. Model, data and trainer, from the checkpoint of a killed run if there is one.
    # 2. What happens at the end of a step: checkpoints, milestones, tracking, sample texts.
    # 3. Train until the budget is spent. From here on the first process is alone.
    # 4. The weights to be exported (the last, or those of the best validation), their metrics and texts.
    # 5. Write everything; then the checkpoints go.
    index = read_index(tokens)
    made = f"{tokens}/index.json: the shards were made"
    bpe.check_same(tokenizer, index["tokenizer"], made=made, stage="tokenize")
    encoding = bpe.load(tokenizer)
    config = ModelConfig.from_params(params.model, index["vocabulary"])
    limits = budget(params.train)
    trainer = make_trainer(params.train)
    gpu = isinstance(trainer.accelerator, lightning.pytorch.accelerators.CUDAAccelerator)
    layout = plan_batches(params.train, config.context, trainer.world_size)
    data = TokenData(tokens, layout, params.train, index=index, workers=READERS_ON_GPU if gpu else 0)
    sharded = params.train.strategy == "fsdp"
    if not sharded:
        check_weights_fit(config, 1 if params.train.optimizer == "muon" else 2, on_cpu=not gpu)
    model = make_model(config, params.train)
    compiled = params.train.compile == "on" or (params.train.compile == "auto" and gpu)
    make_module = ShardedTrainingModule if sharded else TrainingModule
    module = make_module(model, params.train, layout, limits, compiled=compiled, separator=index["eot"])

    data_hash = checkpoints.data_hash(tokens, index)
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

    # Sharded weights are written by all processes, whole ones by the first.
    first = trainer.is_global_zero
    if sharded or first:
        writers = (trainer.global_rank, trainer.world_size) if sharded else (0, 1)
        keep = params.train.keep_checkpoints
        module.on_checkpoint = lambda: checkpoints.save(folder, module.state(), keep, *writers)
    module.on_milestone = lambda: checkpoints.keep_milestone(folder, module.step, model, writes=first)

    token_bytes = bytes_per_token(data, encoding, config.vocabulary)
    prompts = results.prompts(data)
    tracker: tracking.Tracker | None = None
    if first:
        facts = {
            "dataset_hash": data_hash,
            "tokenizer_hash": index["tokenizer"],
            "parameters": config.parameters(),
            "model_config": config.as_dict(),
            "devices_used": trainer.world_size,
        }
        sizes = tracking.Sizes(config.flops_per_token(), peak_flops(trainer), token_bytes)
        tracker = tracking.Tracker(params, key, facts, sizes, resumed=state is not None)
        module.watchers.append(tracker.step)

    def track_sample(row: tracking.Measured) -> None:
        every = params.tracking.sample_every
        if row.step % every == 0 if every else row.validation_loss is not None:
            # Where the model is sharded all processes generate the same text; the first one logs it.
            with module.generating():
                texts = list(results.samples(model, config.context, encoding, prompts[:1]))
            if tracker is not None:
                tracker.samples(row.tokens, texts)

    if tracking.mode(params.tracking) != "disabled" and (sharded or first):
        module.watchers.append(track_sample)
        module.read_every = params.tracking.sample_every
    summary = None
    try:
        if not limits.finished(module.step, module.elapsed()):
            with display(module, limits, sizes) if first else nullcontext():
                fit(trainer, module, data)
        if not first:
            sys.exit(0)
        state = checkpoints.best(folder) if params.train.export == "best" else checkpoints.at(folder, module.step)
        whole = checkpoints.whole_model(state, config)
        metrics = results.metrics(state, data, config, token_bytes)
        texts = list(results.samples(whole, config.context, encoding, prompts))
        tracker.samples(metrics["tokens"], texts)
        summary = metrics
    finally:
        if tracker is not None:
            tracker.finish(summary)
    results.write_table(reports / "train" / "curve.csv", results.CURVE, module.curve)
    validations = reports / "train" / "validation.csv"
    results.write_validations(validations, module.details, config.flops_per_token(), token_bytes)
    about = config.as_dict() | {"tokenizer": index["tokenizer"]}
    results.write_model(out, whole, about | {name: metrics[name] for name in ("tokens", "steps")}, texts)
    checkpoints.hand_over_milestones(folder, out, about, module.tokens)
    checkpoints.remove(folder)
    return metrics
