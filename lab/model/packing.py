"""Documents that share a row of tokens, kept from seeing each other.

In: tokens [batch, time] and the token that begins each document. Out: what attention and added positions must know:
a mask within which a token sees its own document up to itself (Grattafiori et al. 2024, section 3.2), and positions
that start at 0 with each document. So a document's logits are what they would be were it alone in its row.

Learned and sinusoidal positions need that restart. Rotary ones do not, and go on through the row: attention sees only
differences of them, which are the same within a document wherever it begins. A row may begin within a document, whose
tokens up to the first separator are then a document of their own.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention


class Documents(NamedTuple):
    """Where each token stands in its document, and what it may look at."""

    positions: Tensor  # [batch, time], int64
    mask: Tensor | BlockMask  # bool [batch, 1, time, time], or its blocks, of which empty ones are skipped


def find_documents(tokens: Tensor, separator: int, *, flex: bool) -> Documents:
    """The documents in tokens [batch, time], each of which begins with a `separator`.

    `flex`: the mask as blocks for `attend_within` (Dong et al. 2024), which needs no memory for pairs of tokens.
    """
    batch, time = tokens.shape
    places = torch.arange(time, device=tokens.device)
    # A document is told from others of its row by where it starts.
    starts = torch.where(tokens == separator, places, 0).cummax(dim=1).values
    positions = places - starts
    if not flex:
        own = starts[:, None, :, None] == starts[:, None, None, :]
        return Documents(positions, own & (places[:, None] >= places))

    def sees(row: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return (starts[row, query] == starts[row, key]) & (query >= key)

    make_blocks = _compiled(create_block_mask) if tokens.is_cuda else create_block_mask
    return Documents(positions, make_blocks(sees, batch, None, time, time, device=tokens.device))


def attend_within(blocks: BlockMask, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Attention of queries [batch, heads, time, head_width] within a mask of blocks; the same shape.

    Keys and values may have fewer heads. On a GPU it runs as one compiled kernel, whatever is compiled around it.
    """
    # Autocast passes it by, and rotation leaves queries and keys in float32.
    queries, keys = queries.to(values.dtype), keys.to(values.dtype)
    alone = queries.is_cuda and not torch.compiler.is_compiling()
    attend = _compiled(flex_attention) if alone else flex_attention
    return attend(queries, keys, values, block_mask=blocks, enable_gqa=True)


@cache
def _compiled(function: Callable) -> Callable:
    # As they are, both would hold a number for each pair of tokens.
    return torch.compile(function)
