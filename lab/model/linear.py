"""Linear layers whose float32 products go through oneDNN on the CPUs where MKL's are slower: AMD's with AVX-512.

In: x [..., inputs], weight [outputs, inputs]. Out: x @ weight.T + bias, [..., outputs], in float32 throughout: another
order of sums, no less exact. Both libraries are part of torch, whose own layers ask MKL. oneDNN makes a layer's output
and its input's gradient; the weights' gradient stays MKL's, which is as fast (reports/benchmarks/train.md). GPUs, other
types, autocast, other processors and few rows (generation) have torch's own product.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lab.machine import processor

FEW_ROWS = 32  # up to which calling oneDNN costs more than it saves
FASTER = (
    "AMD" in processor()
    and torch.backends.cpu.get_cpu_capability() == "AVX512"
    and torch.backends.mkl.is_available()
    and torch.backends.mkldnn.is_available()
)


class Linear(nn.Linear):
    """torch's, with the same weights and names, on this module's products."""

    def forward(self, x: Tensor) -> Tensor:
        """[..., inputs] -> [..., outputs]."""
        if _suits(x, self.weight):
            return _Linear.apply(x, self.weight, self.bias)
        return F.linear(x, self.weight, self.bias)


def product(x: Tensor, weight: Tensor) -> Tensor:
    """x [rows, inputs] @ weight.T [inputs, outputs], without a gradient."""
    return _onednn(x, weight, None) if _suits(x, weight) else x @ weight.T


def _suits(x: Tensor, weight: Tensor) -> bool:
    return (
        FASTER
        and type(weight) in (Tensor, nn.Parameter)  # not a DTensor's shard
        and x.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and x.numel() > FEW_ROWS * x.shape[-1]
        and not torch.is_autocast_enabled("cpu")
    )


def _onednn(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    call = _opaque if torch.compiler.is_compiling() else _linear
    return call(x, weight, bias)


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


# torch.compile takes oneDNN's own operator for a layer whose weights never change, and fails on ours.
_opaque = torch.library.custom_op("lab::linear", _linear, mutates_args=())


@_opaque.register_fake
def _(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return x.new_empty((*x.shape[:-1], len(weight)))


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _onednn(x, weight, bias)

    @staticmethod
    def backward(ctx, upstream: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        x_needs, weight_needs, bias_needs = ctx.needs_input_grad
        rows = upstream.flatten(0, -2)
        return (
            _onednn(upstream, weight.T, None) if x_needs else None,
            rows.T @ x.flatten(0, -2) if weight_needs else None,
            rows.sum(dim=0) if bias_needs else None,
        )
