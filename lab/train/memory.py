"""The memory that training needs: for weights, and per token for the activations of the backward pass.

In: a model's configuration and the bytes of a number in its products. Out: bytes per token and layer, with or without
activation checkpointing, which keeps a block's input only; or an error for a model whose weights alone do not fit. An
estimate from the blocks of lab.model.transformer: what each operation saves for its gradient, attention without its
scores, as in its fused kernels, but on CPUs with the weights that lab.model.attention keeps there. Korthikanti et al.
2022, section 4.1, count the same for GPT.
"""

from lab.errors import LabError
from lab.machine import memory
from lab.model.attention import attention_weight_bytes
from lab.model.config import ModelConfig

STREAM = 4  # bytes of a number in the residual stream, which stays float32
WEIGHT = 4  # bytes of a weight; its gradient takes as many, and each moment of an optimiser
GIBIBYTE = 1 << 30


def check_weights_fit(config: ModelConfig, moments: int, *, on_cpu: bool) -> None:
    """LabError where this machine can't hold the whole model, where the system would kill the run.

    A model is made on the CPU first, weights alone; trained there, it also needs its gradient and `moments` of the
    optimiser.
    """
    needed, available = WEIGHT * config.parameters() * (2 + moments if on_cpu else 1), memory()
    if available is not None and needed > available:
        what = "weights, gradients and optimiser state" if on_cpu else "weights"
        raise LabError(
            f"model: {what} of {config.parameters():,} parameters take {needed / GIBIBYTE:,.0f} GiB, and this machine "
            f"has {available / GIBIBYTE:,.0f} GiB of memory. Choose a smaller model.preset, lower model.layers or "
            "model.width, or set train.strategy to fsdp on several devices."
        )


def activation_bytes(config: ModelConfig, number_bytes: int, *, checkpointing: bool, on_cpu: bool = False) -> int:
    """Bytes per token and layer; `number_bytes`: of a number in matrix products, 2 for bfloat16.

    >>> llama = ModelConfig.preset("llama3-8b")
    >>> activation_bytes(llama, 2, checkpointing=False) // activation_bytes(llama, 2, checkpointing=True)
    11
    """
    if checkpointing:
        return STREAM * config.width
    keys_and_values = 2 * config.kv_heads * config.head_width
    # Inputs of both norms; their outputs, in the type of the products.
    around = 2 * config.width * (STREAM + number_bytes)
    # Queries, keys, values, and the mixed values, twice: once laid out for the output product.
    attention = (3 * config.width + keys_and_values) * number_bytes
    if on_cpu:
        attention += attention_weight_bytes(config.heads, config.context, number_bytes)
    # Up and its activation; of SwiGLU gate, its activation, up and their product.
    feedforward = (4 if config.activation == "swiglu" else 2) * config.ffn * number_bytes
    return around + attention + feedforward
