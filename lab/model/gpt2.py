"""GPT-2 as Hugging Face keeps it: config.json and weights of transformers' GPT2LMHeadModel.

Its matrices are transposed (Conv1D). A model of ours without biases becomes one whose biases are zero.
"""

from lab.model.config import ModelConfig
from lab.model.layout import Layout, Weight, first_misfit, refuse

ACTIVATIONS = {"gelu": "gelu_new", "relu": "relu"}


def _misfit(config: ModelConfig) -> str | None:
    allowed = {"norm": "layernorm", "norm_placement": "pre", "position": "learned", "kv_heads": config.heads}
    return first_misfit(config, allowed | {"activation": tuple(ACTIVATIONS)})


def _describe(config: ModelConfig) -> dict:
    return {
        "n_layer": config.layers,
        "n_embd": config.width,
        "n_head": config.heads,
        "n_inner": config.ffn,
        "n_positions": config.context,
        "n_ctx": config.context,
        "vocab_size": config.vocabulary,
        "activation_function": ACTIVATIONS[config.activation],
        "layer_norm_epsilon": config.norm_epsilon,
        "attn_pdrop": config.dropout,
        "embd_pdrop": config.dropout,
        "resid_pdrop": config.dropout,
        "initializer_range": config.initial_deviation,
        "tie_word_embeddings": config.tied_embeddings,
    }


def _understand(values: dict) -> ModelConfig:
    activations = {"gelu_new": "gelu", "gelu_pytorch_tanh": "gelu", "relu": "relu"}
    refuse(values, "scale_attn_weights", (True,), True)
    for field in ("scale_attn_by_inverse_layer_idx", "reorder_and_upcast_attn", "add_cross_attention"):
        refuse(values, field, (False,), False)
    refuse(values, "activation_function", tuple(activations), "gelu_new")
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


def _weights(config: ModelConfig) -> list[Weight]:
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


GPT2 = Layout("gpt2", "GPT2LMHeadModel", _misfit, _describe, _understand, _weights)
