"""Which token sequences are computed together, and which beginnings they share.

In: sequences of token ids. Out: batches of groups. A group's members begin with the same tokens, which are computed
once: a question's choices share its context, a few-shot task's questions share the examples.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

FEWEST_SHARED = 8  # tokens; for fewer, the second pass costs more than it saves
MOST_PADDING = 1.2  # a batch's tokens, padding included, by those without
CLOSER = 1.5  # a group ends where the next two sequences share a beginning longer by this factor


@dataclass(frozen=True)
class Group:
    """Sequences (by index) that agree in their first `prefix` tokens; 0 for a single sequence."""

    prefix: int
    members: tuple[int, ...]


@dataclass(frozen=True)
class Batch:
    """Groups computed together: the first `prefix` tokens once per group, the rest padded to `tail` per member."""

    groups: tuple[Group, ...]
    prefix: int
    tail: int

    @property
    def members(self) -> list[int]:
        return [member for group in self.groups for member in group.members]


def plan(sequences: Sequence[Sequence[int]], most_tokens: int) -> list[Batch]:
    """Batches of at most `most_tokens` tokens, padding included, that hold each sequence once; the largest first.

    No two sequences are equal, none is empty. A sequence longer than `most_tokens` is a batch by itself.
    """
    # Sequences with a common beginning form groups; a group that is too large is split. The groups, longest beginning
    # first, then fill batches: a batch shares the shortest beginning of its groups, so the next group opens a new batch
    # where the joint one would be too large, or mostly padding.
    lengths = [len(sequence) for sequence in sequences]
    groups = [part for group in _groups(sequences) for part in _parts(group, lengths, most_tokens)]
    groups.sort(key=lambda group: (-group.prefix, -max(lengths[member] for member in group.members), group.members))
    batches: list[Batch] = []
    open_groups: list[Group] = []
    for group in groups:
        if open_groups and not _fits(_batch([*open_groups, group], lengths), lengths, most_tokens):
            batches.append(_batch(open_groups, lengths))
            open_groups = []
        open_groups.append(group)
    return [*batches, _batch(open_groups, lengths)] if open_groups else []


def _groups(sequences: Sequence[Sequence[int]]) -> list[Group]:
    """Neighbours in lexical order, joined as long as sharing a beginning saves tokens."""
    order = sorted(range(len(sequences)), key=lambda index: sequences[index])
    arrays = [np.asarray(sequences[index]) for index in order]
    shared = [_common(one, other) for one, other in pairwise(arrays)]
    groups: list[Group] = []
    members: list[int] = []
    prefix = 0
    for place, index in enumerate(order):
        joined = min(prefix, shared[place - 1]) if len(members) > 1 else shared[place - 1] if members else 0
        following = shared[place] if place < len(shared) else 0
        saves = len(members) * joined > (len(members) - 1) * prefix
        if members and (joined < FEWEST_SHARED or not saves or following > CLOSER * joined):
            groups.append(_group(prefix, members))
            members, joined = [], 0
        members.append(index)
        prefix = joined
    return [*groups, _group(prefix, members)] if members else groups


def _group(prefix: int, members: list[int]) -> Group:
    return Group(prefix if len(members) > 1 else 0, tuple(members))


def _common(one: np.ndarray, other: np.ndarray) -> int:
    """Length of the common beginning, but less than each sequence: each keeps a tail of one token at least."""
    size = min(len(one), len(other))
    differing = np.flatnonzero(one[:size] != other[:size])
    return int(differing[0]) if len(differing) else size - 1


def _parts(group: Group, lengths: list[int], most_tokens: int) -> list[Group]:
    """The group, split into pieces that fit into a batch; all with the group's beginning."""
    parts: list[list[int]] = [[]]
    for member in group.members:
        tail = max(lengths[other] for other in [*parts[-1], member]) - group.prefix
        if parts[-1] and group.prefix + (len(parts[-1]) + 1) * tail > most_tokens:
            parts.append([])
        parts[-1].append(member)
    return [_group(group.prefix, part) for part in parts]


def _batch(groups: Sequence[Group], lengths: list[int]) -> Batch:
    prefix = min(group.prefix for group in groups)
    tail = max(lengths[member] for group in groups for member in group.members) - prefix
    return Batch(tuple(groups), prefix, tail)


def _fits(batch: Batch, lengths: list[int], most_tokens: int) -> bool:
    tokens = len(batch.groups) * batch.prefix + len(batch.members) * batch.tail
    needed = sum(
        group.prefix + sum(lengths[member] - group.prefix for member in group.members) for group in batch.groups
    )
    return tokens <= most_tokens and tokens <= MOST_PADDING * needed
