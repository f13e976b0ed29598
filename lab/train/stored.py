"""A training state as files that any number of processes can read: safetensors and JSON, no code.

In: nested dicts and lists of numbers, texts and tensors. Out: a folder with one file of tensors per process, and
`state.json`, which holds all else and is written last. Of a sharded tensor (a DTensor of FSDP2, split by rows) each
process writes its rows; a whole one is written by the first process alone.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor, Shard
from torch.distributed.tensor._utils import compute_local_shape_and_global_offset

from lab.errors import InputError

INDEX = "state.json"
SECONDS_TO_APPEAR = 60


def whole(tensor: Tensor) -> Tensor:
    """A plain tensor as it is, a sharded one gathered (a norm over all devices): all processes must call this."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def whole_weights(model: nn.Module) -> dict[str, Tensor]:
    """The weights by name, tied ones once, on the CPU and ready for safetensors; sharded, all processes call this."""
    if isinstance(model, FSDPModule):
        model.reshard()  # a validation leaves norm and head gathered
    return {name: whole(weight.detach()).cpu().contiguous() for name, weight in model.named_parameters()}


def write_part(folder: Path, state: Mapping, rank: int, processes: int) -> None:
    """Write this process's tensors. Raises OSError or SafetensorError where the disk is full."""
    tensors: dict[str, Tensor] = {}
    first_rows: dict[str, int] = {}

    def keep(name: str, tensor: Tensor) -> None:
        if sharded := isinstance(tensor, DTensor):
            first_rows[name], tensor = _rows(tensor)[0], tensor.to_local()
        if tensor.numel() if sharded else not rank:
            tensors[name] = tensor.detach().cpu().contiguous()

    _encoded(state, "", keep)
    path = folder / _part(rank, processes)
    save_file(tensors, path, metadata={"first_rows": json.dumps(first_rows)})
    _flush(path)


def write_index(folder: Path, state: Mapping, processes: int) -> None:
    """Write state.json, which completes the folder. InputError where a process's file is not visible from here."""
    sizes = {}
    for rank in range(processes):
        path = folder / _part(rank, processes)
        if not _appears(path):
            raise InputError(
                f"{path}: process {rank} wrote its part of the checkpoint where this one can't see it. All nodes must "
                "share the project's folder."
            )
        sizes[path.name] = path.stat().st_size
    path = folder / INDEX
    path.write_text(json.dumps({"parts": sizes, "state": _encoded(state, "", lambda *_: None)}), "utf-8")
    _flush(path)


def read(folder: Path) -> dict:
    """The state, with a Stored for each tensor. InputError where a file is missing or not whole."""
    try:
        index = json.loads((folder / INDEX).read_text("utf-8"))
        for name, size in index["parts"].items():
            if (folder / name).stat().st_size != size:
                raise InputError(f"{folder / name}: not whole")
        parts = [_Part(folder / name) for name in index["parts"]]
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise InputError(f"{folder}: {error}") from None
    return _decoded(index["state"], lambda name, shape: Stored(name, shape, tuple(parts)))


def read_values(folder: Path) -> dict:
    """The state with None for each tensor. OSError or ValueError where the index is missing or broken."""
    return _decoded(json.loads((folder / INDEX).read_text("utf-8"))["state"], lambda *_: None)


@dataclass(frozen=True)
class Stored:
    """A tensor in the files of a state."""

    name: str
    shape: tuple[int, ...]
    parts: "tuple[_Part, ...]"

    def read(self, like: Tensor | None = None) -> Tensor:
        """The tensor on the CPU, or sharded as `like` is. InputError where `like` has another shape."""
        if like is not None and tuple(like.shape) != self.shape:
            name = self.name.rsplit("/", 1)[-1]
            raise InputError(f"{name} is {list(self.shape)} there and {list(like.shape)} here")
        if not self.shape:
            return self.parts[0].file.get_tensor(self.name)
        if not isinstance(like, DTensor):
            return self._rows(0, self.shape[0])
        start, stop = _rows(like)
        rows = self._rows(start, stop).to(like.device)
        return DTensor.from_local(
            rows, like.device_mesh, like.placements, run_check=False, shape=like.shape, stride=like.stride()
        )

    def _rows(self, start: int, stop: int) -> Tensor:
        pieces = {}  # by their first row
        for part in self.parts:
            if self.name in part.names:
                rows, first = part.file.get_slice(self.name), part.first_rows.get(self.name, 0)
                last = first + rows.get_shape()[0]
                if max(first, start) < min(last, stop) or start == stop:
                    pieces[first] = rows[max(first, start) - first : max(min(last, stop), first) - first]
        return torch.cat([piece for _, piece in sorted(pieces.items())])[: stop - start]


class _Part:
    """An open file of tensors."""

    def __init__(self, path: Path):
        self.file = safe_open(path, framework="pt")
        self.names = set(self.file.keys())
        self.first_rows: dict[str, int] = json.loads((self.file.metadata() or {}).get("first_rows", "{}"))


def _part(rank: int, processes: int) -> str:
    return f"part-{rank:05d}-of-{processes:05d}.safetensors"


def _appears(path: Path) -> bool:
    """Whether a written file becomes visible; a network file system may take some seconds to show it."""
    end = time.monotonic() + SECONDS_TO_APPEAR
    while not (there := path.exists()) and time.monotonic() < end:
        time.sleep(0.2)
    return there


def _rows(tensor: DTensor) -> tuple[int, int]:
    """The first row of a tensor that this process holds, and the one after its last."""
    if [placement for placement in tensor.placements if placement != Shard(0)]:
        raise NotImplementedError(f"tensors are split by rows, not {tensor.placements}")
    shape, offset = compute_local_shape_and_global_offset(tensor.shape, tensor.device_mesh, tensor.placements)
    return (offset[0], offset[0] + shape[0]) if shape[0] else (0, 0)


def _encoded(value: Any, path: str, keep: Callable[[str, Tensor], None]) -> Any:
    """The value for JSON; `keep` gets each tensor and its path. Keys may be numbers, so dicts become pairs."""
    if isinstance(value, Tensor):
        keep(path, value)
        return {"tensor": path, "shape": list(value.shape)}
    if isinstance(value, Mapping):
        return {"pairs": [[key, _encoded(item, f"{path}/{key}".lstrip("/"), keep)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return [_encoded(item, f"{path}/{number}", keep) for number, item in enumerate(value)]
    return value


def _decoded(value: Any, stored: Callable[[str, tuple[int, ...]], Stored | None]) -> Any:
    if isinstance(value, list):
        return [_decoded(item, stored) for item in value]
    if isinstance(value, dict):
        if "tensor" in value:
            return stored(value["tensor"], tuple(value["shape"]))
        return {key: _decoded(item, stored) for key, item in value["pairs"]}
    return value


def _flush(path: Path) -> None:
    """Write through to the disk, so that a renamed folder is whole even after a power cut."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
