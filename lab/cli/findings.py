"""What `lab doctor` finds out of this machine and project: devices, disk, parameters, git and DVC.

A Finding with a remedy is a reason for which `make repro` can't run; one with `warning` is worth a look.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from lab import formatting as words
from lab import machine
from lab.cli.project import Project
from lab.errors import LabError

FREE_BYTES = 3_000_000_000  # that a default run and its cache need, with room to spare
MEMORY_BYTES = 4_000_000_000


@dataclass(frozen=True)
class Finding:
    """One line of `lab doctor`."""

    name: str
    value: str
    remedy: str | None = None  # what to do, so that `make repro` can run
    warning: bool = False


def devices() -> list[Finding]:
    """Processor, memory and GPUs."""
    memory = machine.memory()
    short = memory is not None and memory < MEMORY_BYTES
    return [
        Finding("processor", f"{machine.processor()}, {machine.cores()} cores for this process"),
        Finding("memory", words.size(memory) + (" (the default run wants 4 GB)" if short else ""), warning=short),
        Finding("GPUs", "; ".join(gpus()) or "none: training runs on the processor"),
    ]


def gpus() -> list[str]:
    """Names and memory, as torch sees them."""
    try:
        import torch
    except ImportError:
        return []
    if torch.cuda.is_available():
        found = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
        return [f"{gpu.name}, {words.size(gpu.total_memory)}" for gpu in found]
    return ["Apple GPU (mps)"] if torch.backends.mps.is_available() else []


def project(project: Project) -> list[Finding]:
    """Parameters, git, DVC and disk."""
    from lab import params_yaml

    try:
        params_yaml.load(project.root / "params.yaml")
        parameters = Finding("params.yaml", "valid")
    except LabError as error:
        parameters = Finding("params.yaml", str(error), remedy="correct it as the message above says.")
    return [Finding("folder", str(project.root)), parameters, git(project.root), dvc(project.root), disk(project.root)]


def git(root: Path) -> Finding:
    from lab.report.run.reproduce import revision

    found = revision(root)
    if found.commit is None:
        return Finding("git", "not a repository with a commit", remedy="git init && git add -A && git commit -m Start")
    return Finding("git", str(found))


def dvc(root: Path) -> Finding:
    if not (root / ".dvc" / "config").is_file():
        return Finding("DVC", "not initialised", remedy="dvc init")
    lock = root / "dvc.lock"
    if not lock.is_file():
        return Finding("DVC", "initialised; nothing has run yet")
    stages = sum(line.startswith("  ") and not line.startswith("   ") for line in lock.read_text("utf-8").splitlines())
    return Finding(
        "DVC", f"initialised; dvc.lock records {stages} stages that have run (`dvc status` tells what changed)"
    )


def disk(root: Path) -> Finding:
    free = shutil.disk_usage(root).free
    few = free < FREE_BYTES
    remedy = f"free {words.size(FREE_BYTES - free)}; `dvc gc --workspace` removes old outputs from DVC's cache."
    return Finding("disk", f"{words.size(free)} free", remedy=remedy if few else None)
