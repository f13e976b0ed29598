"""`lab ablate`, `lab isoflop`, `lab sweep`: plan, run, show and report a queue of experiments.

In: ablations.yaml or scaling.yaml. Out: DVC experiments, a table of their states, and a folder of reports/.
"""

import shlex
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.terminal import find_project, show
from lab.errors import LabError, ParameterError
from lab.experiments.overrides import arguments
from lab.experiments.repository import Repository

if TYPE_CHECKING:
    from rich.table import Table

    from lab.experiments.queue import Queue
    from lab.experiments.schedule import State

STYLES: dict[str, str] = {"queued": "dim", "running": "bold cyan", "done": "green", "failed": "bold red"}
REPEATED = "its corpus is too small for the budget: parts were seen again"

Workers = Annotated[int, typer.Option(min=1, help="Experiments at once; they share cores and GPUs.")]
Part = Annotated[str | None, typer.Option(help="N/M: only every M-th experiment from the N-th, one machine's share.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check what would be run, and show it.")]
Status = Annotated[bool, typer.Option("--status", help="Show what is queued, running, done and failed.")]
Report = Annotated[bool, typer.Option("--report", help="Only write the report of what is finished.")]


def ablate(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="An ablation of ablations.yaml; none: list them.")
    ] = None,
    workers: Workers = 1,
    part: Part = None,
    dry_run: DryRun = False,
    status: Status = False,
    report: Report = False,
) -> None:
    """Run each variant with each seed, through DVC, and report which made the base model better.

    After a stop or kill, run it again to continue. What is finished is never run again.

    \b
    Examples:
      lab ablate                        list the ablations
      lab ablate filters --dry-run
      lab ablate filters --workers 2
      lab ablate filters --status       from another terminal
      lab ablate filters --part 1/2     on one of two machines; then `dvc exp push`, `dvc exp pull`
    """
    from lab.experiments import plan
    from lab.experiments.queue import make_queue

    root = find_project()
    path = root / "ablations.yaml"
    if name is None:
        for known, ablation in plan.load(path).items():
            print(f"{known}: {ablation.question} ({len(ablation.variants)} variants x {len(ablation.seeds)} seeds)")
        return
    ablation = plan.find(path, name)
    queue = make_queue(name, ablation, Repository(root))

    def write(folder: Path) -> None:
        from lab.experiments.results import read_results
        from lab.params import TrackingParams
        from lab.report.studies.ablation import write
        from lab.report.studies.dashboard import publish

        results = read_results(queue, ablation)
        write(folder, results)
        tracking = TrackingParams.model_validate(queue.values[queue.experiments[0].name]["tracking"])
        try:
            address = publish(results, tracking, queue.folder / "dashboard.json")  # None: not tracked online
            if address is not None:
                print(address)
        except LabError as error:
            print(f"note: {error}", file=sys.stderr)

    _act(queue, f"reports/ablations/{name}", write, workers, part, dry_run, status, report)


def isoflop(
    workers: Workers = 1, part: Part = None, dry_run: DryRun = False, status: Status = False, report: Report = False
) -> None:
    """Train models of several sizes at each of a few FLOP budgets, through DVC, and fit the best size for a budget.

    For each budget of scaling.yaml a parabola through the losses over log tokens, and over log parameters; through
    their lowest points a power law of the budget, as for Llama 3 (section 3.2.1). After a stop or kill, run it again to
    continue.

    \b
    Examples:
      lab isoflop --dry-run
      lab isoflop --workers 2
      lab isoflop --status              from another terminal
      lab isoflop --report              of the runs that are finished
    """
    from lab.experiments import scaling

    root = find_project()
    study = scaling.find_isoflop(root / scaling.FILE)
    queue = scaling.isoflop_queue(study, Repository(root))

    def write(folder: Path) -> None:
        from lab.experiments.scaling import read_points
        from lab.report.studies.isoflop import write

        write(folder, study, read_points(queue, scaling.isoflop_trials(study), "lab isoflop"))

    _act(queue, "reports/isoflop", write, workers, part, dry_run, status, report)


def sweep(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A sweep of scaling.yaml; none: list them.")
    ] = None,
    workers: Workers = 1,
    part: Part = None,
    dry_run: DryRun = False,
    status: Status = False,
    report: Report = False,
) -> None:
    """Train with each value of a key, for each model, through DVC, and show where each is best.

    After a stop or kill, run it again to continue. What is finished is never run again.

    \b
    Examples:
      lab sweep                         list the sweeps
      lab sweep learning-rate --dry-run
      lab sweep learning-rate --workers 2
      lab sweep learning-rate --status  from another terminal
    """
    from lab.experiments import scaling

    root = find_project()
    path = root / scaling.FILE
    if name is None:
        for known, listed in scaling.load(path).sweeps.items():
            print(f"{known}: {listed.question} ({len(scaling.sweep_trials(known, listed))} runs)")
        return
    study = scaling.find_sweep(path, name)
    queue = scaling.sweep_queue(name, study, Repository(root))

    def write(folder: Path) -> None:
        from lab.experiments.scaling import read_points
        from lab.report.studies.sweep import write

        write(folder, name, study, read_points(queue, scaling.sweep_trials(name, study), f"lab sweep {name}"))

    _act(queue, f"reports/sweeps/{name}", write, workers, part, dry_run, status, report)


def _act(
    whole: "Queue",
    folder: str,
    write: Callable[[Path], None],
    workers: int,
    part: str | None,
    dry_run: bool,
    status: bool,
    report: bool,
) -> None:
    """Do with a queue what the options ask for; `write` reports what is finished. LabError if an experiment failed."""
    from lab.experiments import schedule

    if dry_run + status + report > 1:
        raise ParameterError("--dry-run, --status and --report each do one thing: give one of them.")
    queue = whole if part is None else whole.part(*_part(part))
    if dry_run:
        print(_planned(queue))
        return
    if status:
        show(_table(queue, schedule.current_states(queue)))
        return
    states = {} if report else _run(queue, workers)
    failed = [experiment for experiment, state in states.items() if state.status == "failed"]
    if report or len(failed) < len(states):
        write(whole.project.root / folder)
        print(f"{folder}/index.html")
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

    def print_changes(states: "dict[str, State]") -> None:
        for experiment, state in states.items():
            if state.status != "queued" and printed.get(experiment) != (state.status, state.stage):
                printed[experiment] = (state.status, state.stage)
                note = f": {state.error}" if state.error else f" ({state.stage})" if state.stage else ""
                console.print(f"{experiment}: {state.status}{note}", markup=False, soft_wrap=True)

    return schedule.run(queue, workers, print_changes)


def _table(queue: "Queue", states: "dict[str, State]") -> "Table":
    """One row per experiment: its status, stage and time, and why it failed."""
    from rich.table import Column, Table
    from rich.text import Text

    counts: Counter[str] = Counter(state.status for state in states.values())
    title = f"{queue.name}: " + ", ".join(f"{counts[status]} {status}" for status in STYLES if counts[status])
    columns = "experiment", "status", "stage", Column("time", justify="right"), Column("epochs", justify="right"), ""
    table = Table(*columns, title=title, title_justify="left", box=None, pad_edge=False)
    for experiment in queue.experiments:
        state = states[experiment.name]
        repeated = state.epochs is not None and state.epochs > 1
        note = REPEATED if repeated else state.error if state.status == "failed" else ""
        table.add_row(
            experiment.name,
            Text(state.status, STYLES[state.status]),
            Text(state.stage),
            _duration(state.seconds) if state.seconds else "",
            "" if state.epochs is None else f"{state.epochs:.2f}",
            Text(note),  # from a log: brackets in it are no markup
        )
    return table


def _planned(queue: "Queue") -> str:
    """How often each stage will run, and the commands, one a line."""
    runs = {stage: {keys[stage] for keys in queue.keys.values()} for stage in next(iter(queue.keys.values()))}
    shared = ", ".join(f"{stage} {len(keys)}" for stage, keys in runs.items())
    commands = [
        shlex.join(["dvc", "exp", "run", "--name", each.name, *arguments(each.overrides), *queue.targets])
        for each in queue.experiments
    ]
    return "\n".join([f"{len(commands)} experiments; stages to run at most: {shared}", *commands])


def _part(text: str) -> tuple[int, int]:
    number, _, of = text.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise LabError(f"--part '{text}' is not N/M with N from 1 to M, such as 1/3.")
    return int(number), int(of)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"
