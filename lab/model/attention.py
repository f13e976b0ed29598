"""Causal attention, by torch's kernels or, on CPUs, by plain products of blocks, which train faster there.

softmax(q k' / sqrt(head_width)) v (Vaswani et al. 2017, section 3.2.1) is computed for a block of queries at a time
with the keys up to the block's end. Unlike flash attention (Dao et al. 2022), which torch has for CPUs too, the weights
that softmax gave are kept for the backward pass: heads * time numbers per token, which save two of seven products and
every exponential. reports/benchmarks/train.md shows what this is worth.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lab.model.packing import BlockMask, attend_within

LONGEST = 1024  # tokens, up to which blocks are used: what they keep per token grows with the context
BLOCK_BYTES = 256  # of a block's scores for one key: 64 queries of float32, 128 of bfloat16


def attend(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | BlockMask | None, dropout: float) -> Tensor:
    """Each query's mix of the values up to its own, or of those that `mask` [batch, 1, time, keys] allows.

    Queries are [batch, heads, time, head_width]; a head of keys and values serves heads / kv_heads neighbouring ones
    (Ainslie et al. 2023). A mask must hide the future. Without one, fewer queries than keys are one, which sees all.
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


def attention_weight_bytes(heads: int, time: int, number_bytes: int) -> int:
    """Bytes that blocks keep for the backward pass on a CPU, per token and layer of `time` tokens."""
    return heads * (time + BLOCK_BYTES // number_bytes) // 2 * number_bytes if time <= LONGEST else 0


def _suits(queries: Tensor, keys: Tensor, dropout: float) -> bool:
    if queries.device.type != "cpu" or not torch.is_grad_enabled():
        return False
    return 1 < queries.shape[2] == keys.shape[2] <= LONGEST and not dropout


def _in_blocks(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
    # Autocast does not cast for custom functions, and rotation leaves queries and keys in float32.
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else values.dtype
    return _InBlocks.apply(queries.to(dtype), keys.to(dtype), values.to(dtype), mask)


class _InBlocks(torch.autograd.Function):
    @staticmethod
    def forward(ctx, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
        ctx.kv_heads, ctx.scale = keys.shape[1], queries.shape[-1] ** -0.5
        mixed = _like(queries)
        keys, values = keys.flatten(0, 1), values.flatten(0, 1)
        blocks, weights = [_rows(part, keys) for part in _parts(queries, ctx.kv_heads)], []
        future = _future(queries, ctx.kv_heads)
        with torch.autocast("cpu", enabled=False):
            for (start, end), block, part in zip(_spans(queries), blocks, _parts(mixed, ctx.kv_heads), strict=True):
                scores = _product(block, keys[:, :end].mT, ctx.scale)
                if mask is None:
                    scores[:, :, start:] += future[: block.shape[1], : end - start]
                else:
                    scores.view(*part.shape[:4], end).masked_fill_(~mask[:, :, start:end, None, :end], -torch.inf)
                weights.append(scores.softmax(dim=-1))
                part.copy_(torch.bmm(weights[-1], values[:, :end]).view(part.shape))
        ctx.save_for_backward(keys, values, *blocks, *weights)
        return mixed

    @staticmethod
    def backward(ctx, upstream: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        keys, values, *saved = ctx.saved_tensors
        blocks, weights = saved[: len(saved) // 2], saved[len(saved) // 2 :]
        to_queries, to_keys, to_values = _like(upstream), None, None
        slopes, parts = _parts(upstream, ctx.kv_heads), _parts(to_queries, ctx.kv_heads)
        work = list(zip(_spans(upstream), blocks, weights, slopes, parts, strict=True))
        with torch.autocast("cpu", enabled=False):
            for (_, end), block, weight, slope, part in reversed(work):  # the last block sees all keys
                slope = _rows(slope, keys)
                to_values = _added(to_values, torch.bmm(weight.mT, slope))
                slope_of_weights = _product(slope, values[:, :end].mT, ctx.scale)
                scores = torch._softmax_backward_data(slope_of_weights, weight, -1, weight.dtype)
                to_keys = _added(to_keys, torch.bmm(scores.mT, block))
                part.copy_(torch.bmm(scores, keys[:, :end]).view(part.shape))
        shape = (len(upstream), ctx.kv_heads, *keys.shape[1:])
        return to_queries, to_keys.view(shape), to_values.view(shape), None


def _spans(queries: Tensor) -> list[tuple[int, int]]:
    """The first position of each block, and the one after its last."""
    time, step = queries.shape[2], BLOCK_BYTES // queries.element_size()
    return [(start, min(start + step, time)) for start in range(0, time, step)]


def _parts(queries: Tensor, kv_heads: int) -> tuple[Tensor, ...]:
    """[batch, heads, time, head_width] in blocks [batch, kv_heads, block, queries per key, head_width]."""
    step = BLOCK_BYTES // queries.element_size()
    return queries.unflatten(1, (kv_heads, -1)).transpose(2, 3).split(step, dim=2)


def _rows(part: Tensor, keys: Tensor) -> Tensor:
    """A block in the shape that is multiplied with keys: [batch * kv_heads, rows, head_width]."""
    return part.reshape(len(keys), -1, keys.shape[2])


def _product(left: Tensor, right: Tensor, scale: float) -> Tensor:
    """scale * left @ right, of [batch, rows, inner] and [batch, inner, columns]."""
    return left.new_empty(*left.shape[:2], right.shape[2]).baddbmm_(left, right, beta=0, alpha=scale)


def _future(queries: Tensor, kv_heads: int) -> Tensor:
    """The mask of a block's scores for its own positions: -inf for later ones, else 0, [rows of a block, block]."""
    step, queries_per_key = BLOCK_BYTES // queries.element_size(), queries.shape[1] // kv_heads
    return queries.new_full((step, step), -torch.inf).triu(1).repeat_interleave(queries_per_key, dim=0)


def _added(total: Tensor | None, part: Tensor) -> Tensor:
    """total [rows, keys, head_width] plus `part`, which has the first of these keys."""
    if total is None:
        return part
    total[:, : part.shape[1]] += part
    return total


def _like(queries: Tensor) -> Tensor:
    """An empty [batch, heads, time, head_width], in memory time before heads, as the layer's products take it."""
    batch, heads, time, width = queries.shape
    return queries.new_empty(batch, time, heads, width).transpose(1, 2)
