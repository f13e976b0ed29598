"""Shared by `lab ablate`, `lab isoflop` and `lab sweep`: plan, run, show and report a queue of experiments.

In: a Queue and options. Out: DVC experiments, a table of their states, and the caller's report.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.errors import LabError, ParameterError

if TYPE_CHECKING:
    from rich.table import Table

    from lab.experiments.queue import Queue
    from lab.experiments.schedule import State

STYLES: dict[str, str] = {"queued": "dim", "running": "bold cyan", "done": "green", "failed": "bold red"}

Workers = Annotated[int, typer.Option(min=1, help="Experiments at once; they share cores and GPUs.")]
Part = Annotated[str | None, typer.Option(help="N/M: only every M-th experiment from the N-th, one machine's share.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check what would be run, and show it.")]
Status = Annotated[bool, typer.Option("--status", help="Show what is queued, running, done and failed.")]
Report = Annotated[bool, typer.Option("--report", help="Only write the report of what is finished.")]


@dataclass(frozen=True)
class Options:
    """The common options of these commands."""

    workers: int
    part: str | None
    dry_run: bool
    status: bool
    report: bool

    def __post_init__(self) -> None:
        if self.dry_run + self.status + self.report > 1:
            raise ParameterError("--dry-run, --status and --report each do one thing: give one of them.")


def act(whole: "Queue", options: Options, write: "Callable[[Queue], Path]") -> None:
    """Do with a queue what the options say. `write` writes the report of what is finished and returns its page.

    LabError if an experiment failed, after the report of the others.
    """
    from lab.experiments import schedule

    queue = whole if options.part is None else whole.part(*_part(options.part))  # the report is of all that is finished
    if options.dry_run:
        _print(_planned(queue))
    elif options.status:
        _print(_table(queue, schedule.current_states(queue)))
    elif options.report:
        _report(whole, write)
    else:
        states = _run(queue, options.workers)
        failed = [experiment for experiment, state in states.items() if state.status == "failed"]
        if len(failed) < len(states):
            _report(whole, write)
        if failed:
            raise LabError(
                f"{len(failed)} of {len(states)} experiments failed ({failed[0]}: {states[failed[0]].error}); the logs "
                f"are in {queue.folder}. Run it again to try them again."
            )


def _run(queue: "Queue", workers: int) -> "dict[str, State]":
    """Run the queue, shown as a live table in a terminal and as lines elsewhere."""
    from rich.live import Live

    from lab.experiments import schedule
    from lab.progress import console

    if console.is_terminal:
        with Live(console=console, refresh_per_second=4) as live:
            return schedule.run(queue, workers, lambda states: live.update(_table(queue, states)))
    printed: dict[str, tuple[str, str]] = {}

    def show(states: "dict[str, State]") -> None:
        for experiment, state in states.items():
            if state.status != "queued" and printed.get(experiment) != (state.status, state.stage):
                printed[experiment] = (state.status, state.stage)
                note = f": {state.error}" if state.error else f" ({state.stage})" if state.stage else ""
                console.print(f"{experiment}: {state.status}{note}", markup=False, soft_wrap=True)

    return schedule.run(queue, workers, show)


def _report(queue: "Queue", write: "Callable[[Queue], Path]") -> None:
    print(write(queue).relative_to(queue.project.root))


def _table(queue: "Queue", states: "dict[str, State]") -> "Table":
    """One row per experiment: its status, stage and time, and why it failed."""
    from collections import Counter

    from rich.table import Table
    from rich.text import Text

    counts: Counter[str] = Counter(state.status for state in states.values())
    title = f"{queue.name}: " + ", ".join(f"{counts[status]} {status}" for status in STYLES if counts[status])
    table = Table("experiment", "status", "stage", title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("time", justify="right")
    table.add_column("epochs", justify="right")
    table.add_column("")
    for experiment in queue.experiments:
        state = states[experiment.name]
        epochs = "" if state.epochs is None else f"{state.epochs:.2f}"
        note = state.error if state.status == "failed" else ""
        if state.epochs is not None and state.epochs > 1:
            note = "its corpus is too small for the budget: parts were seen again"
        table.add_row(
            experiment.name,
            Text(state.status, STYLES[state.status]),
            Text(state.stage),
            _duration(state.seconds) if state.seconds else "",
            epochs,
            Text(note),  # from a log: brackets in it are no markup
        )
    return table


def _planned(queue: "Queue") -> "Table":
    """The commands, and how often each stage will run."""
    import shlex

    from rich.table import Table

    from lab.experiments.overrides import arguments

    runs = {stage: {keys[stage] for keys in queue.keys.values()} for stage in next(iter(queue.keys.values()))}
    shared = ", ".join(f"{stage} {len(keys)}" for stage, keys in runs.items())
    title = f"{len(queue.experiments)} experiments; stages to run at most: {shared}"
    table = Table("command", title=title, title_justify="left", box=None, pad_edge=False, show_header=False)
    for experiment in queue.experiments:
        command = ["dvc", "exp", "run", "--name", experiment.name, *arguments(experiment.overrides), *queue.targets]
        table.add_row(shlex.join(command))
    return table


def _print(table: "Table") -> None:
    from lab.cli.terminal import make_console

    console = make_console()
    console.print(table, soft_wrap=not console.is_terminal)


def _part(text: str) -> tuple[int, int]:
    number, _, of = text.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise LabError(f"--part '{text}' is not N/M with N from 1 to M, such as 1/3.")
    return int(number), int(of)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"
