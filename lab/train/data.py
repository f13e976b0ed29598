"""What a model is fed: sequences of tokens from memory-mapped shards, in an order that any step can compute by itself.

In: a folder of token shards. Out: for each step the next sequences of an endless stream of epochs, each of which holds
every sequence once, shuffled anew. A sequence is context + 1 tokens: inputs, and targets one further on; its last token
is the next sequence's first, so that within an epoch every token is a target once. Step, seed, counts and the batch's
growth alone decide what a batch holds: a resumed run, more workers or more devices change nothing.
"""

import signal
from collections.abc import Iterator
from itertools import count
from math import log2
from pathlib import Path

import lightning
import numpy as np
import tiktoken
import torch
from torch.utils.data import DataLoader, Dataset

from lab.errors import InputError
from lab.params import TrainParams
from lab.tokens.shards import Tokens, open_tokens
from lab.tokens.sources import read_sources
from lab.train.batch_plan import Plan

ROUNDS = 6
CHUNK_TOKENS = 1 << 22


def shuffled(positions: np.ndarray, items: int, seed: int, epoch: int) -> np.ndarray:
    """The items at the given positions [n] of an epoch's random order, without that order being held in memory.

    A Feistel network over the next even number of bits, walked until it is back in range (Black and Rogaway 2002).
    """
    half = np.uint64(max(1, -(-max(items - 1, 1).bit_length() // 2)))
    mask = np.uint64((1 << int(half)) - 1)
    keys = np.random.SeedSequence([seed, epoch]).generate_state(ROUNDS, np.uint64)
    values = positions.astype(np.uint64)
    outside = np.ones(len(values), bool)
    while outside.any():
        left, right = values[outside] >> half, values[outside] & mask
        for key in keys:
            left, right = right, left ^ (_mixed(right ^ key) & mask)
        values[outside] = (left << half) | right
        outside = values >= items
    return values.astype(np.int64)


def _mixed(values: np.ndarray) -> np.ndarray:
    """SplitMix64's finalizer (Steele et al. 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def sequences_in(tokens: Tokens, context: int) -> int:
    """Sequences of context + 1 tokens, each starting at its forerunner's last token."""
    return max(len(tokens) - 1, 0) // context


class Batches(Dataset):
    """Step number -> the sequences [sequences_per_device, context + 1] (int64) that one device takes in that step."""

    def __init__(self, tokens: Tokens, layout: Plan, seed: int, rank: int):
        self._tokens, self._plan, self._seed, self._rank = tokens, layout, seed, rank
        self._items = sequences_in(tokens, layout.context)

    def __getitem__(self, step: int) -> torch.Tensor:
        each = self._plan.sequences_per_device(step)
        positions = self._plan.sequences_before(step) + self._rank * each + np.arange(each)
        epochs, offsets = np.divmod(positions, self._items)
        items = np.empty_like(offsets)
        for epoch in np.unique(epochs):
            of_epoch = epochs == epoch
            items[of_epoch] = shuffled(offsets[of_epoch], self._items, self._seed, int(epoch))
        return sequences(self._tokens, items, self._plan.context)


def sequences(tokens: Tokens, items: np.ndarray, context: int) -> torch.Tensor:
    """The sequences of the given numbers, [items, context + 1] int64."""
    starts = items * context
    return torch.from_numpy(np.stack([tokens[int(start) : int(start) + context + 1] for start in starts]))


class Steps:
    """The numbers of the steps to be made: from the first, to the last where the budget tells it."""

    def __init__(self, first: int):
        self.first = first

    def __iter__(self) -> Iterator[int]:
        return iter(count(self.first))


def _leave_signals(worker: int) -> None:
    """Leave Ctrl-C and SIGTERM, which reach all processes of a terminal or job, to the one that trains on until it is
    saved, and then ends its readers by their queue."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


class TokenData(lightning.LightningDataModule):
    """Training batches from step `first` on, and the validation sequences; both for one device of the plan."""

    def __init__(self, folder: Path, layout: Plan, params: TrainParams, *, workers: int = 0, pin: bool = False):
        """`workers`: processes that read ahead. Raises InputError when a split is shorter than the context."""
        super().__init__()
        self.layout, self.params, self.workers, self.pin = layout, params, workers, pin
        self.train, self.validation = open_tokens(folder, "train"), open_tokens(folder, "validation")
        for split, tokens in (("train", self.train), ("validation", self.validation)):
            if not sequences_in(tokens, layout.context):
                raise InputError(
                    f"{folder}/{split}: {len(tokens)} tokens, which is less than one sequence of context "
                    f"{layout.context} + 1. Lower model.context, or curate more text."
                )
        self._sources = read_sources(folder)
        self.first, self.rank = 0, 0
        self.last: int | None = None

    def setup(self, stage: str) -> None:
        self.rank = self.trainer.global_rank

    @property
    def sequences_per_epoch(self) -> int:
        return sequences_in(self.train, self.layout.context)

    def train_dataloader(self) -> DataLoader:
        """Batches of the steps first ... last - 1 (endless where `last` is None)."""
        steps = Steps(self.first) if self.last is None else range(self.first, self.last)
        return DataLoader(
            Batches(self.train, self.layout, self.params.seed, self.rank),
            batch_size=None,
            sampler=steps,
            num_workers=self.workers,
            pin_memory=self.pin,
            persistent_workers=False,
            worker_init_fn=_leave_signals,
        )

    def validation_items(self) -> np.ndarray:
        """Numbers of the validation sequences, spread evenly over the split: at most validation_tokens tokens."""
        there = sequences_in(self.validation, self.layout.context)
        wanted = max(1, min(there, self.params.validation_tokens // self.layout.context))
        return np.arange(wanted) * there // wanted

    def validation_batches(self) -> Iterator[tuple[torch.Tensor, int]]:
        """This device's share of the validation sequences, in micro-batches, and how many of each count.

        All devices get as many batches, since those that share weights gather them together: one whose share is
        smaller ends with a batch that does not count.
        """
        for items, counted in self._own_validation_items():
            yield sequences(self.validation, items, self.layout.context), counted

    @property
    def source_names(self) -> list[str]:
        """What the validation split is made of; empty where it is all of one source, or the shards don't say."""
        return [] if self._sources is None else [str(name) for name in self._sources.names]

    def validation_sources(self) -> Iterator[torch.Tensor | None]:
        """For each of `validation_batches` the sources of its targets, [sequences, context], as numbers into
        `source_names`; None where that is empty, or the batch does not count."""
        context = self.layout.context
        for items, counted in self._own_validation_items():
            known = self._sources is not None and counted
            # A sequence's first target is its second token.
            yield torch.from_numpy(self._sources.of(items * context + 1, context)) if known else None

    def _own_validation_items(self) -> Iterator[tuple[np.ndarray, int]]:
        items = self.validation_items()
        own, micro = items[self.rank :: self.layout.devices], self.layout.micro_batch
        for start in range(0, -(-len(items) // self.layout.devices), micro):
            batch = own[start : start + micro]
            yield (batch if len(batch) else items[:1]), len(batch)


def unigram_entropy(tokens: Tokens, vocabulary: int) -> float:
    """Entropy of the tokens' frequencies, nats a token: no model that ignores the context can have a lower loss."""
    counts = np.zeros(vocabulary, np.int64)
    for start in range(0, len(tokens), CHUNK_TOKENS):
        counts += np.bincount(tokens[start : start + CHUNK_TOKENS], minlength=vocabulary)
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def bytes_per_token(data: TokenData, encoding: tiktoken.Encoding, vocabulary: int) -> float:
    """UTF-8 bytes of text that a target token of the validation sequences stands for; special tokens stand for none."""
    lengths = np.zeros(vocabulary, np.int64)
    for ranked, token in encoding._mergeable_ranks.items():
        lengths[token] = len(ranked)
    items = data.validation_items()
    total = 0
    for item in items:
        start = int(item) * data.layout.context
        total += int(lengths[data.validation[start + 1 : start + data.layout.context + 1]].sum())
    return total / (len(items) * data.layout.context)


def bits_per_byte(loss: float, bytes_a_token: float) -> float:
    """A loss in nats a token as bits a byte of text."""
    return loss * log2(np.e) / bytes_a_token if bytes_a_token else float("nan")
