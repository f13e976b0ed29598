"""What is measured of a model's weights group by group: the norms of gradients and weights, and the learning rates.

In: a model whose gradients are whole, its optimisers. Out: tensors and numbers by group. A group is a role in the
network (embedding, positions, attention, feedforward, norms, head), all layers together; a rate's group is that of an
optimiser. Nothing is changed, so that a run that is measured trains as one that is not.
"""

from collections.abc import Iterable
from math import isfinite

import torch
from torch import Tensor, nn

from lab.train.sharded import whole

_WRAPPERS = {"_orig_mod", "_checkpoint_wrapped_module", "module", "model"}  # parts of names that tell no role


def role(name: str) -> str:
    """The group of a weight by its name in lab.model ("blocks.0.attention_norm.weight": "norms")."""
    parts = [part for part in name.split(".") if part not in _WRAPPERS]
    part = parts[2] if parts[0] == "blocks" else parts[0]
    return "norms" if part.endswith("norm") else part


def norms(model: nn.Module) -> dict[str, Tensor]:
    """Euclidean norms, "gradient_norm/<role>" and "weight_norm/<role>", each a scalar on the model's device.

    Where weights are sharded all processes must call this.
    """
    groups: dict[str, list[nn.Parameter]] = {}
    for name, weight in model.named_parameters():
        groups.setdefault(role(name), []).append(weight)
    found = {}
    for group, weights in groups.items():
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        if gradients:
            found[f"gradient_norm/{group}"] = _norm(gradients)
        found[f"weight_norm/{group}"] = _norm(weight.detach() for weight in weights)
    return found


def known(norms: dict[str, Tensor]) -> dict[str, float]:
    """Norms as numbers, but those that are infinite or none, as a spike's may be."""
    values = {name: norm.item() for name, norm in norms.items()}
    return {name: value for name, value in values.items() if isfinite(value)}


def _norm(tensors: Iterable[Tensor]) -> Tensor:
    return whole(nn.utils.get_total_norm(list(tensors)))


def rates(optimizers: Iterable[torch.optim.Optimizer]) -> dict[str, float]:
    """The learning rates at present, "learning_rate/<optimiser>/<matrices or vectors>", with its scale if not 1."""
    found = {}
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            kind = "matrices" if any(weight.ndim >= 2 for weight in group["params"]) else "vectors"
            times = f" x {group['scale']:g}" if group["scale"] != 1 else ""
            found[f"learning_rate/{type(optimizer).__name__.lower()}/{kind}{times}"] = float(group["lr"])
    return found
