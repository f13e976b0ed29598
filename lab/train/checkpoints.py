"""Checkpoints to resume from: .lab/train/<key>/step-<n>.ckpt, whole or not there, read without running pickled code.

The key is made of what decides the weights: the token shards, the parameters and the code. Parameters that only say
where and how fast (devices, micro-batch, compile) are left out, so that a run that ran out of memory can go on with a
smaller micro-batch.
"""

import errno
import hashlib
import json
import os
import shutil
from pathlib import Path
from pickle import UnpicklingError

import torch

from lab.engine import digest
from lab.params import ModelParams, TrainParams
from lab.tokens.shards import read_index

WORK = Path(".lab/train")
KEPT = 2
SMALL = 1 << 20  # bytes: a disk with less left is full
HOW = {"accelerator", "checkpoint_every", "compile", "devices", "micro_batch", "nodes", "strategy"}


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


def save(folder: Path, state: dict) -> None:
    """Write the state of step state["step"] and forget all but the last ones."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / "saving.tmp"
    try:
        with open(temporary, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
    except (OSError, RuntimeError) as error:
        # torch.save's own error does not tell a full disk from another.
        full = shutil.disk_usage(folder).free < SMALL
        temporary.unlink(missing_ok=True)
        if full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder)) from error
        raise
    temporary.replace(folder / f"step-{state['step']:09d}.ckpt")
    for path in _all(folder)[:-KEPT]:
        path.unlink()


def latest(folder: Path) -> dict | None:
    """The state of the last checkpoint that can be read; None without one."""
    for path in reversed(_all(folder)):
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except (OSError, EOFError, RuntimeError, UnpicklingError) as error:
            print(f"train: {path} can't be read ({error}); going back to the one before", flush=True)
    return None


def remove(folder: Path) -> None:
    """Forget a run that has ended."""
    shutil.rmtree(folder, ignore_errors=True)


def _all(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*.ckpt"))
