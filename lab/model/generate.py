"""Text from a model, token by token, with a key-value cache; one prompt or many at once.

Sampling follows Hugging Face's order: temperature, then the top_k most likely, then the smallest set that holds top_p
of the probability (Holtzman et al. 2020). A row's random numbers come from its own generator (seed + row), so a row of
a batch is the same as alone, up to rounding. When a text fills the context, its second half is read again from
position 0.
"""

from collections.abc import Callable, Collection, Iterator

import torch
from torch import Tensor

from lab.errors import InputError, ParameterError
from lab.model.cache import Cache
from lab.model.transformer import Transformer

SMALLEST_TEMPERATURE = 1e-6  # below it logits leave float32's range, and it counts as 0


def generate(
    model: Transformer, prompt: list[int], *, max_tokens: int, stop: Collection[int] = (), **sampling
) -> Iterator[int]:
    """Tokens after the prompt, one by one: at most `max_tokens`, ending before a token in `stop`.

    `sampling`: as of `Sampler`. Raises InputError for a prompt that is empty, too long or has unknown tokens,
    ParameterError for invalid settings.
    """
    for (token,) in _steps(model, [prompt], max_tokens, Sampler(1, **sampling)):
        if token in stop:
            return
        yield token


def generate_batch(
    model: Transformer,
    prompts: list[list[int]],
    *,
    max_tokens: int,
    stop: Collection[int] = (),
    finished: Callable[[int, list[int]], bool] = lambda row, tokens: False,
    **sampling,
) -> list[list[int]]:
    """The result of `generate` for each prompt (row r with seed + r). Prompts may have different lengths.

    `finished(row, tokens so far)` can end a row early; its last token is kept. Raises as `generate` does.
    """
    sampler = Sampler(len(prompts), **sampling)
    texts: list[list[int]] = [[] for _ in prompts]
    running = set(range(len(prompts)))
    for tokens in _steps(model, prompts, max_tokens, sampler) if prompts else ():
        for row in sorted(running):
            if tokens[row] in stop:
                running.discard(row)
                continue
            texts[row].append(tokens[row])
            if finished(row, texts[row]):
                running.discard(row)
        if not running:
            break
    return texts


class Sampler:
    """Logits [batch, vocabulary] -> tokens [batch]. Temperature 0 always takes the most likely token."""

    def __init__(
        self,
        rows: int,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int = 0,
    ):
        if temperature < 0:
            raise ParameterError(f"temperature: {temperature} is below 0. 0 takes the most likely token.")
        if top_k is not None and top_k < 1:
            raise ParameterError(f"top_k: {top_k} tokens can't be chosen from; give 1 or more.")
        if top_p is not None and not 0 < top_p <= 1:
            raise ParameterError(f"top_p: {top_p} is no share of probability; give more than 0 and at most 1.")
        self.temperature, self.top_k, self.top_p = temperature, top_k, top_p
        self._generators = [torch.Generator().manual_seed(seed + row) for row in range(rows)]

    def __call__(self, logits: Tensor) -> Tensor:
        logits = logits.float()
        if self.temperature < SMALLEST_TEMPERATURE:
            return logits.argmax(dim=-1)
        logits = logits / self.temperature
        tokens = None
        if self.top_k is not None:
            logits, tokens = logits.topk(min(self.top_k, logits.shape[-1]))
        elif self.top_p is not None:
            logits, tokens = logits.sort(dim=-1, descending=True)
        probabilities = logits.softmax(dim=-1)
        sums = probabilities.cumsum(dim=-1)
        if self.top_p is not None:
            sums = (probabilities * (sums - probabilities < self.top_p)).cumsum(dim=-1)
        # In float64 a number below 1 times the total stays below the total: no token of probability 0 is drawn.
        draws = [torch.rand(1, generator=generator, dtype=torch.float64) for generator in self._generators]
        sums = sums.double()
        chosen = torch.searchsorted(sums, torch.stack(draws).to(sums.device) * sums[:, -1:], right=True)
        return (chosen if tokens is None else tokens.gather(1, chosen))[:, 0]


def _steps(model: Transformer, prompts: list[list[int]], max_tokens: int, sampler: Sampler) -> Iterator[list[int]]:
    """Per step the next token of every row."""
    _check(model, prompts)
    context = model.config.context
    texts, cache = [list(prompt) for prompt in prompts], None
    for step in range(max_tokens):
        if cache is None or max(map(len, texts)) > context:
            texts = [text if len(text) <= context else text[-(context // 2) :] for text in texts]
            cache = model.cache(len(texts), max(map(len, texts)) + max_tokens - step)
            unread = texts
        else:
            unread = [text[-1:] for text in texts]
        tokens = sampler(_read(model, unread, cache)).tolist()
        for text, token in zip(texts, tokens, strict=True):
            text.append(token)
        yield tokens


def _check(model: Transformer, prompts: list[list[int]]) -> None:
    context, vocabulary = model.config.context, model.config.vocabulary
    for prompt in prompts:
        if not prompt:
            raise InputError("the prompt has no tokens. Begin with the end-of-text token, or with some text.")
        if len(prompt) > context:
            raise InputError(f"the prompt has {len(prompt)} tokens, the model's context {context}. Shorten it.")
        for token in prompt:
            if not 0 <= token < vocabulary:
                raise InputError(f"the prompt has token {token}, the model knows {vocabulary} tokens.")


@torch.inference_mode()
def _read(model: Transformer, texts: list[list[int]], cache: Cache) -> Tensor:
    """Add texts, padded to one length, to the rows of the cache; logits [batch, vocabulary] after each."""
    lengths = [len(text) for text in texts]
    kept = [before + length for before, length in zip(cache.lengths, lengths, strict=True)]
    padded = [text + [0] * (max(lengths) - len(text)) for text in texts]
    device = model.embedding.weight.device
    states = model.hidden(torch.tensor(padded, device=device), cache)
    cache.lengths = kept  # without the padding
    return model.head(states[torch.arange(len(texts), device=device), torch.tensor(lengths, device=device) - 1])
