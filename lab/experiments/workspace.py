"""Clones of the project in which experiments run, one per worker: `.lab/ablations/workers/<number>`.

DVC's own queue runs a stage that two experiments share twice, shows a killed one as "Running" for ever, and starts a
killed training over. A clone shares DVC's cache, from which finished stages are restored, and keeps its .lab/, in which
unfinished ones continue. `dvc exp run` inherits a lock, which shows whether it still runs.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from lab.experiments.overrides import arguments
from lab.experiments.plan import Experiment
from lab.experiments.repository import DVC, ExperimentRef, Repository
from lab.files import read_json, write_json

_STAGE = re.compile(r"^(?:Running stage '(\w+)'|Stage '(\w+)' (?:is cached|didn't change))")
_ERROR = re.compile(r"^(?:error|ERROR): (.+)$")
_RAISED = re.compile(r"^[\w.]+(Error|Exception|Interrupt)\b")  # the last line of a traceback
# DVC's messages for any failed stage; the stage's own message says more.
_GENERAL = ("failed to reproduce", "failed to run", "Failed to reproduce")


@dataclass(frozen=True)
class Workspace:
    """A worker's clone. `cores`: CPU cores that it may use, None: all; `device`: the GPU that it may use, None: all."""

    project: Repository
    number: int
    cores: frozenset[int] | None = None
    device: str | None = None

    @property
    def root(self) -> Path:
        return self.project.root / ".lab" / "ablations" / "workers" / str(self.number)

    @property
    def clone(self) -> Repository:
        return Repository(self.root)

    @property
    def busy(self) -> bool:
        """Whether a `dvc exp run` is running here, whoever started it."""
        if not self._lock.exists():
            return False
        with open(self._lock) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    @property
    def current(self) -> str | None:
        """Name of the experiment that was started here last; its unfinished work is in .lab/."""
        path = self._lock.with_suffix(".json")
        return read_json(path)["experiment"] if path.exists() else None

    def experiment(self, name: str) -> ExperimentRef | None:
        """The experiment of that name that was finished here."""
        refs = self.clone.experiments() if (self.root / ".git").exists() else ()
        return next((ref for ref in refs if ref.name == name), None)

    def start(self, experiment: Experiment, targets: list[str], log: Path) -> subprocess.Popen:
        """Start `dvc exp run` on the project's HEAD, in a session of its own, with its output in `log`."""
        self._prepare(self.project.revision())
        write_json(self._lock.with_suffix(".json"), {"experiment": experiment.name})
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [*DVC, "exp", "run", "--name", experiment.name, *arguments(experiment.overrides), *targets]
        with open(self._lock, "w") as lock, open(log, "w") as output:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return subprocess.Popen(
                command,
                cwd=self.root,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=[lock.fileno()],  # held until it ends
                preexec_fn=self._pin,
            )

    def collect(self, name: str) -> bool:
        """Fetch an experiment into the project, replacing an older one of its name; whether it was finished here."""
        made = self.experiment(name)
        if made:
            self.project.git("fetch", "--quiet", "--no-tags", str(self.root), f"+{made.ref}:{made.ref}")
        return made is not None

    def _prepare(self, revision: str) -> None:
        """Bring the clone to a revision, with the project's settings and cache, without locks of a killed run."""
        if not (self.root / ".git").exists():
            shutil.rmtree(self.root, ignore_errors=True)
            self.root.parent.mkdir(parents=True, exist_ok=True)
            self.project.git("clone", "--quiet", "--no-checkout", str(self.project.root), str(self.root))
        git = self.clone.git
        git("fetch", "--quiet", "--no-tags", str(self.project.root), revision)
        for lock in (self.root / ".git").glob("*.lock"):
            lock.unlink()
        git("checkout", "--quiet", "--force", "-B", "ablation", revision)
        for ref in git("for-each-ref", "--format=%(refname)", "refs/exps").split():
            git("update-ref", "--no-deref", "-d", ref)
        git("clean", "--quiet", "--force", "-d")  # ignored files stay: data/, .lab/
        for name in ("exps", "rwlock", "rwlock.lock"):
            path = self.root / ".dvc" / "tmp" / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        for key in ("user.name", "user.email"):
            with suppress(LabError):  # set elsewhere, or not at all: then git complains
                git("config", key, self.project.git("config", key).strip())
        settings, copy = (root / ".dvc" / "config.local" for root in (self.project.root, self.root))
        copy.write_text(settings.read_text("utf-8") if settings.exists() else "", "utf-8")
        cache = os.path.relpath(self.project.cache, self.root)  # DVC can't write letters beyond ASCII
        self.clone.dvc("config", "--quiet", "--local", "cache.dir", cache)

    def _environment(self) -> dict[str, str]:
        folder = Path(sys.executable).parent  # stages are run as `python -m stages NAME`: by this interpreter
        environment = os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"}
        for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):  # set inside hooks: they name another repository
            environment.pop(name, None)
        return environment | ({"CUDA_VISIBLE_DEVICES": self.device} if self.device is not None else {})

    def _pin(self) -> None:
        if self.cores is not None and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, self.cores)

    @property
    def _lock(self) -> Path:
        return self.root.with_suffix(".lock")


def workspaces(project: Repository, number: int) -> list[Workspace]:
    """`number` workers that share the machine's cores and GPUs evenly; a single one may use all."""
    if number == 1:
        return [Workspace(project, 1)]
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    devices = _devices()
    workers = []
    for index in range(number):
        share = frozenset(cores[index % len(cores) :: number]) if cores else None
        workers.append(Workspace(project, index + 1, share, devices[index % len(devices)] if devices else None))
    return workers


def _devices() -> list[str]:
    """The NVIDIA GPUs that this process may use."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name]
    return sorted(path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*"))


def logged_stages(log: str) -> tuple[list[str], str]:
    """The stages that have ended by a log of `dvc exp run`, and the one that it names last ("" if none)."""
    matches = [match for line in log.splitlines() if (match := _STAGE.match(line))]
    names = [match[1] or match[2] for match in matches]
    return names[:-1] if matches and matches[-1][1] else names, names[-1] if names else ""


def error_line(log: str) -> str:
    """The line of a log that says why an experiment failed."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [match[1] for line in lines if (match := _ERROR.match(line))]
    specific = [line for line in errors if not line.startswith(_GENERAL)]
    raised = [line for line in log.splitlines() if _RAISED.match(line)]
    return specific[0] if specific else (raised or errors or lines or ["it ended without a message"])[-1]
