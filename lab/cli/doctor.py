"""`lab doctor`: whether this machine can run the pipeline. In: the installation and the project. Out: findings by
topic; exit status 0 if `make repro` can run, 1 with what to do otherwise. No key is ever shown.
"""

import os
import platform
import re
import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from lab import formatting as words
from lab import machine
from lab.cli.terminal import find_project, harmless, make_console
from lab.errors import LabError
from lab.git import read_revision

if TYPE_CHECKING:
    from lab.params import TrackingParams, UrlFilterParams
    from lab.params_yaml import Params

PYTHON = (3, 11)
SHOWN = ("torch", "lightning", "transformers", "lm-eval", "dvc", "tiktoken", "pyarrow", "wandb")
MAX_NAMED = 6  # packages that differ from the lock
MIN_FREE_BYTES = 3_000_000_000  # that a default run and its cache need, with a margin
MIN_MEMORY_BYTES = 4_000_000_000


@dataclass(frozen=True)
class Finding:
    """One line of the output. `remedy`: what to do before `make repro` can run; `warning`: worth a look."""

    name: str
    value: str
    remedy: str | None = None
    warning: bool = False


def doctor() -> int:
    """Show what is installed, which devices there are, and where models and lists come from.

    Exit status 0: `make repro` can run here; 1: it can't, and what to do stands at the end.

    \b
    Example:
      lab doctor
    """
    root = find_project()
    params, parameters = read_params(root)
    topics = {
        "Installation": installation(root / "requirements.lock"),
        "Devices": devices(),
        "Project": [Finding("folder", str(root)), parameters, git(root), dvc(root), disk(root)],
    }
    if params is not None:
        topics |= {"Models and lists": origins(root, params), "Tracking": tracking(params.tracking)}
    console = make_console()
    for topic, findings in topics.items():
        console.print(topic, style="bold")
        for finding in findings:
            style = "red" if finding.remedy else "yellow" if finding.warning else ""
            console.print(harmless(f"  {finding.name}: ").append(finding.value, style), soft_wrap=True)
    problems = [finding for findings in topics.values() for finding in findings if finding.remedy]
    if not problems:
        console.print("`make repro` can run here.", style="green")
        return 0
    console.print("`make repro` can't run as it should:", style="bold red")
    for problem in problems:
        console.print(f"  {problem.name}: {problem.remedy}", soft_wrap=True)
    return 1


def installation(lock: Path) -> list[Finding]:
    """Python, tools, the most important packages, and all that differ from the lock."""
    minimum = ".".join(map(str, PYTHON))
    remedy = f"install Python {minimum} or newer, then: make clean repro PYTHON=python{minimum}"
    old = sys.version_info < PYTHON
    tools = {name: shutil.which(name) for name in ("git", "make")}
    versions = ", ".join(f"{name} {version}" for name in SHOWN if (version := installed(name)))
    ray = installed("ray") or "not installed (only engine.kind: ray needs it): pip install -e '.[cluster]'"
    return [
        Finding("Python", f"{platform.python_version()} ({sys.executable})", remedy=remedy if old else None),
        *(Finding(n, path or "not there", remedy=None if path else f"install {n}.") for n, path in tools.items()),
        Finding("packages", versions or "none"),
        locked(lock),
        Finding("ray", ray),
    ]


def locked(lock: Path) -> Finding:
    """Whether every package of the lock that is for this platform is installed in its version."""
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name
    from packaging.version import Version

    if not lock.is_file():
        return Finding(lock.name, "not there", remedy=f"restore it: git checkout {lock.name}")
    pins: dict[str, str] = {}
    for line in lock.read_text("utf-8").splitlines():
        with suppress(InvalidRequirement):  # comments and options
            requirement = Requirement(line.split(" #")[0].strip())
            versions = [pin.version for pin in requirement.specifier if pin.operator == "=="]
            if versions and (requirement.marker is None or requirement.marker.evaluate()):
                pins[canonicalize_name(requirement.name)] = versions[0]
    differences = []
    for name, pinned in pins.items():
        version = installed(name)
        if version is None:
            differences.append(f"{name} {pinned} is not installed")
        elif Version(version).public != Version(pinned).public:  # the local part (+cpu, +cu128) is the device's
            differences.append(f"{name} is {version}, not {pinned}")
    if not differences:
        return Finding(lock.name, f"all {len(pins)} packages as pinned")
    more = f"; and {len(differences) - MAX_NAMED} more" if len(differences) > MAX_NAMED else ""
    remedy = f"{sys.executable} -m pip install -r {lock.name} -e .   (or: make clean repro)"
    return Finding(lock.name, "; ".join(differences[:MAX_NAMED]) + more, remedy=remedy)


def installed(name: str) -> str | None:
    """The version of a package; None if it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def devices() -> list[Finding]:
    memory = machine.memory()
    short = memory is not None and memory < MIN_MEMORY_BYTES
    gpus = [name if size is None else f"{name}, {words.size(size)}" for name, size in machine.gpus()]
    return [
        Finding("processor", f"{machine.processor()}, {machine.cores()} cores for this process"),
        Finding("memory", words.size(memory) + (" (the default run wants 4 GB)" if short else ""), warning=short),
        Finding("GPUs", "; ".join(gpus) or "none: training runs on the processor"),
    ]


def read_params(root: Path) -> "tuple[Params | None, Finding]":
    """The parameters, if they can be read, and what is wrong with them."""
    try:
        from lab.params_yaml import load

        return load(root / "params.yaml"), Finding("params.yaml", "valid")
    except ModuleNotFoundError as error:  # which the lock's finding names too
        return None, Finding("params.yaml", f"not read: the package '{error.name}' is not installed", warning=True)
    except LabError as error:
        return None, Finding("params.yaml", str(error), remedy="correct it as the message above says.")


def git(root: Path) -> Finding:
    revision = read_revision(root)
    if revision.commit is None:
        return Finding("git", "not a repository with a commit", remedy="git init && git add -A && git commit -m Start")
    return Finding("git", str(revision))


def dvc(root: Path) -> Finding:
    if not (root / ".dvc" / "config").is_file():
        return Finding("DVC", "not initialised", remedy="dvc init")
    lock = root / "dvc.lock"
    if not lock.is_file():
        return Finding("DVC", "initialised; nothing has run yet")
    stages = len(re.findall(r"^  [^ ]", lock.read_text("utf-8"), re.MULTILINE))
    return Finding("DVC", f"initialised; dvc.lock records {stages} stages that have run (`dvc status`: what changed)")


def disk(root: Path) -> Finding:
    free = shutil.disk_usage(root).free
    remedy = f"free {words.size(MIN_FREE_BYTES - free)}; `dvc gc --workspace` removes old outputs from DVC's cache."
    return Finding("disk", f"{words.size(free)} free", remedy=remedy if free < MIN_FREE_BYTES else None)


def origins(root: Path, params: "Params") -> list[Finding]:
    """Where models, lists and tokenizers come from."""
    # Benchmarks other than the sample suite are downloaded to Hugging Face's cache.
    home = os.environ.get("HF_HOME") or f"not set: {Path('~/.cache/huggingface').expanduser()}"
    offline = " (offline: HF_HUB_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE") else ""
    hub = Finding("HF_HOME", home + offline)
    try:
        model, lists = language_model(root, params.language.model), blacklist(root, params.url_filter)
        return [model, lists, *tokenizers(params.tokenizer.kind), hub]
    except ModuleNotFoundError:  # which the lock's finding names
        return [hub]


def language_model(root: Path, name: str) -> Finding:
    from lab.curate.language.stage import model_path

    if "://" in name:
        return Finding("language.model", f"{name}, downloaded when the stage runs")
    local = root / name
    try:
        path = local if local.is_file() else model_path(name)
    except LabError as error:
        return Finding("language.model", str(error), remedy="set language.model of params.yaml to lid.176.ftz.")
    return Finding("language.model", f"{path} ({words.size(path.stat().st_size)})")


def blacklist(root: Path, params: "UrlFilterParams") -> Finding:
    """Where the blacklist is, and which of its categories are in force, with their numbers of entries."""
    from lab.curate.urls.blacklist import build

    name, setting = "url_filter.blacklist", params.blacklist
    path = root / "data" / "crawl" / "blacklist" if setting == "auto" else root / (setting or "")
    if setting is None or (setting == "auto" and not path.exists()):
        return Finding(name, "auto: the crawl's own, if it has one" if setting else "none")
    if not path.exists():
        remedy = f"put a list in UT1's layout at {setting}, or set {name} of params.yaml to auto."
        return Finding(name, f"{setting}: not there", remedy=remedy)
    try:
        categories = build(path, params.categories).categories
    except LabError as error:
        return Finding(name, str(error), remedy="correct url_filter as the message above says.")
    return Finding(name, f"{path}: " + ", ".join(f"{key} ({count:,})" for key, count in categories.items()))


def tokenizers(kind: str) -> list[Finding]:
    """tiktoken's cache, and the well-known tokenizers in it; a warning if the run needs another one."""
    from lab.tokens.foreign import NAMED, cache_folder, is_cached

    setting = os.environ.get("TIKTOKEN_CACHE_DIR")
    cached = [name for name in NAMED if is_cached(name)]
    missing = kind in NAMED and kind not in cached
    note = f"; {kind}, which tokenizer.kind asks for, will be downloaded" if missing else ""
    return [
        Finding("TIKTOKEN_CACHE_DIR", setting or f"not set: {cache_folder()}"),
        Finding("tokenizers in it", (", ".join(cached) or "none") + note, warning=missing),
    ]


def tracking(params: "TrackingParams") -> list[Finding]:
    """Where training runs are logged, and whether there is a key for it."""
    key = bool(os.environ.get("WANDB_API_KEY"))
    offline = "offline, to .lab/wandb (`wandb sync` sends it later)"
    modes = {"auto": "online" if key else offline, "online": "online", "offline": offline, "disabled": "not at all"}
    keyless = params.mode == "online" and not key
    remedy = "set WANDB_API_KEY, or tracking.mode of params.yaml to auto." if keyless else None
    return [
        Finding("WANDB_API_KEY", "set" if key else "not set", remedy=remedy),
        Finding("training runs are logged", modes[params.mode]),
    ]
