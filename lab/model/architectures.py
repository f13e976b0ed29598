"""Our models in Hugging Face's words: config.json and the names and layouts of weights, for GPT-2 and Llama.

In: a ModelConfig, or a config.json. Out: the other, and for each weight of ours the ones of theirs that hold it.
Definitions: transformers' GPT2LMHeadModel (whose Conv1D stores matrices transposed) and LlamaForCausalLM. What fits
neither has a layout of its own, our names and fields as they are, that transformers does not know.
"""

from collections.abc import Callable
from dataclasses import dataclass

from lab.errors import InputError, ParameterError
from lab.model.config import ModelConfig, RopeScaling

OWN = "pretraining-lab"  # model_type of the layout of our own


@dataclass(frozen=True)
class Weight:
    """One weight of ours, and those of theirs whose rows, one below the other, make it."""

    ours: str | None  # None: theirs has it, ours is without (a bias that is zero)
    theirs: tuple[str, ...]
    rows: tuple[int, ...] = ()  # of each of theirs, where there are several; or the size of a missing one
    transposed: bool = False


@dataclass(frozen=True)
class Architecture:
    """A layout on disk. `misfit` names the first field that it has no room for, None where a model fits."""

    model_type: str
    class_name: str
    misfit: Callable[[ModelConfig], str | None]
    describe: Callable[[ModelConfig], dict]  # -> config.json
    understand: Callable[[dict], ModelConfig]  # config.json ->
    weights: Callable[[ModelConfig], list[Weight]]


def architecture_of(config: ModelConfig, *, mixed: bool = False) -> Architecture:
    """The layout that a model fits into; with `mixed`, our own where it fits none.

    Raises ParameterError, naming the fields that do not fit, where there is none.
    """
    misfits = {known.class_name: known.misfit(config) for known in (GPT2, LLAMA)}
    for known in (GPT2, LLAMA):
        if misfits[known.class_name] is None:
            return known
    if mixed:
        return OURS
    reasons = "; ".join(f"{name} has no {field}" for name, field in misfits.items())
    raise ParameterError(f"this model is none that transformers knows: {reasons}. Change one of these.")


def architecture_named(model_type: str, path: object) -> Architecture:
    """The layout of a config.json's model_type. InputError, naming the file, where we can't read it."""
    for known in (GPT2, LLAMA, OURS):
        if known.model_type == model_type:
            return known
    raise InputError(f"{path}: model_type '{model_type}' is not one of gpt2, llama and {OWN}, which are all we read.")


# GPT-2.

_GPT2_ACTIVATIONS = {"gelu": "gelu_new", "relu": "relu"}


def _gpt2_misfit(config: ModelConfig) -> str | None:
    wanted = {"norm": "layernorm", "norm_placement": "pre", "position": "learned", "kv_heads": config.heads}
    return _first_misfit(config, wanted | {"activation": tuple(_GPT2_ACTIVATIONS)})


def _gpt2_describe(config: ModelConfig) -> dict:
    return {
        "n_layer": config.layers,
        "n_embd": config.width,
        "n_head": config.heads,
        "n_inner": config.ffn,
        "n_positions": config.context,
        "n_ctx": config.context,
        "vocab_size": config.vocabulary,
        "activation_function": _GPT2_ACTIVATIONS[config.activation],
        "layer_norm_epsilon": config.norm_epsilon,
        "attn_pdrop": config.dropout,
        "embd_pdrop": config.dropout,
        "resid_pdrop": config.dropout,
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
        tied_embeddings=values.get("tie_word_embeddings", True),
    )


def _gpt2_weights(config: ModelConfig) -> list[Weight]:
    found = [Weight("embedding.weight", ("transformer.wte.weight",))]
    found.append(Weight("positions.weight", ("transformer.wpe.weight",)))
    sizes = {"qkv": 3 * config.width, "out": config.width, "up": config.ffn, "norm": config.width}

    def add(ours: str, theirs: str, size: int, transposed: bool) -> None:
        found.append(Weight(f"{ours}.weight", (f"{theirs}.weight",), transposed=transposed))
        found.append(Weight(f"{ours}.bias" if config.bias else None, (f"{theirs}.bias",), rows=(size,)))

    for layer in range(config.layers):
        ours, theirs = f"blocks.{layer}", f"transformer.h.{layer}"
        add(f"{ours}.attention_norm", f"{theirs}.ln_1", sizes["norm"], False)
        add(f"{ours}.attention.qkv", f"{theirs}.attn.c_attn", sizes["qkv"], True)
        add(f"{ours}.attention.out", f"{theirs}.attn.c_proj", sizes["out"], True)
        add(f"{ours}.feedforward_norm", f"{theirs}.ln_2", sizes["norm"], False)
        add(f"{ours}.feedforward.up", f"{theirs}.mlp.c_fc", sizes["up"], True)
        add(f"{ours}.feedforward.out", f"{theirs}.mlp.c_proj", sizes["out"], True)
    add("norm", "transformer.ln_f", sizes["norm"], False)
    if not config.tied_embeddings:
        found.append(Weight("head.weight", ("lm_head.weight",)))
    return found


# Llama.


def _llama_misfit(config: ModelConfig) -> str | None:
    return _first_misfit(
        config, {"norm": "rmsnorm", "norm_placement": "pre", "position": "rope", "activation": "swiglu"}
    )


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
        and {
            "rope_type": "llama3",
            "factor": scaling.factor,
            "low_freq_factor": scaling.low_frequency_factor,
            "high_freq_factor": scaling.high_frequency_factor,
            "original_max_position_embeddings": scaling.original_context,
        },
        "attention_bias": config.bias,
        "mlp_bias": config.bias,
        "attention_dropout": config.dropout,
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
        scaling = RopeScaling(
            factor=rope["factor"],
            low_frequency_factor=rope["low_freq_factor"],
            high_frequency_factor=rope["high_freq_factor"],
            original_context=rope["original_max_position_embeddings"],
        )
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
        tied_embeddings=values.get("tie_word_embeddings", False),
    )


def _llama_weights(config: ModelConfig) -> list[Weight]:
    found = [Weight("embedding.weight", ("model.embed_tokens.weight",))]
    kinds = ("weight", "bias") if config.bias else ("weight",)
    queries, keys = config.width, config.kv_heads * config.head_width
    for layer in range(config.layers):
        ours, theirs = f"blocks.{layer}", f"model.layers.{layer}"
        attention, mlp = f"{theirs}.self_attn", f"{theirs}.mlp"
        found.append(Weight(f"{ours}.attention_norm.weight", (f"{theirs}.input_layernorm.weight",)))
        found.append(Weight(f"{ours}.feedforward_norm.weight", (f"{theirs}.post_attention_layernorm.weight",)))
        for kind in kinds:
            qkv = tuple(f"{attention}.{name}_proj.{kind}" for name in "qkv")
            found.append(Weight(f"{ours}.attention.qkv.{kind}", qkv, rows=(queries, keys, keys)))
            found.append(Weight(f"{ours}.attention.out.{kind}", (f"{attention}.o_proj.{kind}",)))
            for name, their_name in (("gate", "gate"), ("up", "up"), ("out", "down")):
                found.append(Weight(f"{ours}.feedforward.{name}.{kind}", (f"{mlp}.{their_name}_proj.{kind}",)))
    found.append(Weight("norm.weight", ("model.norm.weight",)))
    if not config.tied_embeddings:
        found.append(Weight("head.weight", ("lm_head.weight",)))
    return found


# Our own.


def _own_weights(config: ModelConfig) -> list[Weight]:
    import torch

    from lab.model.transformer import Transformer

    with torch.device("meta"):
        return [Weight(name, (name,)) for name, _ in Transformer(config).named_parameters()]


def _first_misfit(config: ModelConfig, wanted: dict) -> str | None:
    for field, value in wanted.items():
        found = getattr(config, field)
        if found not in (value if isinstance(value, tuple) else (value,)):
            return f"model.{field} {found!r}"
    return None


def _refuse(values: dict, field: str, allowed: tuple, default: object) -> None:
    if values.get(field, default) not in allowed:
        shown = " or ".join(repr(value) for value in allowed)
        raise InputError(f"'{field}' is {values[field]!r}, and we have {shown} only")


GPT2 = Architecture("gpt2", "GPT2LMHeadModel", _gpt2_misfit, _gpt2_describe, _gpt2_understand, _gpt2_weights)
LLAMA = Architecture("llama", "LlamaForCausalLM", _llama_misfit, _llama_describe, _llama_understand, _llama_weights)
OURS = Architecture(OWN, "Transformer", lambda config: None, ModelConfig.as_dict, ModelConfig.from_dict, _own_weights)
