"""If these fail, attention on a CPU is fast because it computes something else than attention."""

import shutil
from unittest.mock import patch

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lab.model import attention
from lab.model.attention import LONGEST, attend

BATCH, WIDTH = 2, 16


def make(heads: int, kv_heads: int, time: int, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """Queries, keys and values as a layer makes them, time before heads in memory, and a gradient."""
    torch.manual_seed(0)
    shapes = [(BATCH, time, count, WIDTH) for count in (heads, kv_heads, kv_heads, heads)]
    *inputs, upstream = (torch.randn(shape, dtype=dtype).transpose(1, 2) for shape in shapes)
    return [*(x.requires_grad_() for x in inputs), upstream]


def by_formula(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """softmax(q k' / sqrt(head_width)) v, written out."""
    times = queries.shape[1] // keys.shape[1]
    keys, values = (x.repeat_interleave(times, dim=1) for x in (keys, values))
    scores = (queries @ keys.mT / WIDTH**0.5).masked_fill(~mask, -torch.inf)
    return scores.softmax(dim=-1) @ values


def document_mask(time: int) -> Tensor:
    """Two documents a row, of other lengths in each."""
    causal = torch.ones(time, time, dtype=torch.bool).tril()
    first = torch.stack([torch.arange(time) < cut for cut in (time // 3, time // 2)])
    return (causal & (first[:, :, None] == first[:, None, :]))[:, None]


def refuse(*_: object, **__: object) -> Tensor:
    raise AssertionError("torch's attention was asked")


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("heads, kv_heads", [(3, 3), (6, 2), (4, 1)])
@pytest.mark.parametrize("time", [2, 64, 150])  # less than a block, just one, two and a piece
def test_outputs_and_gradients_are_the_formula_s(time, heads, kv_heads, masked):
    *inputs, upstream = make(heads, kv_heads, time)
    mask = document_mask(time) if masked else None
    with patch.object(F, "scaled_dot_product_attention", refuse):
        found = attend(*inputs, mask, 0.0)
    expected = by_formula(*inputs, torch.ones(time, time, dtype=torch.bool).tril() if mask is None else mask)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    gradients = [torch.autograd.grad(output, inputs, upstream) for output in (found, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-5, atol=1e-5)


def test_gradients_are_those_of_finite_differences():
    *inputs, _ = make(2, 1, 40, torch.float64)  # blocks of 32
    assert torch.autograd.gradcheck(lambda *x: attend(*x, None, 0.0), inputs)


def test_bfloat16_is_about_as_near_to_the_formula_as_torch_s_own():
    *inputs, upstream = make(4, 4, 200)
    truth = by_formula(*inputs, torch.ones(200, 200, dtype=torch.bool).tril())
    wanted = [truth, *torch.autograd.grad(truth, inputs, upstream)]

    def error(longest: int) -> list[float]:
        with patch.object(attention, "LONGEST", longest), torch.autocast("cpu", torch.bfloat16):
            found = attend(*inputs, None, 0.0)
            assert found.dtype == torch.bfloat16
        made = [found, *torch.autograd.grad(found, inputs, upstream.to(found.dtype))]
        return [(x.float() - y).norm().item() / y.norm().item() for x, y in zip(made, wanted, strict=True)]

    for ours, theirs in zip(error(LONGEST), error(0), strict=True):
        assert ours < 2 * theirs < 0.02, (ours, theirs)


def test_long_contexts_dropout_a_cache_and_no_gradients_have_torch_s_attention():
    queries, keys, values, _ = (x.detach() for x in make(2, 2, 8))
    with patch.object(attention, "_in_blocks", refuse):
        with patch.object(attention, "LONGEST", 7):
            whole = attend(queries, keys, values, None, 0.0)
        last = attend(queries[:, :, -1:], keys, values, None, 0.0)
        attend(queries, keys, values, None, 0.5)
        with torch.no_grad():
            attend(queries, keys, values, None, 0.0)
    torch.testing.assert_close(last, whole[:, :, -1:], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(attend(queries, keys, values, None, 0.0), whole, rtol=1e-5, atol=1e-5)


@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler")
def test_compiled_it_computes_the_same():
    *inputs, upstream = make(4, 2, 150)
    results = []
    for function in (attend, torch.compile(attend)):
        output = function(*inputs, None, 0.0)
        results.append([output, *torch.autograd.grad(output, inputs, upstream)])
    torch.testing.assert_close(*results, rtol=1e-5, atol=1e-5)
