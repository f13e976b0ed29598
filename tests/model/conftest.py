"""Small models of each kind, with weights large enough for every part to matter, and a tokenizer of real text."""

import inspect
import optparse
from collections.abc import Callable, Iterator

import pytest
import tiktoken
import torch

from lab.model import ModelConfig, Transformer
from lab.tokens import bpe

VOCABULARY, CONTEXT = 400, 32
SIZE = {"layers": 2, "width": 32, "heads": 4, "kv_heads": 4, "ffn": 48, "vocabulary": VOCABULARY, "context": CONTEXT}
GPT2 = {"norm": "layernorm", "position": "learned", "activation": "gelu", "bias": True, "tied_embeddings": True}
SCALING = {"factor": 8.0, "low_frequency_factor": 1.0, "high_frequency_factor": 4.0, "original_context": 16}
KINDS = {
    "gpt2": GPT2,
    "gpt2 untied": GPT2 | {"tied_embeddings": False},
    "gpt2 with relu": GPT2 | {"activation": "relu"},
    "llama": {},
    "llama grouped": {"kv_heads": 2, "rope_theta": 500_000.0, "norm_epsilon": 1e-6},
    "llama one key-value head, tied": {"kv_heads": 1, "tied_embeddings": True},
    "llama scaled": {"kv_heads": 2, "rope_theta": 500.0, "rope_scaling": SCALING},
    "llama with biases": {"bias": True},
}
OTHERS = {
    "2017": GPT2 | {"norm_placement": "post", "position": "sinusoidal", "activation": "relu"},
    "gpt2 without biases": GPT2 | {"bias": False},
    "mixed": {"norm": "layernorm", "position": "learned", "kv_heads": 2},
}


def configuration(kind: str, **changes: object) -> ModelConfig:
    return ModelConfig.from_dict(SIZE | (KINDS | OTHERS)[kind] | changes)


def make(kind: str, seed: int = 0, **changes: object) -> Transformer:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Transformer(configuration(kind, **changes)).eval()
        scramble(model)
    return model


@torch.no_grad()
def scramble(model: torch.nn.Module) -> None:
    """Large random weights, biases and norms: nothing is hidden by its initial zero or one."""
    for weight in model.parameters():
        weight.copy_(torch.randn(weight.shape) * 0.25 if weight.ndim > 1 else torch.rand(weight.shape) + 0.2)


def tokens(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, VOCABULARY, shape, generator=torch.Generator().manual_seed(seed))


def assert_greedy(model: Callable[[torch.Tensor], torch.Tensor], prompt: list[int], text: list[int]) -> None:
    """Each token after the prompt is the most likely one by a model's logits [1, time, vocabulary] of the whole.

    Up to rounding: a cache, padding or another batch size sum in another order, so of two equally likely tokens either
    may be taken.
    """
    with torch.no_grad():
        logits = model(torch.tensor([[*prompt, *text[:-1]]]))[0, len(prompt) - 1 :]
    taken = logits.gather(1, torch.tensor(text)[:, None])[:, 0]
    torch.testing.assert_close(taken, logits.max(dim=1).values, rtol=1e-4, atol=1e-4)


@pytest.fixture(scope="session")
def encoding() -> tiktoken.Encoding:
    return bpe.train([inspect.getsource(optparse)], VOCABULARY, 10_000_000)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
