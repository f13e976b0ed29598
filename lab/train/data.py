"""Batches: sequences of tokens from memory-mapped shards, in an order that any step can compute by itself.

Out: for each step the next sequences of an endless stream of epochs, each of which holds every sequence once, shuffled
anew. A sequence is context + 1 tokens: inputs, and targets shifted by one; its last token is the next sequence's first,
so that within an epoch every token is a target once. A batch depends on step, seed, counts and the batch's growth
alone: a resumed run, more workers or more devices change nothing.
"""

import signal
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path

import lightning
import numpy as np
import tiktoken
import torch
from torch.utils.data import DataLoader, Dataset

from lab.errors import InputError
from lab.params import TrainParams
from lab.tokens.shards import Tokens, open_tokens, read_index
from lab.tokens.sources import read_sources
from lab.train.batches import BatchPlan

ROUNDS = 6
CHUNK_TOKENS = 1 << 22


def shuffled(positions: np.ndarray, items: int, seed: int, epoch: int) -> np.ndarray:
    """The items at the given positions [n] of an epoch's random order, without holding that order in memory.

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
    """The number of sequences of context + 1 tokens, each of which starts at the last token of the one before."""
    return max(len(tokens) - 1, 0) // context


class Batches(Dataset):
    """Step -> the sequences [sequences_per_device, context + 1] (int64) that one device takes in it."""

    def __init__(self, tokens: Tokens, layout: BatchPlan, seed: int, rank: int):
        self._tokens, self._layout, self._seed, self._rank = tokens, layout, seed, rank
        self._items = sequences_in(tokens, layout.context)

    def __getitem__(self, step: int) -> torch.Tensor:
        # 1. The step's positions in the stream of all epochs: those of this device among those of all;
        # 2. an epoch's number and a position within it for each (a batch may span epochs);
        # 3. for each epoch its shuffled sequences at these positions.
        count = self._layout.sequences_per_device(step)
        positions = self._layout.sequences_before(step) + self._rank * count + np.arange(count)
        epochs, offsets = np.divmod(positions, self._items)
        items = np.empty_like(offsets)
        for epoch in np.unique(epochs):
            of_epoch = epochs == epoch
            items[of_epoch] = shuffled(offsets[of_epoch], self._items, self._seed, int(epoch))
        return sequences(self._tokens, items, self._layout.context)


def sequences(tokens: Tokens, items: np.ndarray, context: int) -> torch.Tensor:
    """The sequences of the given numbers, [items, context + 1] int64."""
    starts = items * context
    return torch.from_numpy(np.stack([tokens[int(start) : int(start) + context + 1] for start in starts]))


def _leave_signals(worker: int) -> None:
    """Ignore Ctrl-C and SIGTERM: the training process saves its step and then ends its readers by their queue."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


class TokenData(lightning.LightningDataModule):
    """Training batches from step `first` on, and the validation sequences; both for one device of the plan."""

    def __init__(
        self, folder: Path, layout: BatchPlan, params: TrainParams, *, index: Mapping | None = None, workers: int = 0
    ):
        """`index`: the content of index.json, if it is read already; `workers`: processes that read ahead of a GPU.

        Raises InputError when a split is shorter than the context.
        """
        super().__init__()
        self.layout, self.params, self.workers = layout, params, workers
        index = index or read_index(folder)
        self.train, self.validation = (open_tokens(folder, split, index) for split in ("train", "validation"))
        for split, tokens in (("train", self.train), ("validation", self.validation)):
            if not sequences_in(tokens, layout.context):
                raise InputError(
                    f"{folder}/{split}: {len(tokens)} tokens, which is less than one sequence of context "
                    f"{layout.context} + 1. Lower model.context, or curate more text."
                )
        self._sources = read_sources(folder)
        self.source_names = [] if self._sources is None else self._sources.names  # [] also where there is one only
        self.first, self.rank = 0, 0
        self.last: int | None = None

    def setup(self, stage: str) -> None:
        self.rank = self.trainer.global_rank

    @property
    def sequences_per_epoch(self) -> int:
        return sequences_in(self.train, self.layout.context)

    def train_dataloader(self) -> DataLoader:
        """Batches of the steps first ... last - 1 (endless where `last` is None)."""
        return DataLoader(
            Batches(self.train, self.layout, self.params.seed, self.rank),
            batch_size=None,
            sampler=count(self.first) if self.last is None else range(self.first, self.last),
            num_workers=self.workers,
            pin_memory=torch.cuda.is_available() and self.params.accelerator != "cpu",
            worker_init_fn=_leave_signals,
        )

    def validation_items(self) -> np.ndarray:
        """Numbers of the validation sequences, spread evenly over the split: at most validation_tokens tokens."""
        available = sequences_in(self.validation, self.layout.context)
        count = max(1, min(available, self.params.validation_tokens // self.layout.context))
        return np.arange(count) * available // count

    def validation_batches(self) -> Iterator[tuple[torch.Tensor, int, torch.Tensor | None]]:
        """This device's part of the validation sequences in micro-batches; how many of each count; and the sources of
        their targets, [sequences, context] as indices into `source_names`, None where that is empty or none count.

        All devices get equally many batches, since those that share weights gather them together: one whose part is
        smaller ends with a batch that does not count.
        """
        items, context = self.validation_items(), self.layout.context
        of_device, micro_batch = items[self.rank :: self.layout.devices], self.layout.micro_batch
        for start in range(0, -(-len(items) // self.layout.devices), micro_batch):
            batch = of_device[start : start + micro_batch]
            sources = None
            if self._sources is not None and len(batch):
                # A sequence's first target is its second token.
                sources = torch.from_numpy(self._sources.of(batch * context + 1, context))
            yield sequences(self.validation, batch if len(batch) else items[:1], context), len(batch), sources


def unigram_entropy(tokens: Tokens, vocabulary: int) -> float:
    """Entropy of the tokens' frequencies, nats per token: the lowest loss of a model that ignores the context."""
    counts = np.zeros(vocabulary, np.int64)
    for start in range(0, len(tokens), CHUNK_TOKENS):
        counts += np.bincount(tokens[start : start + CHUNK_TOKENS], minlength=vocabulary)
    frequencies = counts[counts > 0] / counts.sum()
    return float(-(frequencies * np.log(frequencies)).sum())


def bytes_per_token(data: TokenData, encoding: tiktoken.Encoding, vocabulary: int) -> float:
    """Mean UTF-8 bytes of a target token of the validation sequences; special tokens have none."""
    lengths = np.zeros(vocabulary, np.int64)
    for ranked, token in encoding._mergeable_ranks.items():
        lengths[token] = len(ranked)
    items = data.validation_items()
    context = data.layout.context
    total = sum(int(lengths[sequences(data.validation, item, context)[0, 1:]].sum()) for item in items[:, None])
    return total / (len(items) * context)
