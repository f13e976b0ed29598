"""Checkpoints to resume from, and milestones: weights in the middle of a run that the stage `evaluate` scores.

In: a training state; a model every train.evaluate_every steps. Out: .lab/train/<key>/step-<n>.ckpt/ as lab.train.stored
writes it, whole or absent; and steps/<step>/ in the training's output, which lab.model.export.read_trained reads. Until
the run ends milestones lie beside its checkpoints, where a killed run finds them again.

The key is a hash of what decides the weights: the token shards, the parameters and the code. Parameters that only say
where and how fast (devices, micro-batch, strategy, compile) are left out, so that a run that ran out of memory can go
on with a smaller micro-batch, and one process can finish what two began.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from lab.engine import digest
from lab.errors import InputError, LabError
from lab.files import explained, link, write_json, written_whole
from lab.model import Transformer
from lab.model.config import ModelConfig
from lab.params import ModelParams, TrainParams
from lab.train import stored

WORK = Path(".lab/train")
MILESTONES = "steps"
HOW = {
    "accelerator", "activation_checkpointing", "checkpoint_every", "compile", "devices", "export", "keep_checkpoints",
    "micro_batch", "nodes", "pad_vocabulary", "strategy",
}  # fmt: skip


def data_hash(tokens: Path, index: Mapping) -> str:
    """Hash of the bytes of the token shards and of their index, whose content is `index`."""
    paths = [tokens / shard["path"] for split in index["splits"].values() for shard in split["shards"]]
    return digest([tokens / "index.json", *paths])


def key(data: str, model: ModelParams, train: TrainParams) -> str:
    """Name of the run that these inputs, parameters and this code make."""
    root = Path(__file__).parents[1]
    sources = sorted(path for room in ("model", "train") for path in (root / room).glob("*.py"))
    # Up to its spike, a run that stopped there is the same as one that skips it.
    train = train.model_copy(update={"on_spike": "skip"}) if train.on_spike == "stop" else train
    parameters = (model.model_dump(mode="json"), train.model_dump(mode="json", exclude=HOW))
    text = json.dumps([data, *parameters, digest(sources), torch.__version__], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def save(folder: Path, state: Mapping, keep: int, rank: int = 0, processes: int = 1) -> None:
    """Write the state of step state["step"]; remove all checkpoints but the last `keep` and the best.

    Where `processes` share the tensors, all of them call this at once and all raise where one fails: OSError where the
    disk is full, LabError for another process's failure.
    """
    temporary = folder / "saving.tmp"
    if not rank:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
    _raise_failures(None, processes)
    failure = None
    try:
        temporary.mkdir(parents=True, exist_ok=True)  # on a node that does not share it; write_index reports that
        stored.write_part(temporary, state, rank, processes)
    except (OSError, RuntimeError, SafetensorError) as error:
        failure = explained(error, folder)
    _raise_failures(failure, processes)
    if rank:
        return
    # Without its index and name no reader takes it for a checkpoint; the next save clears what a killed one left.
    stored.write_index(temporary, state, processes)
    final = _path(folder, state["step"])
    shutil.rmtree(final, ignore_errors=True)
    temporary.rename(final)
    paths = _all(folder)
    for path in paths[:-keep]:
        if path != _best(paths):
            _drop(path)


def latest(folder: Path) -> dict | None:
    """The state of the last whole checkpoint, as lab.train.stored.read returns it; None without one."""
    for path in reversed(_all(folder)):
        try:
            return stored.read(path)
        except InputError as error:
            print(f"train: {path} can't be read ({error}); going back to the one before", flush=True)
    return None


def at(folder: Path, step: int) -> dict:
    """The state after that step. InputError where there is none, or it is not whole."""
    return stored.read(_path(folder, step))


def best(folder: Path) -> dict | None:
    """The state of the checkpoint with the lowest validation loss, the earliest of equals; None without one."""
    path = _best(_all(folder))
    return path and stored.read(path)


def whole_model(state: Mapping, config: ModelConfig) -> Transformer:
    """The model of a checkpoint on the CPU. InputError where its architecture is not that of `config`."""
    with torch.device("meta"):
        model = Transformer(config)
    model.to_empty(device="cpu")
    model.tie_and_fill()
    load_weights(model, state["model"])
    return model


@torch.no_grad()
def load_weights(model: nn.Module, weights: Mapping[str, stored.Stored]) -> None:
    """Read weights into a model, whole or sharded. InputError where they are another architecture's."""
    parameters = dict(model.named_parameters())
    try:
        if unmatched := sorted(parameters.keys() ^ weights.keys()):
            where = "is not in it" if unmatched[0] in parameters else "is not in this model"
            raise InputError(f"{unmatched[0]} {where}")
        for name, weight in parameters.items():
            weight.copy_(weights[name].read(like=weight))
    except InputError as error:
        raise InputError(
            f"the checkpoint is of another architecture: {error}. Give the section `model` the values that it was "
            f"written with, or remove its folder under {WORK} to start anew."
        ) from None


def load_optimizer(optimizer: torch.optim.Optimizer, state: Mapping) -> None:
    """Read an optimiser's state, sharded as the weights are."""
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]

    def read(value: object, weight: Tensor) -> object:
        if not isinstance(value, stored.Stored):
            return value
        return value.read(like=weight if value.shape == weight.shape else None)

    values = {
        number: {name: read(value, weights[number]) for name, value in values.items()}
        for number, values in state["state"].items()
    }
    optimizer.load_state_dict({"state": values, "param_groups": state["param_groups"]})


def remove(folder: Path) -> None:
    if folder.exists():
        _drop(folder)


def keep_milestone(folder: Path, step: int, model: nn.Module, *, writes: bool) -> None:
    """Write the weights after `step` beside the checkpoints; where they are sharded all processes call this."""
    weights = stored.whole_weights(model)
    if writes:
        with written_whole(folder / MILESTONES / f"{step:09d}.safetensors") as temporary:
            save_file(weights, temporary)


def hand_over_milestones(folder: Path, out: Path, about: Mapping, tokens_of: Callable[[int], int]) -> None:
    """Link the milestones into `out`, each described by `about` with its own steps and tokens.

    `tokens_of`: the tokens of a number of steps. The files stay in `folder` too, for a run killed before its end.
    """
    shutil.rmtree(out / MILESTONES, ignore_errors=True)
    for path in sorted((folder / MILESTONES).glob("*.safetensors")):
        step, milestone = int(path.stem), out / MILESTONES / path.stem
        milestone.mkdir(parents=True)
        link(path, milestone / "model.safetensors")
        write_json(milestone / "model.json", {**about, "tokens": tokens_of(step), "steps": step})


def _path(folder: Path, step: int) -> Path:
    return folder / f"step-{step:09d}.ckpt"


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
    return next((row[3] for row in state["curve"][-1:] if row[0] == state["step"]), None)


def _drop(folder: Path) -> None:
    """Remove a folder, renamed first, so that a half removed one is never read."""
    renamed = folder.with_suffix(".old")
    shutil.rmtree(renamed, ignore_errors=True)  # left by a killed run
    folder.rename(renamed)
    shutil.rmtree(renamed, ignore_errors=True)


def _raise_failures(failure: Exception | None, processes: int) -> None:
    """Wait for all processes; raise this one's failure, or the first of another."""
    failures: list[str | None] = [None] * processes
    if processes > 1:
        torch.distributed.all_gather_object(failures, failure and str(failure))
    if failure is not None:
        raise failure
    for process, text in enumerate(failures):
        if text:
            raise LabError(f"process {process} could not write its part of the checkpoint: {text}")
