"""What is measured at a validated step besides its loss: norms and learning rates by group, the loss by source of text.

A group of weights is a role in the network (embedding, positions, attention, feedforward, norms, head), all layers
together; a rate's group is that of an optimiser. Measuring changes nothing in the training.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from lab.train.stored import whole

_WRAPPERS = {"_orig_mod", "_checkpoint_wrapped_module", "module", "model"}  # parts of names that tell no role


def role(name: str) -> str:
    """The group of a weight by its name in lab.model ("blocks.0.attention_norm.weight": "norms")."""
    parts = [part for part in name.split(".") if part not in _WRAPPERS]
    part = parts[2] if parts[0] == "blocks" else parts[0]
    return "norms" if part.endswith("norm") else part


def norms(model: nn.Module) -> dict[str, Tensor]:
    """Norms "gradient_norm/<role>" and "weight_norm/<role>", scalars; where weights are sharded, all processes call."""
    groups: dict[str, list[nn.Parameter]] = {}
    for name, weight in model.named_parameters():
        groups.setdefault(role(name), []).append(weight)
    by_name = {}
    for group, weights in groups.items():
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        if gradients:
            by_name[f"gradient_norm/{group}"] = _norm(gradients)
        by_name[f"weight_norm/{group}"] = _norm(weight.detach() for weight in weights)
    return by_name


def _norm(tensors: Iterable[Tensor]) -> Tensor:
    return whole(nn.utils.get_total_norm(list(tensors)))


def rates(optimizers: Iterable[torch.optim.Optimizer]) -> dict[str, float]:
    """The present learning rates, "learning_rate/<optimiser>/<matrices or vectors>", with its scale if not 1."""
    by_name = {}
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            kind = "matrices" if any(weight.ndim >= 2 for weight in group["params"]) else "vectors"
            times = f" x {group['scale']:g}" if group["scale"] != 1 else ""
            by_name[f"learning_rate/{type(optimizer).__name__.lower()}/{kind}{times}"] = float(group["lr"])
    return by_name


def totals_by_source(losses: Tensor, sources: Tensor, names: Sequence[str]) -> Tensor:
    """The sums of the losses [tokens] of each source and the counts of its tokens, [2, sources] float64."""
    # Not bincount: on a GPU its sums depend on the order in which threads arrive.
    of_source = torch.arange(len(names))[:, None] == sources.flatten()
    members = of_source.to(losses.device, torch.float64)
    return torch.stack([members @ losses.double(), members.sum(1)])


def means_by_source(totals: Tensor, names: Sequence[str]) -> dict[str, float]:
    """Nats per token by "validation_loss/<source>", of the sum of `totals_by_source`; no source without tokens."""
    sums = zip(names, *totals.tolist(), strict=True)
    return {f"validation_loss/{name}": loss / count for name, loss, count in sums if count}
