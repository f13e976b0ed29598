"""Initial weights and learning rates by width, so that a rate tuned on a small model serves a large one (muP).

In: a model. Out: its weights as hidden matrices, output head, and the rest (embeddings, positions, norms, biases), with
the factors of their rates and initial deviations. The rule is table 3 of Yang et al. 2022 (Tensor Programs V), relative
to `train.lr_base_width`, the width at which the rates were tuned; there it changes nothing. m = width / base width:

    weights    initial deviation    AdamW's rate    weight decay
    hidden     1 / sqrt(m)          1 / m           m
    head       1 / m                1 / m           m
    rest       1                    1               1

AdamW multiplies weight decay by the rate; the inverse factor keeps the decay of a step the same, as in the authors'
package (`mup.optim.MuAdamW`). ffn must grow with the width, and heads be added, not widened: attention keeps
1 / sqrt(head width), which for heads of one width equals their 1 / head width up to a constant. Muon's updates need no
factor, the initial deviation of its weights does. A tied table is both embedding and head: its rate is the head's, as
its updates would otherwise make logits grow with the width, and its initial deviation keeps the first logits the same.
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

    def kind(weight: nn.Parameter) -> Literal["hidden", "head", "rest"]:
        return "head" if id(weight) in heads else "hidden" if id(weight) in linear else "rest"

    return [
        Part(weight, kind(weight), width, id(weight) in tied) for weight in model.parameters() if weight.requires_grad
    ]


def scale(part: Part, params: TrainParams) -> float:
    """The factor of AdamW's learning rate for this weight, by which its weight decay is divided."""
    if params.lr_scaling == "none" or part.kind == "rest":
        return 1.0
    return params.lr_base_width / part.width


@torch.no_grad()
def scale_initial(model: nn.Module, params: TrainParams) -> None:
    """Scale newly initialised weights to the deviations of their width; at the base width nothing changes."""
    if params.lr_scaling == "none":
        return
    for part in parts(model):
        if part.kind != "rest":
            part.weight.mul_(_initial_factor(part, params))


def _initial_factor(part: Part, params: TrainParams) -> float:
    shrink = params.lr_base_width / part.width
    return shrink if part.kind == "head" and not part.tied else shrink**0.5
