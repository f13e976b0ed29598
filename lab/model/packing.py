"""Packed documents: the attention mask and positions of documents that share a row of tokens.

A token sees its own document up to itself (Grattafiori et al. 2024, section 3.2), and positions start at 0 with each
document, so a document's logits are the same as if it were alone in its row. (Of rotary positions, which continue
through the row, attention sees the differences only.) A row may begin within a document; its tokens up to the first
separator are then one of their own.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention


class Documents(NamedTuple):
    """Each token's position in its document, and the mask of the tokens that it sees."""

    positions: Tensor  # [batch, time], int64
    mask: Tensor | BlockMask  # bool [batch, 1, time, time], or its blocks, of which empty ones are skipped


def find_documents(tokens: Tensor, separator: int, *, flex: bool) -> Documents:
    """The documents in tokens [batch, time], each of which begins with a `separator`.

    `flex`: the mask as blocks for `attend_within` (Dong et al. 2024), which needs no memory for pairs of tokens.
    """
    batch, time = tokens.shape
    places = torch.arange(time, device=tokens.device)
    # A document is identified by the place where it starts.
    starts = torch.where(tokens == separator, places, 0).cummax(dim=1).values
    positions = places - starts
    if not flex:
        same = starts[:, None, :, None] == starts[:, None, None, :]
        return Documents(positions, same & (places[:, None] >= places))

    def sees(row: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return (starts[row, query] == starts[row, key]) & (query >= key)

    make_blocks = _compiled(create_block_mask) if tokens.is_cuda else create_block_mask
    return Documents(positions, make_blocks(sees, batch, None, time, time, device=tokens.device))


def attend_within(blocks: BlockMask, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Attention of queries [batch, heads, time, head_width] within a mask of blocks; the same shape.

    Keys and values may have fewer heads. On a GPU it runs as one compiled kernel, also where the model is not compiled.
    """
    # Autocast does not cast for it, and rotation leaves queries and keys in float32.
    queries, keys = queries.to(values.dtype), keys.to(values.dtype)
    uncompiled = queries.is_cuda and not torch.compiler.is_compiling()
    attend = _compiled(flex_attention) if uncompiled else flex_attention
    return attend(queries, keys, values, block_mask=blocks, enable_gqa=True)


@cache
def _compiled(function: Callable) -> Callable:
    # Uncompiled, both would hold a number for each pair of tokens.
    return torch.compile(function)
