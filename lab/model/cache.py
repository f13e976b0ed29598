"""The key-value cache: keys and values of the tokens read so far, so that the next token costs one token's work.

Rows may hold texts of different lengths: what follows a row's tokens is masked and later overwritten. So each row of a
padded batch gets the result that it would get alone.
"""

import torch
from torch import Tensor

from lab.errors import InputError
from lab.model.config import ModelConfig


class Cache:
    """Room for `room` tokens per row, at most the model's context. `lengths`: the number of tokens in each row; set
    to lower ones, the rest (padding, say) is forgotten."""

    def __init__(self, config: ModelConfig, batch: int, room: int, *, device: torch.device, dtype: torch.dtype):
        self.room = min(room, config.context)
        shape = (config.layers, batch, config.kv_heads, self.room, config.head_width)
        self.lengths = [0] * batch
        # Zeros, as masked values are multiplied by 0, and 0 times NaN is NaN.
        self._keys = torch.zeros(shape, device=device, dtype=dtype)
        self._values = torch.zeros(shape, device=device, dtype=dtype)

    def positions(self, time: int) -> slice | Tensor:
        """The positions of the next `time` tokens: a slice where all rows agree, else [batch, time].

        Raises InputError where they do not fit.
        """
        first, last = min(self.lengths), max(self.lengths)
        if last + time > self.room:
            raise InputError(f"{last + time} tokens do not fit into a cache for {self.room}.")
        if first == last:
            return slice(first, first + time)
        starts = torch.tensor(self.lengths, device=self._keys.device)
        return starts[:, None] + torch.arange(time, device=self._keys.device)

    def mask(self, positions: slice | Tensor) -> Tensor | None:
        """The keys that each new token sees, [batch or 1, 1, time, keys]; None for the first tokens or a single one."""
        if isinstance(positions, slice):
            if positions.start == 0 or positions.stop - positions.start == 1:
                return None
            positions = torch.arange(positions.start, positions.stop, device=self._keys.device)[None]
        keys = max(self.lengths) + positions.shape[1]
        return torch.arange(keys, device=positions.device) <= positions[:, None, :, None]

    def extend(self, layer: int, positions: slice | Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Write one layer's new keys and values [batch, kv_heads, time, head_width]; returns old and new ones."""
        end = max(self.lengths) + keys.shape[2]
        for kept, new in ((self._keys[layer], keys), (self._values[layer], values)):
            if isinstance(positions, slice):
                kept[:, :, positions] = new
            else:
                rows = torch.arange(len(positions), device=positions.device)[:, None]
                kept[rows, :, positions] = new.transpose(1, 2)
        return self._keys[layer][:, :, :end], self._values[layer][:, :, :end]

    def advance(self, time: int) -> None:
        self.lengths = [length + time for length in self.lengths]
