"""The validation loss of each source of text. In: losses of tokens and their sources. Out: a mean for each source."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor


class LossBySource:
    """`totals`, [2, sources] float64: the sums of the losses and the counts of the tokens added so far."""

    def __init__(self, names: Sequence[str], device: torch.device):
        self.names = names
        self.totals = torch.zeros(2, len(names), device=device, dtype=torch.float64)

    @contextmanager
    def adding(self, sources: Tensor | None) -> Iterator[Tensor | None]:
        """Within, room for the losses of targets from these sources [batch, time]; adds them up at the end."""
        if sources is None:
            yield None
            return
        each = torch.empty(sources.numel(), device=self.totals.device)
        yield each
        # Not bincount: on a GPU its sums depend on the order in which threads arrive.
        of_source = torch.arange(len(self.names))[:, None] == sources.flatten()
        members = of_source.to(self.totals.device, torch.float64)
        self.totals += torch.stack([members @ each.double(), members.sum(1)])

    def means(self, totals: Tensor) -> dict[str, float]:
        """Nats a token by "validation_loss/<source>", of `totals` summed over devices; no source without tokens."""
        losses, counts = totals.tolist()
        return {
            f"validation_loss/{name}": loss / count
            for name, loss, count in zip(self.names, losses, counts, strict=True)
            if count
        }
