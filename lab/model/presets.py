"""Published models by name: the fields that differ from ModelConfig's defaults, which are Llama 3's choices.

Sources: GPT-2, Radford et al. 2019 (table 2) and OpenAI's checkpoints; Llama 3, Grattafiori et al. 2024 (table 3);
Llama 3.1's and 3.2's RoPE scaling, the published config.json; 2017, Vaswani et al. 2017 (base model, as a decoder).
FineWeb's ablation model is described as Llama-style, context 2048, GPT-2 tokenizer, 1.71B parameters, 1.82B with
embeddings (Penedo et al. 2024, section 3.1): 24 layers of width 2048 with full attention, a feed-forward width of 8192
and GPT-2's vocabulary in 50,272 untied rows have 1,713,670,144 without the input embedding and 1,816,627,200 with it.
The sample's model is ours: small enough to train in minutes on two cores, with initial weights for its width,
sqrt(2 / (5 width)) (Nguyen and Salazar 2019); GPT-2's 0.02 suits a width of 1,000.
"""

_GPT2 = {
    "vocabulary": 50257,
    "context": 1024,
    "norm": "layernorm",
    "position": "learned",
    "activation": "gelu",
    "bias": True,
    "tied_embeddings": True,
}
_LLAMA3 = {"vocabulary": 128256, "context": 8192, "kv_heads": 8, "rope_theta": 500_000.0}
_LLAMA31 = {"low_frequency_factor": 1.0, "high_frequency_factor": 4.0, "original_context": 8192}

PRESETS: dict[str, dict] = {
    "sample": {
        "layers": 4,
        "width": 192,
        "heads": 4,
        "kv_heads": 2,
        "ffn": 448,
        "vocabulary": 4096,
        "context": 256,
        "initial_deviation": 0.045,
    },
    "gpt2": {**_GPT2, "layers": 12, "width": 768, "heads": 12, "kv_heads": 12, "ffn": 3072},
    "gpt2-medium": {**_GPT2, "layers": 24, "width": 1024, "heads": 16, "kv_heads": 16, "ffn": 4096},
    "gpt2-large": {**_GPT2, "layers": 36, "width": 1280, "heads": 20, "kv_heads": 20, "ffn": 5120},
    "gpt2-xl": {**_GPT2, "layers": 48, "width": 1600, "heads": 25, "kv_heads": 25, "ffn": 6400},
    "llama3-8b": {**_LLAMA3, "layers": 32, "width": 4096, "heads": 32, "ffn": 14336},
    "llama3-70b": {**_LLAMA3, "layers": 80, "width": 8192, "heads": 64, "ffn": 28672},
    "llama3-405b": {**_LLAMA3, "layers": 126, "width": 16384, "heads": 128, "ffn": 53248},
    "llama3.1-8b": {
        **_LLAMA3,
        "layers": 32,
        "width": 4096,
        "heads": 32,
        "ffn": 14336,
        "context": 131072,
        "rope_scaling": {**_LLAMA31, "factor": 8.0},
    },
    "llama3.2-1b": {
        **_LLAMA3,
        "layers": 16,
        "width": 2048,
        "heads": 32,
        "ffn": 8192,
        "context": 131072,
        "tied_embeddings": True,
        "rope_scaling": {**_LLAMA31, "factor": 32.0},
    },
    "fineweb-ablation": {
        "layers": 24,
        "width": 2048,
        "heads": 32,
        "kv_heads": 32,
        "ffn": 8192,
        "vocabulary": 50272,
        "context": 2048,
        "rope_theta": 10_000.0,
    },
    "transformer-2017": {
        "layers": 6,
        "width": 512,
        "heads": 8,
        "kv_heads": 8,
        "ffn": 2048,
        "vocabulary": 37000,
        "context": 512,
        "norm": "layernorm",
        "norm_placement": "post",
        "position": "sinusoidal",
        "activation": "relu",
        "bias": True,
        "tied_embeddings": True,
        "dropout": 0.1,
    },
}
