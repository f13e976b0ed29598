"""The display of a training run on stderr: a table that is redrawn in a terminal, a line now and then elsewhere.

In: a `Measured` row per step, from the last of which a thread draws the table. Out: also a line of summary at the end.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from math import isfinite

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from lab.progress import Ticker, console
from lab.tracking import Measured, Sizes
from lab.train.module import TrainingModule
from lab.train.optim import Budget
from lab.train.results import last_loss

BARS = "▁▂▃▄▅▆▇█"
MOST_SPARKS = 48  # of a curve, at least half as many once it is long
BAR = 24  # characters


def sparkline(values: Sequence[float]) -> str:
    """Values as bars between the lowest and the highest; equal values as the lowest bar."""
    if not values:
        return ""
    low, high = min(values), max(values)
    return "".join(BARS[int((value - low) / ((high - low) or 1.0) * (len(BARS) - 1))] for value in values)


class History:
    """A curve from its beginning in less than MOST_SPARKS means, each of equally many values."""

    def __init__(self) -> None:
        self.means: list[float] = []
        self._values_per_mean, self._sum, self._count = 1, 0.0, 0

    def add(self, value: float) -> None:
        self._sum, self._count = self._sum + value, self._count + 1
        if self._count == self._values_per_mean:
            self.means.append(self._sum / self._count)
            self._sum, self._count = 0.0, 0
        if len(self.means) == MOST_SPARKS:
            self.means = [(one + other) / 2 for one, other in zip(self.means[::2], self.means[1::2], strict=True)]
            self._values_per_mean *= 2


class Panel:
    """The table. `first`: steps before this process, whose rows it has not seen."""

    def __init__(self, budget: Budget, sizes: Sizes, first: int = 0):
        self._budget, self._sizes, self._first = budget, sizes, first
        self._started, self._elapsed = time.monotonic(), 0.0
        self._losses = History()
        self._row: Measured | None = None
        self._validation: float | None = None

    def show(self, row: Measured, elapsed: float) -> None:
        """`elapsed`: seconds trained, including those before a restart."""
        if isfinite(row.loss):  # as a skipped step's may not be
            self._losses.add(row.loss)
        self._row, self._elapsed = row, elapsed
        self._validation = self._validation if row.validation_loss is None else row.validation_loss

    def seconds_left(self) -> float:
        """At the mean speed of this process so far, including validations and checkpoints."""
        assert self._row is not None
        if self._budget.steps is None:
            return max(self._budget.seconds - self._elapsed, 0.0)
        seconds_per_step = (time.monotonic() - self._started) / max(self._row.step - self._first, 1)
        return (self._budget.steps - self._row.step) * seconds_per_step

    def draw(self) -> Group:
        row, sizes, steps = self._row, self._sizes, self._budget.steps
        if row is None:
            return Group("train: the first step")
        share = row.step / steps if steps else self._elapsed / self._budget.seconds
        bits = None if self._validation is None else sizes.bits(self._validation)
        speed = f"{row.tokens_per_second:,.0f}, MFU {100 * sizes.mfu(row.tokens_per_second):.1f} %"
        table = Table.grid(*(Column(style=style, no_wrap=True) for style in ("dim", "bold") * 2), padding=(0, 2))
        bar = ProgressBar(total=1.0, completed=min(share, 1.0), width=BAR)
        table.add_row("train", bar, "time left", str(timedelta(seconds=round(self.seconds_left()))))
        table.add_row("step", f"{row.step:,}" + (f" of {steps:,}" if steps else ""), "tokens", f"{row.tokens:,}")
        table.add_row("loss", f"{row.loss:.3f}", "learning rate", f"{row.learning_rate:.2e}")
        table.add_row("validation", _figure(self._validation), "gradient norm", f"{row.gradient_norm:.2f}")
        table.add_row("bits per byte", _figure(bits), "tokens/s", speed)
        return Group(table, Text.assemble(("loss so far    ", "dim"), sparkline(self._losses.means)))


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


@contextmanager
def display(module: TrainingModule, limits: Budget, sizes: Sizes) -> Iterator[None]:
    """Show the steps of the body of the `with` statement."""
    first, started = module.step, time.monotonic()
    if console.is_terminal:
        panel = Panel(limits, sizes, first)
        module.watchers.append(lambda row: panel.show(row, module.elapsed()))
        shown = Live(get_renderable=panel.draw, console=console, refresh_per_second=4)
    else:
        module.watchers.append(_lines(module, limits))
        shown = nullcontext()
    with shown:
        yield
    seconds = time.monotonic() - started
    rate = (module.tokens(module.step) - module.tokens(first)) / max(seconds, 1e-9)
    last, loss = module.curve[-1], last_loss(module.curve)
    print(
        f"train: {module.step} steps, {last[1]:,} tokens, loss {loss:.3f}, validation {last[3]:.3f}; "
        f"{rate:,.0f} tokens/s with validation",
        file=sys.stderr,
        flush=True,
    )


def _lines(module: TrainingModule, limits: Budget) -> Callable[[Measured], None]:
    ticker = Ticker("train", limits.steps or int(limits.seconds))
    ticker.advance(module.step if limits.steps else int(module.elapsed()))

    def show(row: Measured) -> None:
        validation = next((line[3] for line in reversed(module.curve) if line[3] is not None), None)
        note = f"loss {row.loss:.3f}" + (f" validation {validation:.3f}" if validation is not None else "")
        done = row.step if limits.steps else min(int(module.elapsed()), ticker.total)
        ticker.advance(done - ticker.done, f"{note} {row.tokens_per_second:,.0f} tokens/s")

    return show
