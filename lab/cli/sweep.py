"""`lab sweep`: loss against one key's values, for several models. In: a sweep of scaling.yaml. Out: DVC experiments, a
table of their states, and reports/sweeps/<name>/.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.project import find_project
from lab.cli.queue import DryRun, Options, Part, Report, Status, Workers, act

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

    After a stop or kill, run it again to continue. What is finished is never run again.

    \b
    Examples:
      lab sweep                         list the sweeps
      lab sweep learning-rate --dry-run
      lab sweep learning-rate --workers 2
      lab sweep learning-rate --status  from another terminal
    """
    from lab.experiments import scaling
    from lab.experiments.repository import Repository

    project = find_project()
    path = project.root / scaling.FILE
    if name is None:
        for known, listed in scaling.load(path).sweeps.items():
            print(f"{known}: {listed.question} ({len(scaling.sweep_trials(known, listed))} runs)")
        return
    study = scaling.find_sweep(path, name)

    def write(queue: "Queue") -> Path:
        from lab.report.studies.sweep import write

        folder = queue.project.root / "reports" / "sweeps" / name
        write(folder, name, study, scaling.read_points(queue, scaling.sweep_trials(name, study), f"lab sweep {name}"))
        return folder / "index.html"

    queue = scaling.sweep_queue(name, study, Repository(project.root))
    act(queue, Options(workers, part, dry_run, status, report), write)
