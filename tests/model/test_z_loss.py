"""If these fail, train.z_loss pulls at the weights otherwise than it says, or changes losses that are compared."""

import pytest
import torch
import torch.nn.functional as F

from lab.model import loss as loss_module
from lab.model.loss import linear_cross_entropy

TOKENS, WIDTH, VOCABULARY = 50, 16, 300


def example(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    hidden = torch.randn(TOKENS, WIDTH, generator=random, requires_grad=True)
    head = torch.randn(VOCABULARY, WIDTH, generator=random, requires_grad=True)
    return hidden, head, torch.randint(VOCABULARY, (TOKENS,), generator=random)


@pytest.mark.parametrize("weight", [1e-4, 0.5])
@pytest.mark.parametrize("piece", [1 << 22, 7 * VOCABULARY])  # of logits at once: all, or 7 tokens
def test_gradients_are_those_of_the_penalised_loss_and_the_value_is_the_cross_entropy(weight, piece, monkeypatch):
    monkeypatch.setitem(loss_module.PIECE, "cpu", piece)
    hidden, head, targets = example()
    logits = hidden.double() @ head.double().T
    plain = F.cross_entropy(logits, targets)
    penalised = plain + weight * logits.logsumexp(dim=1).square().mean()
    expected = torch.autograd.grad(penalised, (hidden, head))
    without = torch.autograd.grad(F.cross_entropy(hidden @ head.T, targets), (hidden, head))

    found = linear_cross_entropy(hidden, head, targets, weight)
    torch.testing.assert_close(found.double(), plain.detach())
    for got, right, ignored in zip(torch.autograd.grad(found, (hidden, head)), expected, without, strict=True):
        torch.testing.assert_close(got, right, rtol=1e-4, atol=1e-6)
        assert not torch.allclose(got, ignored, rtol=1e-4, atol=1e-6)


def test_a_weight_of_zero_is_the_cross_entropy_to_the_bit():
    hidden, head, targets = example()
    bare = torch.autograd.grad(linear_cross_entropy(hidden, head, targets), (hidden, head))
    zero = torch.autograd.grad(linear_cross_entropy(hidden, head, targets, 0.0), (hidden, head))
    # The same kernels in the same shapes: a weight of zero leaves its operation out.
    assert all(torch.equal(one, other) for one, other in zip(bare, zero, strict=True))
