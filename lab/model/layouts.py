"""The layouts that models are kept in: Hugging Face's for GPT-2 and Llama, and one of our own for what fits neither.

In: a ModelConfig, or the model_type of a config.json. Out: its Layout.
"""

import torch

from lab.errors import InputError, ParameterError
from lab.model.config import ModelConfig
from lab.model.gpt2 import GPT2
from lab.model.layout import Layout, Weight
from lab.model.llama import LLAMA
from lab.model.transformer import Transformer


def _own_weights(config: ModelConfig) -> list[Weight]:
    with torch.device("meta"):
        return [Weight(name, (name,)) for name, _ in Transformer(config).named_parameters()]


# Our names and fields as they are, which transformers does not know.
OWN = Layout(
    "pretraining-lab", "Transformer", lambda config: None, ModelConfig.as_dict, ModelConfig.from_dict, _own_weights
)


def layout_of(config: ModelConfig, *, mixed: bool = False) -> Layout:
    """Hugging Face's layout that a model fits into; with `mixed`, our own where it fits none.

    Raises ParameterError, naming the fields that do not fit, where there is none.
    """
    misfits = [(layout, layout.misfit(config)) for layout in (GPT2, LLAMA)]
    for layout, misfit in misfits:
        if misfit is None:
            return layout
    if mixed:
        return OWN
    reasons = "; ".join(f"{layout.class_name} has no {misfit}" for layout, misfit in misfits)
    raise ParameterError(f"this model is none that transformers knows: {reasons}. Change one of these.")


def layout_named(model_type: str | None, path: object) -> Layout:
    """The layout of a config.json's model_type. InputError, naming the file, where we can't read it."""
    for layout in (GPT2, LLAMA, OWN):
        if layout.model_type == model_type:
            return layout
    raise InputError(
        f"{path}: model_type {model_type!r} is not one of gpt2, llama and {OWN.model_type}: we read these."
    )
