"""Causal attention, by torch's kernels or, on CPUs, by plain products of blocks, which train faster there.

In: queries [batch, heads, time, head_width]; keys and values of as many heads or fewer, each of which then serves
heads / kv_heads neighbouring queries (Ainslie et al. 2023). Out: mixed values, shaped as the queries.

softmax(q k' / sqrt(head_width)) v (Vaswani et al. 2017, section 3.2.1) is computed for a block of queries at a time
with the keys up to the block's end, so that most of what the future hides is never computed. Unlike flash attention
(Dao et al. 2022), which torch has for CPUs too, the backward pass finds the shares that softmax gave: it keeps
heads * time numbers a token and saves two of seven products and every exponential. Without gradients there is nothing
to save. reports/benchmarks/train.md shows what this is worth.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from lab.model.documents import BlockMask, attend_within

LONGEST = 1024  # tokens, up to which blocks are taken: what they keep for a token grows with the context
BLOCK_BYTES = 256  # of a block's numbers for one key: 64 queries of float32, 128 of bfloat16


def attend(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | BlockMask | None, dropout: float) -> Tensor:
    """Each query's mix of the values it sees: those up to its own, or of what `mask` [batch, 1, time, keys] allows.

    A mask must hide the future. With fewer queries than keys (and no mask), there is one query, which sees all.
    """
    if isinstance(mask, BlockMask):
        return attend_within(mask, queries, keys, values)
    if _suits(queries, keys, dropout):
        return _in_blocks(queries, keys, values, mask)
    return F.scaled_dot_product_attention(
        queries,
        keys,
        values,
        attn_mask=mask,
        dropout_p=dropout,
        is_causal=mask is None and queries.shape[2] > 1,
        enable_gqa=queries.shape[1] != keys.shape[1],
    )


def shares_kept(heads: int, time: int, number_bytes: int) -> int:
    """Bytes that blocks keep for the backward pass on a CPU, a token and layer of `time` tokens."""
    return heads * (time + BLOCK_BYTES // number_bytes) // 2 * number_bytes if time <= LONGEST else 0


def _suits(queries: Tensor, keys: Tensor, dropout: float) -> bool:
    if queries.device.type != "cpu" or not torch.is_grad_enabled():
        return False
    return 1 < queries.shape[2] == keys.shape[2] <= LONGEST and not dropout


def _in_blocks(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
    # Autocast passes it by, and rotation leaves queries and keys in float32.
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else values.dtype
    scaled = queries / math.sqrt(queries.shape[-1])
    return _InBlocks.apply(scaled.to(dtype), keys.to(dtype), values.to(dtype), mask)


class _InBlocks(torch.autograd.Function):
    @staticmethod
    def forward(ctx, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
        mixed = _like(queries)
        keys, values = keys.flatten(0, 1), values.flatten(0, 1)
        ctx.kv_heads, shares = len(keys) // len(queries), []
        with torch.autocast("cpu", enabled=False):
            for start, end in _blocks(queries):
                block = _rows(queries[:, :, start:end], len(keys))
                shares.append(_shares(block @ keys[:, :end].mT, queries, mask, start, end))
                part = mixed[:, :, start:end]
                part.copy_((shares[-1] @ values[:, :end]).view(part.shape))
        ctx.save_for_backward(queries, keys, values, *shares)
        return mixed

    @staticmethod
    def backward(ctx, upstream: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        queries, keys, values, *shares = ctx.saved_tensors
        to_queries, to_keys, to_values = _like(queries), None, None
        with torch.autocast("cpu", enabled=False):
            # The last block sees all keys.
            for (start, end), share in reversed(list(zip(_blocks(queries), shares, strict=True))):
                block, slope = (_rows(x[:, :, start:end], len(keys)) for x in (queries, upstream))
                to_values = _added(to_values, share.mT @ slope)
                scores = torch._softmax_backward_data(slope @ values[:, :end].mT, share, -1, share.dtype)
                to_keys = _added(to_keys, scores.mT @ block)
                part = to_queries[:, :, start:end]
                part.copy_((scores @ keys[:, :end]).view(part.shape))
        shape = (len(queries), ctx.kv_heads, *keys.shape[1:])
        return to_queries, to_keys.view(shape), to_values.view(shape), None


def _blocks(queries: Tensor) -> list[tuple[int, int]]:
    time, step = queries.shape[2], BLOCK_BYTES // queries.element_size()
    return [(start, min(start + step, time)) for start in range(0, time, step)]


def _rows(block: Tensor, count: int) -> Tensor:
    """[batch, heads, block, head_width] -> [batch * kv_heads, block of each query that a key serves, head_width]."""
    return block.reshape(count, -1, block.shape[-1])


def _shares(scores: Tensor, queries: Tensor, mask: Tensor | None, start: int, end: int) -> Tensor:
    """Softmax of scores [batch * kv_heads, queries, end] without the keys that are hidden."""
    shaped = scores.view(*queries.shape[:2], end - start, end)
    if mask is None:
        size = end - start
        shaped[..., start:] += scores.new_full((size, size), -torch.inf).triu(1)
    else:
        shaped.masked_fill_(~mask[:, :, start:end, :end], -torch.inf)
    return scores.softmax(dim=-1)


def _added(total: Tensor | None, part: Tensor) -> Tensor:
    """total [rows, keys, head_width] with `part`, of its first keys, added."""
    if total is None:
        return part
    total[:, : part.shape[1]] += part
    return total


def _like(queries: Tensor) -> Tensor:
    """Room for [batch, heads, time, head_width], laid out as the layer's other products take it: time before heads."""
    batch, heads, time, width = queries.shape
    return queries.new_empty(batch, time, heads, width).transpose(1, 2)
