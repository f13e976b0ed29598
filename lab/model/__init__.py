"""Decoder-only transformers: GPT-2, Llama 3, the transformer of 2017, and what lies between them."""

from lab.model.config import ModelConfig
from lab.model.presets import PRESETS
from lab.model.transformer import Transformer

__all__ = ["PRESETS", "ModelConfig", "Transformer"]
