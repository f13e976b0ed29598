"""Cross-entropy of a linear head in pieces of the tokens, so that the logits are never whole in memory.

The gradients of a piece are computed from its logits at once (as in Liger Kernel's fused linear cross-entropy, Hsu et
al. 2024), so nothing is computed twice. The z-loss, z_loss * mean(log(Z)^2) with Z softmax's denominator (PaLM,
Chowdhery et al. 2022, section 5: 1e-4), keeps logits from drifting. It is added to the gradients only: the value stays
the cross-entropy, comparable between runs with and without it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

PIECE = {"cpu": 1 << 21}  # logits held at once: 8 MB, about a core's cache
PIECE_ELSEWHERE = 1 << 28  # 1 GB: a GPU needs large products, and less would not save memory that matters


def linear_cross_entropy(
    hidden: Tensor, head: Tensor, targets: Tensor, z_loss: float = 0.0, losses: Tensor | None = None, pad_to: int = 1
) -> Tensor:
    """Mean of -log softmax(hidden @ head.T)[targets], float32. Under autocast the products are in its type.

    `hidden`: [tokens, width], `head`: [vocabulary, width], `targets`: [tokens]. `losses`, [tokens] float32, is filled
    with every token's own loss; without gradients only. For the products alone the head is padded with rows of zeros
    to a multiple of `pad_to`, which is faster on GPUs (128); their logits are masked.
    """
    device = hidden.device.type
    if torch.is_autocast_enabled(device):
        dtype = torch.get_autocast_dtype(device)
        hidden, head = hidden.to(dtype), head.to(dtype)
    vocabulary = len(head)
    if vocabulary % pad_to:
        head = F.pad(head, (0, 0, 0, -vocabulary % pad_to))
    if torch.is_grad_enabled() and (hidden.requires_grad or head.requires_grad):
        assert losses is None
        return _LinearCrossEntropy.apply(hidden, head, targets, z_loss, vocabulary)
    return _forward(hidden, head, targets, vocabulary, losses=losses)


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, hidden: Tensor, head: Tensor, targets: Tensor, z_loss: float, vocabulary: int) -> Tensor:
        hidden_gradient = torch.empty_like(hidden)
        head_gradient = torch.empty(head.shape, device=head.device, dtype=torch.float32)
        with torch.autocast(hidden.device.type, enabled=False):
            loss = _forward(hidden, head, targets, vocabulary, z_loss, (hidden_gradient, head_gradient))
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
    vocabulary: int,
    z_loss: float = 0.0,
    gradients: tuple[Tensor, Tensor] | None = None,
    losses: Tensor | None = None,
) -> Tensor:
    """The mean loss; fills the given tensors with the gradients of the sum (`hidden`'s and `head`'s) and each token's
    loss."""
    tokens = len(hidden)
    total = torch.zeros((), device=hidden.device, dtype=torch.float32)
    step = max(1, PIECE.get(hidden.device.type, PIECE_ELSEWHERE) // len(head))
    for start in range(0, tokens, step):
        piece, target = hidden[start : start + step], targets[start : start + step, None]
        logits = (piece @ head.T).float()
        if vocabulary < len(head):
            logits[:, vocabulary:] = -torch.inf
        target_logits = logits.gather(1, target)
        logs = torch.log_softmax(logits, dim=1)
        nats = -logs.gather(1, target)
        total += nats.sum()
        if losses is not None:
            losses[start : start + step] = nats[:, 0]
        if gradients is not None:
            hidden_gradient, head_gradient = gradients
            slope = logs.exp_()
            if z_loss:
                slope *= 1 + 2 * z_loss * (target_logits + nats)  # log Z
            slope = slope.scatter_add_(1, target, slope.new_full(target.shape, -1.0)).to(hidden.dtype)
            hidden_gradient[start : start + step] = slope @ head
            if piece.dtype == head_gradient.dtype:
                # Without an intermediate tensor of the head's size.
                head_gradient.addmm_(slope.T, piece, beta=int(start > 0))
            elif start:
                head_gradient += slope.T @ piece
            else:
                head_gradient.copy_(slope.T @ piece)
    return total / tokens
