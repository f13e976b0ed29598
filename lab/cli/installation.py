"""What is installed beside what requirements.lock pins. In: the lock. Out: Findings for `lab doctor`."""

import platform
import shutil
import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from lab.cli.findings import Finding

PYTHON = (3, 11)
SHOWN = ("torch", "lightning", "transformers", "lm-eval", "dvc", "tiktoken", "pyarrow", "wandb")
NAMED_AT_MOST = 6  # mismatches


def found(lock: Path) -> list[Finding]:
    """Python, tools, the packages that matter most, and all that differ from the lock."""
    versions = ", ".join(f"{name} {version}" for name in SHOWN if (version := installed(name)))
    return [python(), *map(tool, ("git", "make")), Finding("packages", versions or "none"), locked(lock), ray()]


def python() -> Finding:
    new_enough = sys.version_info >= PYTHON
    wanted = ".".join(map(str, PYTHON))
    remedy = None if new_enough else f"install Python {wanted} or newer, then: make clean repro PYTHON=python{wanted}"
    return Finding("Python", f"{platform.python_version()} ({sys.executable})", remedy=remedy)


def tool(name: str) -> Finding:
    path = shutil.which(name)
    return Finding(name, path or "not there", remedy=None if path else f"install {name}.")


def locked(lock: Path) -> Finding:
    """Whether every package of the lock is installed in its version."""
    if not lock.is_file():
        return Finding(lock.name, "not there", remedy=f"restore it: git checkout {lock.name}")
    pins, wrong = read_lock(lock), []
    for name, wanted in pins.items():
        version = installed(name)
        if version is None:
            wrong.append(f"{name} {wanted} is not installed")
        elif Version(version).public != Version(wanted).public:  # the local part (+cpu, +cu128) is the device's
            wrong.append(f"{name} is {version}, not {wanted}")
    if not wrong:
        return Finding(lock.name, f"all {len(pins)} packages as pinned")
    more = f"; and {len(wrong) - NAMED_AT_MOST} more" if len(wrong) > NAMED_AT_MOST else ""
    remedy = f"{sys.executable} -m pip install -r {lock.name} -e .   (or: make clean repro)"
    return Finding(lock.name, "; ".join(wrong[:NAMED_AT_MOST]) + more, remedy=remedy)


def read_lock(lock: Path) -> dict[str, str]:
    """Package -> pinned version, for this platform; comments and options left out."""
    pins: dict[str, str] = {}
    for line in lock.read_text("utf-8").splitlines():
        try:
            requirement = Requirement(line.split(" #")[0].strip())
        except InvalidRequirement:
            continue
        versions = [pin.version for pin in requirement.specifier if pin.operator == "=="]
        if versions and (requirement.marker is None or requirement.marker.evaluate()):
            pins[canonicalize_name(requirement.name)] = versions[0]
    return pins


def installed(name: str) -> str | None:
    """The version of an installed package; None without it."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def ray() -> Finding:
    version = installed("ray")
    return Finding("ray", version or "not installed (only engine.kind: ray needs it): pip install -e '.[cluster]'")
