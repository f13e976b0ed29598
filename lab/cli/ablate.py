"""`lab ablate`: run an ablation of ablations.yaml and write its verdict. In: its name. Out: DVC experiments, a table of
what runs, and reports/ablations/<name>/.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.project import find_project
from lab.errors import LabError

if TYPE_CHECKING:
    from rich.table import Table

    from lab.experiments.queue import Queue
    from lab.experiments.states import State

STYLES: dict[str, str] = {"queued": "dim", "running": "bold cyan", "done": "green", "failed": "bold red"}


def ablate(
    name: Annotated[str | None, typer.Argument(help="An ablation of ablations.yaml; none: list them.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Experiments at once; they share cores and GPUs.")] = 1,
    part: Annotated[
        str | None, typer.Option(help="N/M: only every M-th experiment from the N-th, one machine's share.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be run, and check it.")] = False,
    status: Annotated[bool, typer.Option("--status", help="Show what is queued, running, done and failed.")] = False,
    report: Annotated[bool, typer.Option("--report", help="Only write the report, of what is done so far.")] = False,
) -> None:
    """Run each variant with each seed, through DVC, and report which made the base model better.

    Stopped or killed, it goes on where it was when it is run again. What is finished is never run again.

    \b
    Examples:
      lab ablate                        the ablations that there are
      lab ablate filters --dry-run
      lab ablate filters --workers 2
      lab ablate filters --status       from another terminal
      lab ablate filters --part 1/2     on one of two machines; then `dvc exp push`, `dvc exp pull`
    """
    from lab.experiments import plan, schedule
    from lab.experiments.queue import make_queue
    from lab.experiments.repository import Repository

    project = find_project()
    path = project.root / "ablations.yaml"
    if name is None:
        for known, ablation in plan.load(path).items():
            print(f"{known}: {ablation.question} ({len(ablation.variants)} variants x {len(ablation.seeds)} seeds)")
        return
    queue = make_queue(name, plan.find(path, name), Repository(project.root))
    if part is not None:
        queue = queue.part(*_part(part))
    if dry_run:
        _print(_planned(queue))
    elif status:
        _print(_table(queue, schedule.current_states(queue)))
    elif report:
        _report(queue)
    else:
        states = _run(queue, workers)
        failed = [experiment for experiment, state in states.items() if state.status == "failed"]
        if len(failed) < len(states):
            _report(queue)
        if failed:
            raise LabError(
                f"{len(failed)} of {len(states)} experiments failed ({failed[0]}: {states[failed[0]].error}); the logs "
                f"are in {queue.folder}. Run it again to try them again."
            )


def _run(queue: "Queue", workers: int) -> "dict[str, State]":
    """Work off the queue, shown as a live table in a terminal and as lines elsewhere."""
    from rich.live import Live

    from lab.experiments import schedule
    from lab.progress import console

    if console.is_terminal:
        with Live(console=console, refresh_per_second=4) as live:
            return schedule.run(queue, workers, lambda states: live.update(_table(queue, states)))
    shown: dict[str, tuple[str, str]] = {}

    def show(states: "dict[str, State]") -> None:
        for experiment, state in states.items():
            if state.status != "queued" and shown.get(experiment) != (state.status, state.stage):
                shown[experiment] = (state.status, state.stage)
                note = f": {state.error}" if state.error else f" ({state.stage})" if state.stage else ""
                console.print(f"{experiment}: {state.status}{note}", markup=False, soft_wrap=True)

    return schedule.run(queue, workers, show)


def _report(queue: "Queue") -> None:
    from lab.experiments.results import read_results
    from lab.report.ablation import write

    folder = queue.project.root / "reports" / "ablations" / queue.name
    write(folder, read_results(queue))
    print(f"{(folder / 'index.html').relative_to(queue.project.root)}")


def _table(queue: "Queue", states: "dict[str, State]") -> "Table":
    """An experiment a row: its status, where it is, since when, and why it failed."""
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
            state.stage,
            _duration(state.seconds) if state.seconds else "",
            epochs,
            note,
        )
    return table


def _planned(queue: "Queue") -> "Table":
    """The commands, and how many of each stage's runs are shared."""
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
    if not (number.isdigit() and of.isdigit() and 1 <= int(number) <= int(of)):
        raise LabError(f"ablate: --part '{text}' is not N/M with N from 1 to M, such as 1/3.")
    return int(number), int(of)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"
