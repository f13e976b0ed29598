"""If these fail, a model is faster on some processors because it computes something else."""

import shutil

import pytest
import torch
import torch.nn.functional as F

from lab.model import linear
from lab.model.linear import FEW_ROWS, Linear, product


@pytest.fixture(autouse=True)
def onednn(monkeypatch):
    if not torch.backends.mkldnn.is_available():
        pytest.skip("this torch has no oneDNN")
    monkeypatch.setattr(linear, "FASTER", True)  # whatever this processor is


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rows", [(2, FEW_ROWS), (1, 3)])  # through oneDNN, and too few for it
def test_outputs_and_gradients_are_torch_s(bias, rows):
    torch.manual_seed(0)
    layer = Linear(48, 80, bias=bias)
    x = torch.randn(*rows, 48, requires_grad=True)
    upstream = torch.randn(80, *rows).movedim(0, -1)  # not contiguous, as after a transposition
    wanted = [x, *layer.parameters()]
    found = torch.autograd.grad(layer(x), wanted, upstream)
    expected = torch.autograd.grad(F.linear(x, layer.weight, layer.bias), wanted, upstream)
    torch.testing.assert_close(layer(x), F.linear(x, layer.weight, layer.bias), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_a_gradient_that_nobody_wants_is_not_made():
    layer = Linear(16, 8).requires_grad_(False)
    x = torch.randn(FEW_ROWS + 1, 16, requires_grad=True)
    layer(x).sum().backward()
    torch.testing.assert_close(x.grad, layer.weight.sum(dim=0).expand_as(x), rtol=1e-5, atol=1e-5)
    assert layer.weight.grad is None and layer.bias.grad is None


def test_a_product_with_a_transposed_matrix():
    x, weight = torch.randn(FEW_ROWS + 1, 30), torch.randn(30, 50)
    torch.testing.assert_close(product(x, weight.T), x @ weight, rtol=1e-5, atol=1e-5)


def test_other_types_and_autocast_keep_torch_s_products():
    layer, x = Linear(16, 8), torch.randn(FEW_ROWS + 1, 16)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16
    assert layer.double()(x.double()).dtype == torch.float64


@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler")
def test_a_compiled_layer_computes_the_same():
    torch.manual_seed(0)
    layer, x = Linear(16, 24), torch.randn(FEW_ROWS + 1, 16, requires_grad=True)
    wanted = [x, *layer.parameters()]

    def loss(x):
        return F.gelu(layer(x)).square().sum()

    expected = torch.autograd.grad(loss(x), wanted)
    found = torch.autograd.grad(torch.compile(loss, fullgraph=True)(x), wanted)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
