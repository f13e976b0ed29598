"""`lab isoflop`: the compute-optimal size of a model, from runs at equal FLOPs. In: scaling.yaml. Out: DVC experiments,
a table of their states, and reports/isoflop/.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from lab.cli.project import find_project
from lab.cli.queue import DryRun, Options, Part, Report, Status, Workers, act

if TYPE_CHECKING:
    from lab.experiments.queue import Queue


def isoflop(
    workers: Workers = 1,
    part: Part = None,
    dry_run: DryRun = False,
    status: Status = False,
    report: Report = False,
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
    from lab.experiments.repository import Repository

    project = find_project()
    study = scaling.find_isoflop(project.root / scaling.FILE)

    def write(queue: "Queue") -> Path:
        from lab.report.studies.isoflop import write

        folder = queue.project.root / "reports" / "isoflop"
        write(folder, study, scaling.read_points(queue, scaling.isoflop_trials(study), "lab isoflop"))
        return folder / "index.html"

    queue = scaling.isoflop_queue(study, Repository(project.root))
    act(queue, Options(workers, part, dry_run, status, report), write)
