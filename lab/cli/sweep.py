"""`lab sweep`: loss against one key's values, for several models. In: a sweep of scaling.yaml. Out: DVC experiments, a
table of what runs, and reports/sweeps/<name>/.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.project import find_project
from lab.cli.queue import DryRun, Part, Report, Status, Wanted, Workers, act

if TYPE_CHECKING:
    from lab.experiments.queue import Queue


def sweep(
    name: Annotated[str | None, typer.Argument(help="A sweep of scaling.yaml; none: list them.")] = None,
    workers: Workers = 1,
    part: Part = None,
    dry_run: DryRun = False,
    status: Status = False,
    report: Report = False,
) -> None:
    """Train with each value of a key, for each model, through DVC, and show where each is best.

    Stopped or killed, it goes on where it was when it is run again. What is finished is never run again.

    \b
    Examples:
      lab sweep                         the sweeps that there are
      lab sweep learning-rate --dry-run
      lab sweep learning-rate --workers 2
      lab sweep learning-rate --status  from another terminal
    """
    from lab.experiments import scaling
    from lab.experiments.repository import Repository

    project = find_project()
    path = project.root / scaling.FILE
    if name is None:
        for known, each in scaling.load(path).sweeps.items():
            print(f"{known}: {each.question} ({len(scaling.sweep_trials(known, each))} runs)")
        return
    wanted = scaling.find_sweep(path, name)

    def write(queue: "Queue") -> Path:
        from lab.experiments.points import read_points
        from lab.report.studies.sweep import write

        folder = queue.project.root / "reports" / "sweeps" / name
        write(folder, name, wanted, read_points(queue, scaling.sweep_trials(name, wanted), f"lab sweep {name}"))
        return folder / "index.html"

    queue = scaling.sweep_queue(name, wanted, Repository(project.root))
    act(queue, Wanted(workers, part, dry_run, status, report), write)
