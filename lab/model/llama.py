"""Llama as Hugging Face keeps it: config.json and weights of transformers' LlamaForCausalLM.

Queries, keys and values, one matrix here, are three there.
"""

from lab.model.config import ModelConfig, RopeScaling
from lab.model.layout import Layout, Weight, first_misfit, refuse


def _misfit(config: ModelConfig) -> str | None:
    return first_misfit(
        config, {"norm": "rmsnorm", "norm_placement": "pre", "position": "rope", "activation": "swiglu"}
    )


def _describe(config: ModelConfig) -> dict:
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
        "initializer_range": config.initial_deviation,
        "tie_word_embeddings": config.tied_embeddings,
    }


def _understand(values: dict) -> ModelConfig:
    width, heads = values["hidden_size"], values["num_attention_heads"]
    refuse(values, "hidden_act", ("silu",), "silu")
    refuse(values, "head_dim", (width // heads, None), None)
    bias = values.get("attention_bias", False)
    refuse(values, "mlp_bias", (bias,), False)
    # Until transformers 5: rope_theta and rope_scaling; since: both in rope_parameters.
    rope = values.get("rope_parameters") or values.get("rope_scaling") or {}
    kind = {"rope_type": rope.get("rope_type", rope.get("type", "default"))}
    refuse(kind, "rope_type", ("default", "llama3"), "default")
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
        initial_deviation=values.get("initializer_range", 0.02),
        tied_embeddings=values.get("tie_word_embeddings", False),
    )


def _weights(config: ModelConfig) -> list[Weight]:
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
            for name, their_name in (("gate", "gate"), ("up", "up"), ("out", "down")):
                weights.append(Weight(f"{ours}.feedforward.{name}.{kind}", (f"{mlp}.{their_name}_proj.{kind}",)))
    weights.append(Weight("norm.weight", ("model.norm.weight",)))
    if not config.tied_embeddings:
        weights.append(Weight("head.weight", ("lm_head.weight",)))
    return weights


LLAMA = Layout("llama", "LlamaForCausalLM", _misfit, _describe, _understand, _weights)
