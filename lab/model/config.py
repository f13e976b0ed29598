"""A model's configuration: every choice of its architecture, and what follows from it (parameters, FLOPs).

In: the section `model` of params.yaml, or a dict. Out: a checked ModelConfig, from which lab.model.transformer builds.
"""

from dataclasses import asdict, dataclass, fields
from typing import Literal, get_args, get_origin

from lab.errors import InputError, ParameterError, did_you_mean
from lab.model.presets import PRESETS
from lab.params import Activation, ModelParams, Norm, NormPlacement, Position


@dataclass(frozen=True)
class RopeScaling:
    """Llama 3.1's RoPE for longer texts: low frequencies are divided by `factor`, high ones kept, others blended."""

    factor: float
    low_frequency_factor: float
    high_frequency_factor: float
    original_context: int  # tokens


@dataclass(frozen=True)
class ModelConfig:
    """A decoder-only transformer. Raises ParameterError for choices that can't be combined."""

    layers: int
    width: int
    heads: int
    kv_heads: int  # fewer than heads: grouped-query attention (Ainslie et al. 2023)
    ffn: int  # width of the feed-forward layer
    vocabulary: int  # tokens
    context: int  # tokens
    norm: Norm = "rmsnorm"
    norm_placement: NormPlacement = "pre"
    norm_epsilon: float = 1e-5
    position: Position = "rope"
    rope_theta: float = 10_000.0
    rope_scaling: RopeScaling | None = None
    activation: Activation = "swiglu"
    bias: bool = False  # of linear layers and of LayerNorm
    tied_embeddings: bool = False  # the output head is the input embedding
    dropout: float = 0.0
    initial_deviation: float = 0.02  # of weights before training

    def __post_init__(self) -> None:
        for field in fields(self):
            allowed, value = get_args(field.type), getattr(self, field.name)
            if get_origin(field.type) is Literal and value not in allowed:
                raise ParameterError(f"model.{field.name}: {value!r} is none of: {', '.join(allowed)}.")
        if self.width % self.heads:
            raise ParameterError(
                f"model.heads: {self.heads} heads do not divide a width of {self.width}. Set model.heads to one of "
                f"{_divisors(self.width)}, or model.width to a multiple of {self.heads}."
            )
        if self.heads % self.kv_heads:
            raise ParameterError(
                f"model.kv_heads: {self.kv_heads} key-value heads do not divide {self.heads} heads. Set model.kv_heads "
                f"to one of {_divisors(self.heads)}."
            )
        if self.position == "rope" and self.head_width % 2:
            raise ParameterError(
                f"model.position: rope rotates pairs of numbers, so a head's width must be even, but {self.width} / "
                f"{self.heads} = {self.head_width}. Change model.width or model.heads."
            )
        if self.position == "sinusoidal" and self.width % 2:
            raise ParameterError(f"model.width: {self.width} is odd, and sinusoidal positions are pairs of numbers.")

    @classmethod
    def preset(cls, name: str) -> "ModelConfig":
        """A model by its name in lab.model.presets. ParameterError, with the nearest names, for an unknown one."""
        if name not in PRESETS:
            raise ParameterError(
                f"model.preset: there is no '{name}'; {did_you_mean(name, PRESETS)}known: {', '.join(PRESETS)}."
            )
        return cls.from_dict(PRESETS[name])

    @classmethod
    def from_params(cls, params: ModelParams, vocabulary: int) -> "ModelConfig":
        """The preset with the fields that the section `model` sets, and the tokenizer's vocabulary."""
        base = cls.preset(params.preset).as_dict()
        chosen = params.model_dump(exclude={"preset"}, exclude_none=True)
        return cls.from_dict(base | chosen | {"vocabulary": vocabulary})

    @classmethod
    def from_dict(cls, values: dict) -> "ModelConfig":
        """From the dict of `as_dict`; other keys are ignored. InputError where a field is missing."""
        values = {field.name: values[field.name] for field in fields(cls) if field.name in values}
        if isinstance(values.get("rope_scaling"), dict):
            values["rope_scaling"] = RopeScaling(**values["rope_scaling"])
        try:
            return cls(**values)
        except TypeError as error:
            raise InputError(f"this is not the description of a model: {error}.") from None

    as_dict = asdict  # plain values, for JSON

    @property
    def head_width(self) -> int:
        return self.width // self.heads

    def parameters(self) -> int:
        """Exact number of weights; tied ones count once."""
        tables = self.vocabulary * self.width + (self.context * self.width if self.position == "learned" else 0)
        head = 0 if self.tied_embeddings else self.vocabulary * self.width
        final_norm = self._norm_parameters() if self.norm_placement == "pre" else 0
        return tables + head + final_norm + self.layers * self._block_parameters()

    def flops_per_token(self) -> int:
        """FLOPs to train on one token, forward and backward: 6 N + 12 layers width context.

        PaLM's definition (Chowdhery et al. 2022, appendix B): attention as if it were not causal, nothing recomputed.
        N counts weights in products, as Kaplan et al. 2020 do, and the output head, tied or not: logits are a product,
        looking up an embedding is not.
        """
        multiplied = self.layers * self._block_parameters() + self.vocabulary * self.width
        return 6 * multiplied + 12 * self.layers * self.width * self.context

    def _block_parameters(self) -> int:
        qkv_width = (self.heads + 2 * self.kv_heads) * self.head_width
        attention = self.width * qkv_width + self.width * self.width
        feedforward = self.width * self.ffn * (3 if self.activation == "swiglu" else 2)
        hidden = self.ffn * (2 if self.activation == "swiglu" else 1)
        biases = qkv_width + self.width + hidden + self.width if self.bias else 0
        return attention + feedforward + biases + 2 * self._norm_parameters()

    def _norm_parameters(self) -> int:
        return self.width * (2 if self.norm == "layernorm" and self.bias else 1)


def _divisors(number: int) -> str:
    return ", ".join(str(divisor) for divisor in range(1, number + 1) if number % divisor == 0)
