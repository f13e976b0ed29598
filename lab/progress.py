"""Progress of long work: a live bar in a terminal, a line every few seconds in a log."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import TimeRemainingColumn as Remaining

SECONDS_BETWEEN_LINES = 15.0

console = Console(stderr=True, highlight=False)


class Ticker:
    """Counts steps of a known total, with a note (a rate, a loss)."""

    def __init__(self, label: str, total: int):
        self.label, self.total, self.done, self.note = label, total, 0, ""
        self._last_line = time.monotonic()

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.done += steps
        self.note = note or self.note
        if time.monotonic() - self._last_line > SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            print(f"{self.label}: {self.done}/{self.total} {self.note}".rstrip(), file=sys.stderr, flush=True)


class _BarTicker(Ticker):
    def __init__(self, label: str, total: int, bar: Progress):
        super().__init__(label, total)
        self._bar, self._task = bar, bar.add_task(label, total=total, note="")

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.done += steps
        self._bar.update(self._task, advance=steps, **({"note": note} if note else {}))


@contextmanager
def progress(label: str, total: int) -> Iterator[Ticker]:
    """A Ticker that is shown as a bar if stderr is a terminal, else as lines."""
    if not console.is_terminal:
        yield Ticker(label, total)
        return
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), Remaining())
    with Progress(SpinnerColumn(), *columns, TextColumn("{task.fields[note]}"), console=console) as bar:
        yield _BarTicker(label, total, bar)
