"""Log-likelihoods of token sequences under a model, with logits only where they are needed.

In: a Transformer, a batch of lab.evaluate.batches, and for each sequence the tokens asked for. Out: their
log-probabilities (nats, natural logarithm) and whether each is the most likely one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lab.evaluate.batches import Batch
from lab.model import Transformer

ROWS_AT_ONCE = 256  # of logits on a CPU: few enough for its cache, enough for an efficient matrix product
LOGITS_AT_ONCE = 1 << 25  # numbers on a GPU: 128 MiB in float32


@dataclass(frozen=True)
class Asked:
    """`tokens` are predicted by the sequence's tokens from position `start` on, one by one."""

    start: int
    tokens: Sequence[int]


@torch.inference_mode()
def score(
    model: Transformer, sequences: Sequence[Sequence[int]], batch: Batch, asked: Sequence[Sequence[Asked]]
) -> list[list[tuple[float, bool]]]:
    """For each member of the batch, for each Asked of it: (sum of log-probabilities, all of them the most likely)."""
    states = _states(model, sequences, batch)
    rows, tokens, sizes = _positions(batch, asked)
    likelihoods, greedy = _look_up(model, states, rows, tokens)
    starts = np.cumsum([0, *sizes[:-1]])
    sums = np.add.reduceat(likelihoods, starts).tolist()
    wholes = np.logical_and.reduceat(greedy, starts).tolist()
    answers = iter(zip(sums, wholes, strict=True))
    return [[next(answers) for _ in asked[member]] for member in batch.members]


def _states(model: Transformer, sequences: Sequence[Sequence[int]], batch: Batch) -> Tensor:
    """Hidden states [groups * prefix + members * tail, width]: first the shared beginnings, then each member's rest."""
    device = model.embedding.weight.device
    tails = np.zeros((len(batch.members), batch.tail), np.int64)
    for row, member in enumerate(batch.members):
        rest = sequences[member][batch.prefix :]
        tails[row, : len(rest)] = rest
    if batch.prefix == 0:
        return model.hidden(torch.from_numpy(tails).to(device)).flatten(0, 1)
    heads = np.array([sequences[group.members[0]][: batch.prefix] for group in batch.groups], np.int64)
    shared = Beginnings()
    states = model.hidden(torch.from_numpy(heads).to(device), shared)
    owners = np.repeat(np.arange(len(batch.groups)), [len(group.members) for group in batch.groups])
    rests = model.hidden(torch.from_numpy(tails).to(device), Continuations(shared, torch.from_numpy(owners).to(device)))
    return torch.cat([states.flatten(0, 1), rests.flatten(0, 1)])


def _positions(batch: Batch, asked: Sequence[Sequence[Asked]]) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Rows of the states, the token asked for at each row, and the number of rows of each Asked."""
    rows, tokens, sizes, row = [], [], [], 0
    rests = len(batch.groups) * batch.prefix
    for number, group in enumerate(batch.groups):
        for member in group.members:
            for one in asked[member]:
                places = np.arange(one.start, one.start + len(one.tokens))
                rest = rests + row * batch.tail + places - batch.prefix
                rows.append(np.where(places < batch.prefix, number * batch.prefix + places, rest))
                tokens.append(one.tokens)
                sizes.append(len(one.tokens))
            row += 1
    return np.concatenate(rows), np.concatenate(tokens).astype(np.int64), sizes


def _look_up(model: Transformer, states: Tensor, rows: np.ndarray, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log-probability (float64) of each token after its row, and whether it is the most likely; logits once per row."""
    distinct, which = np.unique(rows, return_inverse=True)
    order = np.argsort(which, kind="stable")
    likelihoods, greedy = np.empty(len(rows), np.float64), np.empty(len(rows), bool)
    vocabulary = model.config.vocabulary
    at_once = ROWS_AT_ONCE if states.device.type == "cpu" else max(1, LOGITS_AT_ONCE // vocabulary)
    # One buffer, refilled: on a CPU, fresh memory costs as much time as the product that is written to it.
    logits = states.new_empty(min(at_once, len(distinct)), vocabulary)
    for first in range(0, len(distinct), at_once):
        part = torch.from_numpy(distinct[first : first + at_once]).to(states.device)
        torch.mm(states[part], model.head.weight.T, out=logits[: len(part)])
        log_probabilities = logits[: len(part)].float().log_softmax(dim=-1)
        begin, end = np.searchsorted(which[order], [first, first + len(part)])
        here = order[begin:end]
        row = torch.from_numpy(which[here] - first).to(states.device)
        token = torch.from_numpy(tokens[here]).to(states.device)
        likelihood = log_probabilities[row, token]
        likelihoods[here] = likelihood.double().cpu().numpy()
        greedy[here] = (likelihood == log_probabilities.amax(dim=-1)[row]).cpu().numpy()
    return likelihoods, greedy


class Beginnings:
    """Keys and values of the groups' shared beginnings: a lab.model.cache.Cache of exactly their size."""

    def __init__(self) -> None:
        self.keys: list[Tensor] = []  # per layer: [groups, kv_heads, time, head_width]
        self.values: list[Tensor] = []

    def positions(self, time: int) -> slice:
        return slice(0, time)

    def mask(self, positions: slice) -> None:
        return None

    def extend(self, layer: int, positions: slice, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        self.keys.append(keys)
        self.values.append(values)
        return keys, values

    def advance(self, time: int) -> None:
        pass


class Continuations:
    """A Cache for what follows the beginnings: row r follows that of group owners[r]."""

    def __init__(self, shared: Beginnings, owners: Tensor):
        self.shared, self.owners = shared, owners
        self.start = shared.keys[0].shape[2]

    def positions(self, time: int) -> slice:
        return slice(self.start, self.start + time)

    def mask(self, positions: slice) -> Tensor:
        """Which keys each token attends to, bool [1, 1, time, start + time]."""
        keys = torch.arange(positions.stop, device=self.owners.device)
        return (keys <= keys[positions.start :, None])[None, None]

    def extend(self, layer: int, positions: slice, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        before_keys, before_values = self.shared.keys[layer][self.owners], self.shared.values[layer][self.owners]
        return torch.cat([before_keys, keys], dim=2), torch.cat([before_values, values], dim=2)

    def advance(self, time: int) -> None:
        pass
