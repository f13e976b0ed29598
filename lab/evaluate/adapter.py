"""Our model for lm-eval: ModelLM, in memory, and LabLM, of a folder, registered with lm-eval as "lab".

In: lm-eval's requests. Out: log-likelihoods and texts as lm-eval's own `hf` model gives them, to rounding: windows and
truncation are the same. Shared beginnings and repeated requests are computed once, logits only where needed.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import lru_cache, partial
from pathlib import Path

import torch
from lm_eval.api.instance import Instance
from lm_eval.api.model import TemplateLM
from lm_eval.api.registry import register_model
from lm_eval.models.utils import normalize_gen_kwargs, postprocess_generated_text
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window
from tiktoken import Encoding

from lab.errors import InputError
from lab.evaluate.batches import Batch, plan
from lab.evaluate.scoring import Asked, score
from lab.files import read_json
from lab.model import Transformer
from lab.model.generate import generate_batch
from lab.model.huggingface import load
from lab.progress import progress
from lab.tokens.bpe import end_of_text

CPU_TOKENS = 1024  # at most per batch and core, whose cache holds the activations of about as many
NEW_TOKENS = 256  # of a generated answer where the task sets no number; lm-eval's default

Piece = tuple[int, list[int], list[int]]  # number of the request, context, continuation


class ModelLM(TemplateLM):
    """A model and its tokenizer. `batch_tokens`: the most tokens of a batch, padding included."""

    def __init__(
        self,
        model: Transformer,
        encoding: Encoding,
        device: str = "auto",
        batch_tokens: int = 16_384,
        beginning: int | None = None,  # token that precedes a text without context; None: end-of-text
        prepended: Sequence[int] = (),  # tokens that the tokenizer puts before every text
    ):
        super().__init__()
        self.encoding, self._device, self.batch_tokens = encoding, _device(device), batch_tokens
        self.model = model.to(self._device).eval()
        self.max_length = model.config.context  # tokens
        self._tokens_at_once = min(batch_tokens, CPU_TOKENS) if self._device.type == "cpu" else batch_tokens
        self._end = end_of_text(encoding)
        self._beginning = self._end if beginning is None else beginning
        self._prepended = list(prepended)
        self._encoded = lru_cache(maxsize=1 << 14)(partial(encoding.encode, allowed_special="all"))

    @property
    def eot_token_id(self) -> int:
        return self._end

    @property
    def prefix_token_id(self) -> int:
        return self._beginning

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **kwargs: object) -> list[int]:
        """Token ids; a special token's name in the text becomes that token, as in Hugging Face's tokenizers."""
        ids = list(self._encoded(string))
        if add_special_tokens is False or (add_special_tokens is None and ids[:1] == [self._beginning]):
            return ids
        return self._prepended + ids

    def tok_decode(self, tokens: list[int]) -> str:
        """The text, without special tokens and without ids beyond the tokenizer's vocabulary."""
        special, size = self.encoding._special_tokens.values(), self.encoding.n_vocab
        return self.encoding.decode([token for token in tokens if token < size and token not in special])

    def loglikelihood(self, requests: list[Instance], disable_tqdm: bool = True) -> list[tuple[float, bool]]:
        """(log-likelihood of the continuation, whether greedy decoding gives it) of each (context, continuation)."""
        return super().loglikelihood(requests, disable_tqdm=True)

    def _loglikelihood_tokens(
        self, requests: list[tuple[tuple[str, str], list[int], list[int]]], **kwargs: object
    ) -> list[tuple[float, bool]]:
        pieces: list[Piece] = []
        for number, ((before, text), context, continuation) in enumerate(requests):
            if text and not continuation:  # its letters merged with the context's last: score the token that has both
                whole = self.tok_encode(before + text)
                context, continuation = whole[:-1], whole[-1:]
            pieces += [(number, *window) for window in self._windows(context or [self._beginning], continuation)]
        return self._scored(pieces, len(requests), "log-likelihoods")

    def loglikelihood_rolling(self, requests: list[Instance], disable_tqdm: bool = True) -> list[float]:
        """Log-likelihood of whole texts, in windows of the context's length; each token is scored once."""
        pieces: list[Piece] = []
        for number, request in enumerate(requests):
            pieces += [(number, *window) for window in self._rolling(self.tok_encode(request.args[0]), self._beginning)]
        return [likelihood for likelihood, _ in self._scored(pieces, len(requests), "rolling log-likelihoods")]

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = True) -> list[str]:
        """Texts that continue the contexts, up to a stop string or the number of tokens that the task sets."""
        answers = [""] * len(requests)
        by_settings: dict[str, list[int]] = {}
        for number, request in enumerate(requests):
            by_settings.setdefault(repr(request.args[1]), []).append(number)
        batch_size = max(1, self.batch_tokens // self.max_length)
        with progress("generation", len(requests)) as ticker:
            for numbers in by_settings.values():
                numbers.sort(key=lambda number: len(self.tok_encode(requests[number].args[0])))
                for batch in (numbers[first : first + batch_size] for first in range(0, len(numbers), batch_size)):
                    texts = self._generate([requests[number].args[0] for number in batch], requests[batch[0]].args[1])
                    for number, text in zip(batch, texts, strict=True):
                        answers[number] = text
                    ticker.advance(len(batch))
        return answers

    def _generate(self, contexts: list[str], settings: dict) -> list[str]:
        chosen = normalize_gen_kwargs(settings, NEW_TOKENS)
        stops = [stop for stop in [*chosen["until"], self.encoding.decode([self._end])] if stop]
        room = self.max_length - chosen["max_gen_toks"]
        if room <= 0:
            raise InputError(
                f"evaluate: a task asks for {chosen['max_gen_toks']} new tokens, but the model's context is "
                f"{self.max_length}. Set generation_kwargs.max_gen_toks in the task file, or train with a longer "
                "model.context."
            )
        prompts = [self.tok_encode(context)[-room:] or [self._end] for context in contexts]
        lookback = max(len(stop.encode()) for stop in stops) + 1  # tokens: each has at least one byte
        sampled = chosen["do_sample"]
        written = generate_batch(
            self.model,
            prompts,
            max_tokens=chosen["max_gen_toks"],
            temperature=chosen.get("temperature", 1.0) if sampled else 0.0,
            top_k=chosen.get("top_k") if sampled else None,
            top_p=chosen.get("top_p") if sampled else None,
            stop={self._end},
            finished=lambda row, tokens: any(stop in self.tok_decode(tokens[-lookback:]) for stop in stops),
        )
        return [postprocess_generated_text(self.tok_decode(tokens), stops, None) for tokens in written]

    def _windows(self, context: list[int], continuation: list[int]) -> list[tuple[list[int], list[int]]]:
        """The pair; a continuation beyond the model's context, which `hf` refuses, in windows of that length."""
        if len(continuation) <= self.max_length:
            return [(context, continuation)] if continuation else []
        return self._rolling(continuation, context[-1])

    def _rolling(self, tokens: list[int], before: int) -> list[tuple[list[int], list[int]]]:
        windows = get_rolling_token_windows(tokens, before, self.max_length, context_len=1)
        return [make_disjoint_window(window) for window in windows]

    def _scored(self, pieces: list[Piece], requests: int, label: str) -> list[tuple[float, bool]]:
        """For each request the sum over its pieces, and whether all of them are greedy."""
        # Pieces that read the same tokens become one input, which may be asked for several continuations. Inputs are
        # planned into batches; each batch's answers are added to the requests that its inputs' pieces belong to.
        by_input: dict[tuple[int, ...], list[tuple[int, Asked]]] = {}
        for owner, context, continuation in pieces:
            read = tuple((context + continuation)[-(self.max_length + 1) :][:-1])
            by_input.setdefault(read, []).append((owner, Asked(len(read) - len(continuation), continuation)))
        inputs = list(by_input)
        owners = [[owner for owner, _ in of_input] for of_input in by_input.values()]
        asked = [[one for _, one in of_input] for of_input in by_input.values()]
        sums, greedy = [0.0] * requests, [True] * requests
        batches = plan(inputs, self._tokens_at_once)
        with progress(label, len(pieces)) as ticker, closing(self._answers(inputs, batches, asked)) as by_batch:
            for batch, by_member in zip(batches, by_batch, strict=True):
                for member, answers in zip(batch.members, by_member, strict=True):
                    for owner, (likelihood, best) in zip(owners[member], answers, strict=True):
                        sums[owner] += likelihood
                        greedy[owner] = greedy[owner] and best
                ticker.advance(sum(len(answers) for answers in by_member))
        return list(zip(sums, greedy, strict=True))

    def _answers(
        self, inputs: list[tuple[int, ...]], batches: list[Batch], asked: list[list[Asked]]
    ) -> Iterator[list[list[tuple[float, bool]]]]:
        """`score` of each batch, in order. On a CPU each core computes whole batches: cores that share a batch spend
        much of their time waiting, above all with small models."""
        threads = torch.get_num_threads()
        workers = min(threads, len(batches)) if self._device.type == "cpu" else 1
        compute = partial(score, self.model, inputs, asked=asked)
        if workers <= 1:
            yield from map(compute, batches)
            return
        pool = ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(max(1, threads // workers),))
        try:
            yield from pool.map(compute, batches)
        finally:
            pool.shutdown(cancel_futures=True)
            torch.set_num_threads(threads)  # also the number for threads that start later


@register_model("lab")
class LabLM(ModelLM):
    """An exported model's folder."""

    def __init__(
        self,
        folder: str | Path,
        device: str | None = "auto",
        batch_tokens: int = 16_384,
        batch_size: object = None,  # lm-eval's command line passes these two; batch_tokens replaces them
        max_batch_size: object = None,
    ):
        model, encoding = load(Path(folder))
        beginning, prepended = _beginning(Path(folder), encoding), _prepended(Path(folder))
        super().__init__(model, encoding, device or "auto", int(batch_tokens), beginning, prepended)


def _beginning(folder: Path, encoding: Encoding) -> int | None:
    """The folder's beginning-of-text token, as `hf` reads it; None where it has none."""
    path = folder / "tokenizer_config.json"
    named = read_json(path).get("bos_token") if path.exists() else None
    name = named.get("content") if isinstance(named, dict) else named
    return encoding._special_tokens.get(name)


def _prepended(folder: Path) -> list[int]:
    """The tokens that the folder's tokenizer puts before every text, as Llama 3's does."""
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    if not path.exists():
        return []
    tokenizer = Tokenizer.from_file(str(path))
    plain = len(tokenizer.encode("a", add_special_tokens=False).ids)
    return tokenizer.encode("a").ids[:-plain]


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise InputError("evaluate.device: 'cuda', but PyTorch sees no GPU here. Set it to auto or cpu.")
    return torch.device(name)
