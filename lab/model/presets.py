"""Published models by name: the fields that differ from ModelConfig's defaults, which are Llama 3's choices.

Sources: GPT-2, Radford et al. 2019 (table 2) and OpenAI's checkpoints; Llama 3, Grattafiori et al. 2024 (table 3);
Llama 3.1's and 3.2's RoPE scaling, the published config.json; 2017, Vaswani et al. 2017 (base model, as a decoder).
FineWeb's ablation model is described as Llama-style, context 2048, GPT-2 tokenizer, 1.71B parameters, 1.82B with
embeddings (Penedo et al. 2024, section 3.1), which these sizes give. The sample's model is ours: small enough to train
in minutes on two cores, with initial weights for its width, sqrt(2 / (5 width)) (Nguyen and Salazar 2019).
"""


def _sized(layers: int, width: int, heads: int, kv_heads: int, ffn: int, vocabulary: int, context: int) -> dict:
    sizes = {"layers": layers, "width": width, "heads": heads, "kv_heads": kv_heads, "ffn": ffn}
    return sizes | {"vocabulary": vocabulary, "context": context}


def _llama31(factor: float) -> dict:
    scaling = {"low_frequency_factor": 1.0, "high_frequency_factor": 4.0, "original_context": 8192, "factor": factor}
    return _LLAMA3 | {"rope_scaling": scaling}


_TIED = {"tied_embeddings": True}
_GPT2 = {"norm": "layernorm", "position": "learned", "activation": "gelu", "bias": True} | _TIED
_2017 = {"norm": "layernorm", "norm_placement": "post", "position": "sinusoidal", "activation": "relu", "bias": True}
_LLAMA3 = {"rope_theta": 500_000.0}

PRESETS: dict[str, dict] = {
    # layers, width, heads, kv_heads, ffn, vocabulary, context
    "sample": _sized(4, 192, 4, 2, 448, 4096, 256) | {"initial_deviation": 0.045},
    "gpt2": _sized(12, 768, 12, 12, 3072, 50257, 1024) | _GPT2,
    "gpt2-medium": _sized(24, 1024, 16, 16, 4096, 50257, 1024) | _GPT2,
    "gpt2-large": _sized(36, 1280, 20, 20, 5120, 50257, 1024) | _GPT2,
    "gpt2-xl": _sized(48, 1600, 25, 25, 6400, 50257, 1024) | _GPT2,
    "llama3-8b": _sized(32, 4096, 32, 8, 14336, 128256, 8192) | _LLAMA3,
    "llama3-70b": _sized(80, 8192, 64, 8, 28672, 128256, 8192) | _LLAMA3,
    "llama3-405b": _sized(126, 16384, 128, 8, 53248, 128256, 8192) | _LLAMA3,
    "llama3.1-8b": _sized(32, 4096, 32, 8, 14336, 128256, 131072) | _llama31(8.0),
    "llama3.2-1b": _sized(16, 2048, 32, 8, 8192, 128256, 131072) | _llama31(32.0) | _TIED,
    "fineweb-ablation": _sized(24, 2048, 32, 32, 8192, 50272, 2048),
    "transformer-2017": _sized(6, 512, 8, 8, 2048, 37000, 512) | _2017 | _TIED | {"dropout": 0.1},
}
