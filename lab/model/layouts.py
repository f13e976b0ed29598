"""How models are kept in folders: the fields of config.json, and which tensors there hold which of ours.

transformers' GPT2LMHeadModel has transposed matrices (Conv1D), and biases, which are zero where a model of ours has
none. Its LlamaForCausalLM has queries, keys and values, one matrix here, as three.
"""

from collections.abc import Callable
from dataclasses import dataclass

from lab.errors import InputError
from lab.model.config import ModelConfig, RopeScaling


@dataclass(frozen=True)
class Weight:
    """One of our tensors, and the Hugging Face tensors that are concatenated by rows to make it."""

    ours: str | None  # None: only theirs has it (a bias that is zero)
    theirs: tuple[str, ...]
    rows: tuple[int, ...] = ()  # of each of theirs, where there are several; or the size of a missing bias
    transposed: bool = False


@dataclass(frozen=True)
class Layout:
    """One way to keep a model. `misfit` names the first field that it can't hold; None where a model fits."""

    model_type: str
    class_name: str
    misfit: Callable[[ModelConfig], str | None]
    describe: Callable[[ModelConfig], dict]  # -> config.json
    understand: Callable[[dict], ModelConfig]  # config.json ->; raises KeyError, InputError or ParameterError
    weights: Callable[[ModelConfig], list[Weight]]


def _first_misfit(config: ModelConfig, allowed: dict) -> str | None:
    """The first field whose value is not the allowed one, or one of a tuple of them, and its value."""
    for field, values in allowed.items():
        value = getattr(config, field)
        if value not in (values if isinstance(values, tuple) else (values,)):
            return f"model.{field} {value!r}"
    return None


def _refuse(values: dict, field: str, allowed: tuple, default: object) -> None:
    """Raise InputError where a field of a config.json has a value that our model does not support."""
    if values.get(field, default) not in allowed:
        supported = " or ".join(repr(value) for value in allowed)
        raise InputError(f"'{field}' is {values[field]!r}, and only {supported} is supported")


GPT2_ACTIVATIONS = {"gelu": "gelu_new", "relu": "relu"}


def _gpt2_misfit(config: ModelConfig) -> str | None:
    allowed = {"norm": "layernorm", "norm_placement": "pre", "position": "learned", "kv_heads": config.heads}
    return _first_misfit(config, allowed | {"activation": tuple(GPT2_ACTIVATIONS)})


def _gpt2_describe(config: ModelConfig) -> dict:
    return {
        "n_layer": config.layers,
        "n_embd": config.width,
        "n_head": config.heads,
        "n_inner": config.ffn,
        "n_positions": config.context,
        "n_ctx": config.context,
        "vocab_size": config.vocabulary,
        "activation_function": GPT2_ACTIVATIONS[config.activation],
        "layer_norm_epsilon": config.norm_epsilon,
        "attn_pdrop": config.dropout,
        "embd_pdrop": config.dropout,
        "resid_pdrop": config.dropout,
        "initializer_range": config.initial_deviation,
        "tie_word_embeddings": config.tied_embeddings,
    }


def _gpt2_understand(values: dict) -> ModelConfig:
    activations = {"gelu_new": "gelu", "gelu_pytorch_tanh": "gelu", "relu": "relu"}
    _refuse(values, "scale_attn_weights", (True,), True)
    for field in ("scale_attn_by_inverse_layer_idx", "reorder_and_upcast_attn", "add_cross_attention"):
        _refuse(values, field, (False,), False)
    _refuse(values, "activation_function", tuple(activations), "gelu_new")
    width, heads = values["n_embd"], values["n_head"]
    return ModelConfig(
        layers=values["n_layer"],
        width=width,
        heads=heads,
        kv_heads=heads,
        ffn=values.get("n_inner") or 4 * width,
        vocabulary=values["vocab_size"],
        context=values["n_positions"],
        norm="layernorm",
        norm_epsilon=values.get("layer_norm_epsilon", 1e-5),
        position="learned",
        activation=activations[values.get("activation_function", "gelu_new")],
        bias=True,
        initial_deviation=values.get("initializer_range", 0.02),
        tied_embeddings=values.get("tie_word_embeddings", True),
    )


def _gpt2_weights(config: ModelConfig) -> list[Weight]:
    width = config.width
    weights = [
        Weight("embedding.weight", ("transformer.wte.weight",)),
        Weight("positions.weight", ("transformer.wpe.weight",)),
    ]

    def add(ours: str, theirs: str, size: int, transposed: bool) -> None:
        weights.append(Weight(f"{ours}.weight", (f"{theirs}.weight",), transposed=transposed))
        weights.append(Weight(f"{ours}.bias" if config.bias else None, (f"{theirs}.bias",), rows=(size,)))

    for layer in range(config.layers):
        ours, theirs = f"blocks.{layer}", f"transformer.h.{layer}"
        add(f"{ours}.attention_norm", f"{theirs}.ln_1", width, False)
        add(f"{ours}.attention.qkv", f"{theirs}.attn.c_attn", 3 * width, True)
        add(f"{ours}.attention.out", f"{theirs}.attn.c_proj", width, True)
        add(f"{ours}.feedforward_norm", f"{theirs}.ln_2", width, False)
        add(f"{ours}.feedforward.up", f"{theirs}.mlp.c_fc", config.ffn, True)
        add(f"{ours}.feedforward.out", f"{theirs}.mlp.c_proj", width, True)
    add("norm", "transformer.ln_f", width, False)
    if not config.tied_embeddings:
        weights.append(Weight("head.weight", ("lm_head.weight",)))
    return weights


GPT2 = Layout("gpt2", "GPT2LMHeadModel", _gpt2_misfit, _gpt2_describe, _gpt2_understand, _gpt2_weights)


LLAMA_SCALING = {
    "factor": "factor",
    "low_freq_factor": "low_frequency_factor",
    "high_freq_factor": "high_frequency_factor",
    "original_max_position_embeddings": "original_context",
}


def _llama_misfit(config: ModelConfig) -> str | None:
    allowed = {"norm": "rmsnorm", "norm_placement": "pre", "position": "rope", "activation": "swiglu"}
    return _first_misfit(config, allowed)


def _llama_describe(config: ModelConfig) -> dict:
    scaling = config.rope_scaling
    return {
        "num_hidden_layers": config.layers,
        "hidden_size": config.width,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_width,
        "intermediate_size": config.ffn,
        "max_position_embeddings": config.context,
        "vocab_size": config.vocabulary,
        "hidden_act": "silu",
        "rms_norm_eps": config.norm_epsilon,
        "rope_theta": config.rope_theta,
        "rope_scaling": scaling
        and {"rope_type": "llama3"} | {theirs: getattr(scaling, ours) for theirs, ours in LLAMA_SCALING.items()},
        "attention_bias": config.bias,
        "mlp_bias": config.bias,
        "attention_dropout": config.dropout,
        "initializer_range": config.initial_deviation,
        "tie_word_embeddings": config.tied_embeddings,
    }


def _llama_understand(values: dict) -> ModelConfig:
    width, heads = values["hidden_size"], values["num_attention_heads"]
    _refuse(values, "hidden_act", ("silu",), "silu")
    _refuse(values, "head_dim", (width // heads, None), None)
    bias = values.get("attention_bias", False)
    _refuse(values, "mlp_bias", (bias,), False)
    # Until transformers 5: rope_theta and rope_scaling; since: both in rope_parameters.
    rope = values.get("rope_parameters") or values.get("rope_scaling") or {}
    kind = {"rope_type": rope.get("rope_type", rope.get("type", "default"))}
    _refuse(kind, "rope_type", ("default", "llama3"), "default")
    scaling = None
    if kind["rope_type"] == "llama3":
        scaling = RopeScaling(**{ours: rope[theirs] for theirs, ours in LLAMA_SCALING.items()})
    return ModelConfig(
        layers=values["num_hidden_layers"],
        width=width,
        heads=heads,
        kv_heads=values.get("num_key_value_heads") or heads,
        ffn=values["intermediate_size"],
        vocabulary=values["vocab_size"],
        context=values["max_position_embeddings"],
        norm_epsilon=values.get("rms_norm_eps", 1e-6),
        rope_theta=float(rope.get("rope_theta", values.get("rope_theta", 10_000.0))),
        rope_scaling=scaling,
        bias=bias,
        initial_deviation=values.get("initializer_range", 0.02),
        tied_embeddings=values.get("tie_word_embeddings", False),
    )


def _llama_weights(config: ModelConfig) -> list[Weight]:
    weights = [Weight("embedding.weight", ("model.embed_tokens.weight",))]
    kinds = ("weight", "bias") if config.bias else ("weight",)
    queries, keys = config.width, config.kv_heads * config.head_width
    for layer in range(config.layers):
        ours, theirs = f"blocks.{layer}", f"model.layers.{layer}"
        attention, mlp = f"{theirs}.self_attn", f"{theirs}.mlp"
        weights.append(Weight(f"{ours}.attention_norm.weight", (f"{theirs}.input_layernorm.weight",)))
        weights.append(Weight(f"{ours}.feedforward_norm.weight", (f"{theirs}.post_attention_layernorm.weight",)))
        for kind in kinds:
            qkv = tuple(f"{attention}.{name}_proj.{kind}" for name in "qkv")
            weights.append(Weight(f"{ours}.attention.qkv.{kind}", qkv, rows=(queries, keys, keys)))
            weights.append(Weight(f"{ours}.attention.out.{kind}", (f"{attention}.o_proj.{kind}",)))
            for name, their in (("gate", "gate"), ("up", "up"), ("out", "down")):
                weights.append(Weight(f"{ours}.feedforward.{name}.{kind}", (f"{mlp}.{their}_proj.{kind}",)))
    weights.append(Weight("norm.weight", ("model.norm.weight",)))
    if not config.tied_embeddings:
        weights.append(Weight("head.weight", ("lm_head.weight",)))
    return weights


LLAMA = Layout("llama", "LlamaForCausalLM", _llama_misfit, _llama_describe, _llama_understand, _llama_weights)
