"""Checkpoints to resume from: .lab/train/<key>/step-<n>.ckpt/, whole or not there, without code in them.

The key is made of what decides the weights: the token shards, the parameters and the code. Parameters that only say
where and how fast (devices, micro-batch, strategy, compile) are left out, so that a run that ran out of memory can go
on with a smaller micro-batch, and what two processes began, one can finish. A checkpoint is a folder as
lab.train.stored writes it, made under another name and renamed. The last ones are kept, and the one whose validation
loss is the lowest of those that have one.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError

from lab.engine import digest
from lab.errors import InputError, LabError
from lab.files import explained
from lab.model import Transformer
from lab.model.config import ModelConfig
from lab.params import ModelParams, TrainParams
from lab.tokens.shards import read_index
from lab.train import stored

WORK = Path(".lab/train")
HOW = {
    "accelerator", "activation_checkpointing", "checkpoint_every", "compile", "devices", "export", "keep_checkpoints",
    "micro_batch", "nodes", "pad_vocabulary", "strategy",
}  # fmt: skip


def data_hash(tokens: Path) -> str:
    """Hash of the token shards' bytes and their index."""
    index = read_index(tokens)
    paths = [tokens / shard["path"] for split in index["splits"].values() for shard in split["shards"]]
    return digest([tokens / "index.json", *paths])


def key(data: str, model: ModelParams, train: TrainParams) -> str:
    """Name of the run that these inputs, parameters and this code make."""
    root = Path(__file__).parents[1]
    sources = sorted(path for room in ("model", "train") for path in (root / room).glob("*.py"))
    # A run that stopped for a spike was up to there the one that skips it.
    train = train.model_copy(update={"on_spike": "skip"}) if train.on_spike == "stop" else train
    described = [data, model.model_dump(mode="json"), train.model_dump(mode="json", exclude=HOW), digest(sources)]
    text = json.dumps([*described, torch.__version__], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def save(folder: Path, state: Mapping, keep: int, rank: int = 0, processes: int = 1) -> None:
    """Write the state of step state["step"] and forget all but the last `keep` and the best.

    Where `processes` share the tensors, all of them call this at once, and all of them raise what one ran into: OSError
    where the disk is full, LabError for another process's failure.
    """
    temporary = folder / "saving.tmp"
    if not rank:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
    _all_well(None, processes)
    failed = None
    try:
        temporary.mkdir(parents=True, exist_ok=True)  # on a node that does not share it; write_index says so
        stored.write_part(temporary, state, rank, processes)
    except (OSError, RuntimeError, SafetensorError) as error:
        failed = explained(error, folder)
    _all_well(failed, processes)
    if rank:
        return
    # Until it has its index and name, no reader takes it for a checkpoint; the next save clears what a killed one left.
    stored.write_index(temporary, state, processes)
    final = folder / _name(state["step"])
    shutil.rmtree(final, ignore_errors=True)
    temporary.rename(final)
    _forget(folder, keep)


def latest(folder: Path) -> dict | None:
    """The state of the last checkpoint that is whole, as lab.train.stored.read gives it; None without one."""
    for path in reversed(_all(folder)):
        try:
            return stored.read(path)
        except InputError as error:
            print(f"train: {path} can't be read ({error}); going back to the one before", flush=True)
    return None


def at(folder: Path, step: int) -> dict:
    """The state after that step. InputError where there is none, or it is not whole."""
    return stored.read(folder / _name(step))


def best(folder: Path) -> dict | None:
    """The state of the checkpoint with the lowest validation loss, the earliest of equals; None without one."""
    found = _best(_all(folder))
    return None if found is None else stored.read(found)


def whole_model(state: Mapping, config: ModelConfig) -> Transformer:
    """The model of a checkpoint on the CPU, whatever number of processes wrote it.

    Raises InputError where it is of another architecture than `config`.
    """
    with torch.device("meta"):
        model = Transformer(config)
    model.to_empty(device="cpu")
    model.settle()
    load_weights(model, state["model"])
    return model


@torch.no_grad()
def load_weights(model: torch.nn.Module, weights: Mapping[str, stored.Stored]) -> None:
    """Read weights into a model, whole or sharded. InputError where they are another architecture's."""
    own = dict(model.named_parameters())
    if odd := sorted(own.keys() ^ weights.keys()):
        there = "is not in it" if odd[0] in own else "is not in this model"
        raise InputError(_other_architecture(f"{odd[0]} {there}"))
    for name, weight in own.items():
        try:
            weight.copy_(weights[name].read(like=weight))
        except InputError as error:
            raise InputError(_other_architecture(str(error))) from None


def load_optimizer(optimizer: torch.optim.Optimizer, state: Mapping) -> None:
    """Read an optimiser's state; what it holds of a weight is shared by processes as the weight is."""
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]

    def read(number: int, value: object) -> object:
        if not isinstance(value, stored.Stored):
            return value
        return value.read(like=weights[number] if value.shape == weights[number].shape else None)

    held = {
        number: {name: read(number, value) for name, value in values.items()}
        for number, values in state["state"].items()
    }
    optimizer.load_state_dict({"state": held, "param_groups": state["param_groups"]})


def remove(folder: Path) -> None:
    """Forget a run that has ended."""
    if folder.exists():
        _drop(folder)


def _other_architecture(how: str) -> str:
    return (
        f"the checkpoint is of another architecture: {how}. Give the section `model` the values that it was written "
        f"with, or remove its folder under {WORK} to start anew."
    )


def _name(step: int) -> str:
    return f"step-{step:09d}.ckpt"


def _all(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("step-*.ckpt") if (path / stored.INDEX).exists())


def _best(paths: list[Path]) -> Path | None:
    losses = [(loss, path) for path in paths if (loss := _validation_loss(path)) is not None]
    return min(losses)[1] if losses else None


def _validation_loss(path: Path) -> float | None:
    """Of the step that was saved; None where it was not validated."""
    try:
        state = stored.read_values(path)
    except (OSError, ValueError):
        return None
    step, *_, validation, _ = state["curve"][-1] if state["curve"] else [None] * 5
    return validation if step == state["step"] else None


def _forget(folder: Path, keep: int) -> None:
    paths = _all(folder)
    for path in paths[:-keep]:
        if path != _best(paths):
            _drop(path)


def _drop(folder: Path) -> None:
    """Remove a folder. Its name goes first, so that a half removed one is never read."""
    gone = folder.with_suffix(".old")
    shutil.rmtree(gone, ignore_errors=True)  # what a killed one left
    folder.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def _all_well(failed: Exception | None, processes: int) -> None:
    """Wait for all processes; raise this one's failure, or the first of another."""
    if processes > 1:
        failures: list[str | None] = [None] * processes
        torch.distributed.all_gather_object(failures, None if failed is None else str(failed))
        other = next((number for number, text in enumerate(failures) if text), None)
        if other is not None and failed is None:
            raise LabError(f"process {other} could not write its part of the checkpoint: {failures[other]}")
    if failed is not None:
        raise failed
