"""Initial weights and learning rates by width, so that a rate tuned on a small model serves a large one (muP).

In: a model. Out: its weights as hidden matrices, output head, and the rest (embeddings, positions, norms, biases), the
factors of each one's rate and initial deviation. The rule is table 3 of Yang et al. 2022 (Tensor Programs V), relative
to `train.lr_base_width`, the width at which the rates were tuned, where it changes nothing. m = width / base width:

    weights    initial deviation    AdamW's rate    weight decay
    hidden     1 / sqrt(m)          1 / m           m
    head       1 / m                1 / m           m
    rest       1                    1               1

AdamW multiplies weight decay by the rate; its inverse keeps what a step takes off the same, as in the authors' package
(`mup.optim.MuAdamW`). ffn must grow with the width, and heads be added, not widened: attention keeps 1 / sqrt(head
width), which for heads of one width is their 1 / head width. Muon's updates need no factor, its weights' initial
deviation does. A tied table can't be both embedding and head: its rate is the head's, as its updates would make logits
grow with the width otherwise, and its initial deviation keeps the first logits the same.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from lab.params import TrainParams


@dataclass(frozen=True)
class Part:
    """A weight, what it is in the network, and the width of that network. `tied`: a head that is also embedding."""

    weight: nn.Parameter
    kind: Literal["hidden", "head", "rest"]
    width: int
    tied: bool = False


def parts(model: nn.Module) -> list[Part]:
    """The trainable weights of a model, in its own order, a tied one once.

    Hidden are the matrices of linear layers but the last, which is named `head`; all else of a model is "rest".
    """
    named = list(model.named_parameters(remove_duplicate=False))
    heads = {id(weight) for name, weight in named if name == "head.weight"}
    tied = {id(weight) for name, weight in named if name != "head.weight"} & heads
    linear = {id(module.weight) for module in model.modules() if isinstance(module, nn.Linear)}
    width = next((weight.shape[1] for weight in model.parameters() if id(weight) in heads), 0)

    def kind(weight: nn.Parameter) -> Literal["hidden", "head", "rest"]:
        return "head" if id(weight) in heads else "hidden" if id(weight) in linear else "rest"

    return [
        Part(weight, kind(weight), width, id(weight) in tied) for weight in model.parameters() if weight.requires_grad
    ]


def scale(part: Part, params: TrainParams) -> float:
    """What AdamW's learning rate of this weight is multiplied by, and its weight decay divided by."""
    if params.lr_scaling == "none" or part.kind == "rest":
        return 1.0
    return params.lr_base_width / part.width


@torch.no_grad()
def scale_initial(model: nn.Module, params: TrainParams) -> None:
    """Bring the weights of a model that was just initialised to the deviations of its width; none at the base width."""
    if params.lr_scaling == "none":
        return
    for part in parts(model):
        if part.kind != "rest":
            part.weight.mul_(_initial(part, params))


def _initial(part: Part, params: TrainParams) -> float:
    shrink = params.lr_base_width / part.width
    return shrink if part.kind == "head" and not part.tied else shrink**0.5
