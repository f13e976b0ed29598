"""Learning rates by width, so that one tuned on a small model serves a large one; and the kinds of weights there are.

In: a model. Out: its weights as hidden matrices, output head, and the rest (embeddings, positions, norms, biases), and
the factor of each one's rate. The rule is the column "Adam LR" of table 3 in Yang et al. 2022 (Tensor Programs V):
hidden matrices and the output head learn at a rate that falls as 1 / width, embeddings and vectors at one that does
not depend on the width. `train.lr_base_width` is the width at which the rates were tuned; ffn must grow with the width.
A tied table is both embedding and head: it is scaled as the head, whose updates would grow with the width otherwise.

The table's other columns are not a rate's: for its initial weights set `model.initial_deviation` to fall as
1 / sqrt(width). Attention keeps 1 / sqrt(head width), which does no harm where heads are added, not widened.
"""

from dataclasses import dataclass
from typing import Literal

from torch import nn

from lab.params import TrainParams


@dataclass(frozen=True)
class Part:
    """A weight, what it is in the network, and the width of that network."""

    weight: nn.Parameter
    kind: Literal["hidden", "head", "rest"]
    width: int


def parts(model: nn.Module) -> list[Part]:
    """The trainable weights of a model, in its own order, a tied one once.

    Hidden are the matrices of linear layers but the last, which is named `head`; all else of a model is "rest".
    """
    heads = {id(weight) for name, weight in model.named_parameters(remove_duplicate=False) if name == "head.weight"}
    linear = {id(module.weight) for module in model.modules() if isinstance(module, nn.Linear)}
    width = next((weight.shape[1] for weight in model.parameters() if id(weight) in heads), 0)

    def kind(weight: nn.Parameter) -> Literal["hidden", "head", "rest"]:
        return "head" if id(weight) in heads else "hidden" if id(weight) in linear else "rest"

    return [Part(weight, kind(weight), width) for weight in model.parameters() if weight.requires_grad]


def scale(part: Part, params: TrainParams) -> float:
    """What AdamW's learning rate of this weight is multiplied by."""
    if params.lr_scaling == "none" or part.kind == "rest":
        return 1.0
    return params.lr_base_width / part.width
