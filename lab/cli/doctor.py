"""`lab doctor`: whether this machine can run the pipeline. In: the installation and the project. Out: findings by
topic; exit status 0 when `make repro` could run, 1 with what to do otherwise.
"""

from typing import TYPE_CHECKING

from lab.errors import LabError

if TYPE_CHECKING:
    from rich.text import Text

    from lab.cli.findings import Finding
    from lab.cli.project import Project


def doctor() -> int:
    """Show what is installed, which devices there are, and where models and lists come from.

    Exit status 0: `make repro` can run here; 1: it can't, and what to do stands at the end.

    \b
    Example:
      lab doctor
    """
    from lab.cli import findings, installation
    from lab.cli.project import find_project
    from lab.cli.terminal import make_console

    project = find_project()
    topics = {
        "Installation": installation.found(project.root / "requirements.lock"),
        "Devices": findings.devices(),
        "Project": findings.project(project),
        **_origins(project),
    }
    console = make_console()
    for topic, found in topics.items():
        console.print(topic, style="bold")
        for finding in found:
            console.print(_line(finding), soft_wrap=True)
    problems = [finding for found in topics.values() for finding in found if finding.remedy]
    if not problems:
        console.print("`make repro` can run here.", style="green")
        return 0
    console.print("`make repro` can't run as it should:", style="bold red")
    for problem in problems:
        console.print(f"  {problem.name}: {problem.remedy}", soft_wrap=True)
    return 1


def _origins(project: "Project") -> "dict[str, list[Finding]]":
    """What only the project's own packages can tell; nothing where one of them is missing, which the lock tells."""
    try:
        from lab import params_yaml
        from lab.cli import origins
    except ModuleNotFoundError:
        return {}
    try:
        values = params_yaml.load(project.root / "params.yaml")
    except LabError:  # told under Project
        return {}
    return {"Models and lists": origins.found(project, values), "Tracking": origins.tracking(values.tracking)}


def _line(finding: "Finding") -> "Text":
    from lab.cli.terminal import harmless

    line = harmless(f"  {finding.name}: ")
    return line.append(finding.value, "red" if finding.remedy else "yellow" if finding.warning else "")
