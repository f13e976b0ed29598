"""Initial weights and learning rates by width, so that a rate tuned on a small model serves a large one (muP).

The rule is table 3 of Yang et al. 2022 (Tensor Programs V), relative to `train.lr_base_width`, the width at which the
rates were tuned; there it changes nothing. m = width / base width:

    weights    initial deviation    AdamW's rate    weight decay
    hidden     1 / sqrt(m)          1 / m           m
    head       1 / m                1 / m           m
    rest       1                    1               1

AdamW multiplies weight decay by the rate; the inverse factor keeps the decay of a step the same, as in the authors'
package (`mup.optim.MuAdamW`). ffn must grow with the width, and heads be added, not widened: attention keeps
1 / sqrt(head width). Muon's updates need no factor, the initial deviation of its weights does. A tied table has the
head's rate, as its updates would otherwise make logits grow with the width, and keeps the first logits the same.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from lab.params import TrainParams


@dataclass(frozen=True)
class Part:
    """A weight, its kind and the width of its network. `tied`: a head that is also the embedding."""

    weight: nn.Parameter
    kind: Literal["hidden", "head", "rest"]
    width: int
    tied: bool = False


def parts(model: nn.Module) -> list[Part]:
    """The trainable weights of a model, in its own order, a tied one once.

    "hidden": matrices of linear layers other than the last, which is named `head`; "rest": all other weights.
    """
    named = list(model.named_parameters(remove_duplicate=False))
    heads = {id(weight) for name, weight in named if name == "head.weight"}
    tied = {id(weight) for name, weight in named if name != "head.weight"} & heads
    linear = {id(module.weight) for module in model.modules() if isinstance(module, nn.Linear)}
    width = next((weight.shape[1] for weight in model.parameters() if id(weight) in heads), 0)

    kinds = dict.fromkeys(linear, "hidden") | dict.fromkeys(heads, "head")
    trainable = [weight for weight in model.parameters() if weight.requires_grad]
    return [Part(weight, kinds.get(id(weight), "rest"), width, id(weight) in tied) for weight in trainable]


def scale(part: Part, params: TrainParams) -> float:
    """The factor of AdamW's learning rate for this weight, by which its weight decay is divided."""
    if params.lr_scaling == "none" or part.kind == "rest":
        return 1.0
    return params.lr_base_width / part.width


@torch.no_grad()
def scale_initial(model: nn.Module, params: TrainParams) -> None:
    """Scale newly initialised weights to the deviations of their width; at the base width nothing changes."""
    for part in parts(model):
        if params.lr_scaling != "none" and part.kind != "rest":
            shrink = params.lr_base_width / part.width
            part.weight.mul_(shrink if part.kind == "head" and not part.tied else shrink**0.5)
