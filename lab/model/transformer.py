"""A decoder-only transformer that is GPT-2, Llama 3 or the transformer of 2017, by its configuration.

In: tokens [batch, time]. Out: logits [batch, time, vocabulary], or the mean loss of targets. It follows Vaswani et al.
2017 (attention, post-norm, sinusoidal positions), Radford et al. 2019 (GPT-2: pre-norm, learned positions, GELU,
initialisation), and Grattafiori et al. 2024 (Llama 3: RMSNorm, rotary positions, grouped queries, SwiGLU).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lab.errors import InputError
from lab.model.attention import attend
from lab.model.cache import Cache
from lab.model.config import ModelConfig
from lab.model.loss import linear_cross_entropy
from lab.model.packing import Documents, find_documents


def make_norm(config: ModelConfig) -> nn.Module:
    """LayerNorm (Ba et al. 2016) or RMSNorm (Zhang and Sennrich 2019) over the width."""
    if config.norm == "layernorm":
        return nn.LayerNorm(config.width, eps=config.norm_epsilon, bias=config.bias)
    return nn.RMSNorm(config.width, eps=config.norm_epsilon)


class LearnedPositions(nn.Module):
    """A learned vector per position, added to the token's (Radford et al. 2019)."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(config.context, config.width))

    def forward(self, x: Tensor, positions: slice | Tensor) -> Tensor:
        """[batch, time, width] -> the same shape."""
        return x + self.weight[positions]


class SinusoidalPositions(nn.Module):
    """Sines and cosines of wavelengths from 2 pi to 10000 * 2 pi, added to scaled embeddings (Vaswani et al. 2017)."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.scale = math.sqrt(config.width)  # section 3.4
        self.register_buffer("table", torch.empty(config.context, config.width), persistent=False)

    def fill(self) -> None:
        context, width = self.table.shape
        frequencies = 10_000.0 ** (-torch.arange(0, width, 2).float() / width)
        angles = torch.outer(torch.arange(context).float(), frequencies)
        self.table.copy_(torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1))

    def forward(self, x: Tensor, positions: slice | Tensor) -> Tensor:
        """[batch, time, width] -> the same shape."""
        return x * self.scale + self.table[positions]


class Rotary(nn.Module):
    """Rotary positions (Su et al. 2021), with Llama 3.1's scaling: queries and keys are rotated by their position.

    The two numbers of a pair are half a head apart, as in Hugging Face's Llama, so weights need no permutation.
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        shape = (config.context, 1, config.head_width)
        self.register_buffer("cosine", torch.empty(shape), persistent=False)
        self.register_buffer("sine", torch.empty(shape), persistent=False)

    def fill(self) -> None:
        angles = torch.outer(torch.arange(self.config.context).float(), rotary_frequencies(self.config))
        self.cosine.copy_(torch.cat([angles.cos(), angles.cos()], dim=-1)[:, None])
        self.sine.copy_(torch.cat([-angles.sin(), angles.sin()], dim=-1)[:, None])

    def forward(self, positions: slice | Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and signed sines of the angles at these positions, each [time or (batch, time), 1, head_width]."""
        return self.cosine[positions], self.sine[positions]


def rotary_frequencies(config: ModelConfig) -> Tensor:
    """Radians per position, [head_width / 2], float32."""
    frequencies = 1.0 / config.rope_theta ** (torch.arange(0, config.head_width, 2).float() / config.head_width)
    scaling = config.rope_scaling
    if scaling is None:
        return frequencies
    turns = scaling.original_context * frequencies / (2 * math.pi)  # over the original context
    low, high = scaling.low_frequency_factor, scaling.high_frequency_factor
    kept = ((turns - low) / (high - low)).clamp(0, 1)
    return (1 - kept) * frequencies / scaling.factor + kept * frequencies


def rotate(x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Rotate each pair of x [batch, time, heads, head_width] by its position's angle."""
    cosine, sine = rotation
    partner = x.roll(x.shape[-1] // 2, dims=-1)
    return torch.addcmul(x * cosine, partner, sine)


class AttentionContext:
    """The tokens' positions, their rotations, the mask of the keys they see, and the cache; shared by all blocks."""

    def __init__(self, time: int, rotary: Rotary | None, cache: Cache | None, documents: Documents | None):
        self.cache = cache
        self.positions = slice(0, time) if cache is None else cache.positions(time)
        self.rotation = None if rotary is None else rotary(self.positions)
        self.mask = None if cache is None else cache.mask(self.positions)
        if documents is not None:
            self.positions, self.mask = documents


class Attention(nn.Module):
    """Causal self-attention in several heads; each key-value head serves heads / kv_heads queries."""

    def __init__(self, config: ModelConfig, layer: int):
        super().__init__()
        self.layer, self.dropout = layer, config.dropout
        self.heads, self.kv_heads, self.head_width = config.heads, config.kv_heads, config.head_width
        self.qkv = nn.Linear(config.width, (config.heads + 2 * config.kv_heads) * config.head_width, bias=config.bias)
        self.out = nn.Linear(config.width, config.width, bias=config.bias)

    def forward(self, x: Tensor, context: AttentionContext) -> Tensor:
        """[batch, time, width] -> the same shape."""
        batch, time, width = x.shape
        qkv = self.qkv(x).view(batch, time, -1, self.head_width)
        queries, keys, values = qkv.split([self.heads, self.kv_heads, self.kv_heads], dim=2)
        if context.rotation is not None:
            queries, keys = rotate(queries, context.rotation), rotate(keys, context.rotation)
        queries, keys, values = queries.transpose(1, 2), keys.transpose(1, 2), values.transpose(1, 2)
        if context.cache is not None:
            keys, values = context.cache.extend(self.layer, context.positions, keys, values)
        mixed = attend(queries, keys, values, context.mask, self.dropout if self.training else 0.0)
        return self.out(mixed.transpose(1, 2).reshape(batch, time, width))


class FeedForward(nn.Module):
    """Up, a nonlinearity, down: GELU (in GPT-2's tanh form) or ReLU."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.up = nn.Linear(config.width, config.ffn, bias=config.bias)
        self.out = nn.Linear(config.ffn, config.width, bias=config.bias)
        self.activation = nn.GELU("tanh") if config.activation == "gelu" else nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """[batch, time, width] -> the same shape."""
        return self.out(self.activation(self.up(x)))


class GatedFeedForward(nn.Module):
    """SwiGLU (Shazeer 2020): up, gated by a second product through SiLU, and down."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.gate = nn.Linear(config.width, config.ffn, bias=config.bias)
        self.up = nn.Linear(config.width, config.ffn, bias=config.bias)
        self.out = nn.Linear(config.ffn, config.width, bias=config.bias)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, time, width] -> the same shape."""
        return self.out(F.silu(self.gate(x)) * self.up(x))


class Block(nn.Module):
    """Attention, then feed-forward, each added to the residual stream that its norm reads (pre-norm)."""

    def __init__(self, config: ModelConfig, layer: int):
        super().__init__()
        self.attention_norm = make_norm(config)
        self.attention = Attention(config, layer)
        self.feedforward_norm = make_norm(config)
        self.feedforward = GatedFeedForward(config) if config.activation == "swiglu" else FeedForward(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, context: AttentionContext) -> Tensor:
        """[batch, time, width] -> the same shape."""
        x = x + self.dropout(self.attention(self.attention_norm(x), context))
        return x + self.dropout(self.feedforward(self.feedforward_norm(x)))


class PostNormBlock(Block):
    """A block with the norm after each sum (Vaswani et al. 2017)."""

    def forward(self, x: Tensor, context: AttentionContext) -> Tensor:
        """[batch, time, width] -> the same shape."""
        x = self.attention_norm(x + self.dropout(self.attention(x, context)))
        return self.feedforward_norm(x + self.dropout(self.feedforward(x)))


class Transformer(nn.Module):
    """Embedding, blocks, norm, head. Initialised as GPT-2, unless on the meta device."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        block = Block if config.norm_placement == "pre" else PostNormBlock
        added = {"learned": LearnedPositions, "sinusoidal": SinusoidalPositions}.get(config.position)
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        self.positions = added(config) if added else None
        self.rotary = Rotary(config) if config.position == "rope" else None
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(block(config, layer) for layer in range(config.layers))
        self.norm = make_norm(config) if config.norm_placement == "pre" else nn.Identity()
        self.head = nn.Linear(config.width, config.vocabulary, bias=False)
        self.tie_and_fill()
        if not self.embedding.weight.is_meta:
            self.initialise()

    @torch.no_grad()
    def tie_and_fill(self) -> None:
        """Tie the head and fill the tables of positions, which weights alone do not restore after `to_empty`."""
        if self.config.tied_embeddings:
            self.head.weight = self.embedding.weight
        for module in self.modules():
            if isinstance(module, Rotary | SinusoidalPositions):
                module.fill()

    @torch.no_grad()
    def initialise(self) -> None:
        """Normal weights; those that write into the residual stream, two per layer, are divided by the square root of
        their number (Radford et al. 2019, section 2.3)."""
        for name, module in self.named_modules():
            self.initialise_module(name, module)

    @torch.no_grad()
    def initialise_module(self, name: str, module: nn.Module) -> None:
        """The weights of one module, without those of its submodules."""
        deviation = self.config.initial_deviation
        residual = deviation / math.sqrt(2 * self.config.layers)
        if isinstance(module, nn.Linear | nn.Embedding | LearnedPositions):
            nn.init.normal_(module.weight, std=residual if name.endswith(".out") else deviation)
            if getattr(module, "bias", None) is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm | nn.RMSNorm):
            module.reset_parameters()

    def hidden(self, tokens: Tensor, cache: Cache | None = None, documents: Documents | None = None) -> Tensor:
        """States after the last norm, [batch, time] -> [batch, time, width]; logits are `head` of them.

        With a cache, `tokens` continue its rows and are added to it; with `documents` (and no cache), documents do not
        see one another. Raises InputError where tokens exceed the context.
        """
        time = tokens.shape[1]
        if time > self.config.context:
            raise InputError(f"{time} tokens do not fit into the model's context of {self.config.context}.")
        context = AttentionContext(time, self.rotary, cache, documents)
        x = self.embedding(tokens)
        if self.positions is not None:
            x = self.positions(x, context.positions)
        x = self.dropout(x)
        for block in self.blocks:
            x = block(x, context)
        if cache is not None:
            cache.advance(time)
        return self.norm(x)

    def forward(self, tokens: Tensor, cache: Cache | None = None, documents: Documents | None = None) -> Tensor:
        """Logits of the next token, [batch, time] -> [batch, time, vocabulary]."""
        return self.head(self.hidden(tokens, cache, documents))

    def loss(
        self, tokens: Tensor, targets: Tensor, z_loss: float = 0.0, documents: Documents | None = None, **options
    ) -> Tensor:
        """Mean cross-entropy of targets [batch, time] after tokens [batch, time], nats per token.

        Its gradient includes that of the z-loss, its value does not. `options`: `losses` and `pad_to` of
        lab.model.loss.linear_cross_entropy.
        """
        states = self.hidden(tokens, documents=documents).flatten(0, 1)
        return linear_cross_entropy(states, self.head.weight, targets.flatten(), z_loss, **options)

    def documents(self, tokens: Tensor, separator: int) -> Documents:
        """The documents in tokens [batch, time], each of which begins with `separator`."""
        # Flex attention has no dropout.
        return find_documents(tokens, separator, flex=tokens.is_cuda and not self.config.dropout)

    def cache(self, batch: int, room: int | None = None) -> Cache:
        """An empty cache for `batch` texts of `room` tokens (default: the context), in this model's type and device."""
        weight = self.embedding.weight
        return Cache(self.config, batch, room or self.config.context, device=weight.device, dtype=weight.dtype)
