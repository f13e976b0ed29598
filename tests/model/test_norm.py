"""If these fail, RMSNorm on a CPU is fast because it computes something else than RMSNorm."""

import pytest
import torch
from torch import Tensor, nn

from lab.model.norm import RMSNorm

WIDTH = 24


def both(dtype: torch.dtype) -> tuple[RMSNorm, nn.RMSNorm]:
    """Ours and torch's, with the same weights."""
    torch.manual_seed(0)
    weight = torch.randn(WIDTH, dtype=dtype)
    norms = [kind(WIDTH, eps=1e-5, dtype=dtype) for kind in (RMSNorm, nn.RMSNorm)]
    for norm in norms:
        norm.weight.data.copy_(weight)
    return tuple(norms)


def outputs(norm: nn.Module, x: Tensor, upstream: Tensor) -> list[Tensor]:
    """What it gives, and the gradients of its input and weight."""
    x = x.clone().requires_grad_()
    found = norm(x)
    return [found, *torch.autograd.grad(found, [x, norm.weight], upstream)]


@pytest.mark.parametrize("shape", [(WIDTH,), (5, WIDTH), (2, 7, WIDTH)])
@pytest.mark.parametrize("size", [1.0, 1e-4, 1e4])  # small ones feel eps
def test_outputs_and_gradients_are_torch_s(shape, size):
    x, upstream = size * torch.randn(shape), torch.randn(shape)
    ours, theirs = both(torch.float32)
    for found, wanted in zip(outputs(ours, x, upstream), outputs(theirs, x, upstream), strict=True):
        scale = wanted.abs().max().item()
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5 * scale)


def test_gradients_are_those_of_finite_differences():
    ours, _ = both(torch.float64)
    x = torch.randn(3, WIDTH, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(ours, x)


def test_a_row_of_zeros_stays_zero():
    ours, _ = both(torch.float32)
    found, to_x, to_weight = outputs(ours, torch.zeros(2, WIDTH), torch.ones(2, WIDTH))
    assert not found.any() and to_x.isfinite().all() and not to_weight.any()


def test_without_gradients_it_is_torch_s_to_the_bit():
    ours, theirs = both(torch.float32)
    x = torch.randn(9, WIDTH)
    with torch.no_grad():
        assert torch.equal(ours(x), theirs(x))


def test_under_autocast_the_stream_stays_float32():
    ours, _ = both(torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        found = ours(torch.randn(4, WIDTH, requires_grad=True))
    assert found.dtype == torch.float32
