"""`lab ablate`: run an ablation of ablations.yaml and write its report. In: its name. Out: DVC experiments, a table of
their states, and reports/ablations/<name>/.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.project import find_project
from lab.cli.queue import DryRun, Options, Part, Report, Status, Workers, act
from lab.errors import LabError

if TYPE_CHECKING:
    from lab.experiments.queue import Queue
    from lab.experiments.results import Results


def ablate(
    name: Annotated[str | None, typer.Argument(help="An ablation of ablations.yaml; none: list them.")] = None,
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
    from lab.experiments.repository import Repository

    project = find_project()
    path = project.root / "ablations.yaml"
    if name is None:
        for known, ablation in plan.load(path).items():
            print(f"{known}: {ablation.question} ({len(ablation.variants)} variants x {len(ablation.seeds)} seeds)")
        return
    ablation = plan.find(path, name)

    def write(queue: "Queue") -> Path:
        from lab.experiments.results import read_results
        from lab.report.studies.ablation import write

        folder = queue.project.root / "reports" / "ablations" / queue.name
        results = read_results(queue, ablation)
        write(folder, results)
        _publish(queue, results)
        return folder / "index.html"

    act(make_queue(name, ablation, Repository(project.root)), Options(workers, part, dry_run, status, report), write)


def _publish(queue: "Queue", results: "Results") -> None:
    """Publish the results in W&B, if runs are tracked online; an error becomes a note on stderr."""
    from lab.params import TrackingParams
    from lab.report.studies.dashboard import publish

    params = TrackingParams.model_validate(queue.values[queue.experiments[0].name]["tracking"])
    try:
        address = publish(results, params, queue.folder / "dashboard.json")
    except LabError as error:
        print(f"note: {error}", file=sys.stderr)
        return
    if address is not None:
        print(address)
