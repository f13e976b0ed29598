"""Cross-entropy of a linear head, a piece of the tokens at a time, so that the logits are never whole in memory.

In: hidden states [tokens, width], head [vocabulary, width], targets [tokens]. Out: mean nats a token. The gradients of
a piece are made while its logits are at hand (as in Liger Kernel's fused linear cross-entropy, Hsu et al. 2024), so
nothing is computed twice and the result is that of torch's cross_entropy on full logits, up to rounding.

The z-loss, z_loss * mean(log(Z)^2) with Z softmax's denominator (PaLM, Chowdhery et al. 2022, section 5: 1e-4), keeps
logits from drifting. It is added to the gradients only: the value stays the cross-entropy, in nats that runs with and
without it share.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lab.model.linear import product

PIECE = {"cpu": 1 << 21}  # logits held at once: 8 MB, about a core's cache
PIECE_ELSEWHERE = 1 << 28  # 1 GB: a GPU needs large products, and less than this is no help in its memory


def linear_cross_entropy(
    hidden: Tensor, head: Tensor, targets: Tensor, z_loss: float = 0.0, each: Tensor | None = None, pad_to: int = 1
) -> Tensor:
    """Mean of -log softmax(hidden @ head.T)[targets], float32. Under autocast the products are in its type.

    The gradients are those of the mean plus `z_loss` times the mean of log(Z)^2. `each`, [tokens] float32, is filled
    with every token's own loss; without gradients only. For the products alone the head gets rows of zeros up to a
    multiple of `pad_to`, which a GPU's kernels like (128); their logits count for nothing.
    """
    device = hidden.device.type
    if torch.is_autocast_enabled(device):
        dtype = torch.get_autocast_dtype(device)
        hidden, head = hidden.to(dtype), head.to(dtype)
    vocabulary = len(head)
    if vocabulary % pad_to:
        head = F.pad(head, (0, 0, 0, -vocabulary % pad_to))
    if torch.is_grad_enabled() and (hidden.requires_grad or head.requires_grad):
        assert each is None
        return _LinearCrossEntropy.apply(hidden, head, targets, z_loss, vocabulary)
    return _forward(hidden, head, targets, None, None, z_loss, vocabulary, each)


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, hidden: Tensor, head: Tensor, targets: Tensor, z_loss: float, vocabulary: int) -> Tensor:
        hidden_gradient = torch.empty_like(hidden)
        head_gradient = torch.empty(head.shape, device=head.device, dtype=torch.float32)
        with torch.autocast(hidden.device.type, enabled=False):
            loss = _forward(hidden, head, targets, hidden_gradient, head_gradient, z_loss, vocabulary)
        ctx.save_for_backward(hidden_gradient, head_gradient.to(head.dtype))
        ctx.tokens = len(hidden)
        return loss

    @staticmethod
    def backward(ctx, upstream: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        hidden_gradient, head_gradient = ctx.saved_tensors
        scale = upstream / ctx.tokens
        return hidden_gradient.mul_(scale), head_gradient.mul_(scale), None, None, None


def _forward(
    hidden: Tensor,
    head: Tensor,
    targets: Tensor,
    hidden_gradient: Tensor | None,
    head_gradient: Tensor | None,
    z_loss: float,
    vocabulary: int,
    each: Tensor | None = None,
) -> Tensor:
    """The mean loss; writes the gradients of the sum, and each token's loss, where there is room for them."""
    tokens = len(hidden)
    total = torch.zeros((), device=hidden.device, dtype=torch.float32)
    step = max(1, PIECE.get(hidden.device.type, PIECE_ELSEWHERE) // len(head))
    for start in range(0, tokens, step):
        piece, wanted = hidden[start : start + step], targets[start : start + step, None]
        logits = product(piece, head).float()
        if vocabulary < len(head):
            logits[:, vocabulary:] = -torch.inf
        right = logits.gather(1, wanted)
        logs = torch.log_softmax(logits, dim=1)
        losses = -logs.gather(1, wanted)
        total += losses.sum()
        if each is not None:
            each[start : start + step] = losses[:, 0]
        if head_gradient is not None:
            slope = logs.exp_()
            if z_loss:
                slope *= 1 + 2 * z_loss * (right + losses)  # log Z
            slope = slope.scatter_add_(1, wanted, slope.new_full(wanted.shape, -1.0)).to(hidden.dtype)
            hidden_gradient[start : start + step] = product(slope, head.T)
            if piece.dtype == head_gradient.dtype:
                head_gradient.addmm_(slope.T, piece, beta=int(start > 0))  # without a whole head in between
            elif start:
                head_gradient += slope.T @ piece
            else:
                head_gradient.copy_(slope.T @ piece)
    return total / tokens
