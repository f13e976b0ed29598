"""A copy of the project with a small sample crawl and a small model, run once with `dvc repro` for all these tests."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from lab.pipeline import FILTERING
from lab.pipeline import NAMES as STAGES
from tests.conftest import ROOT

CURATION = [*FILTERING, "dataset"]
SMALL = {
    "crawl": {"sample": {"town_pages": 260, "documentation_pages": 80, "planted_per_kind": 2, "files": 2}},
    "index": {"records_per_shard": 60},
    "dataset": {"documents_per_shard": 100},
    "tokenizer": {"vocabulary": 600},
    "model": {"layers": 2, "width": 64, "heads": 2, "kv_heads": 2, "ffn": 128, "context": 64},
    "train": {
        "budget": "60000 tokens",
        "batch_tokens": 1024,
        "micro_batch": 16,
        "validate_every": 20,
        "validation_tokens": 4096,
        "checkpoint_every": 10,
    },
    "evaluate": {"items": 12},
    "engine": {"workers": 2},
}


@dataclass(frozen=True)
class Project:
    root: Path

    def run(self, *command: str, status: int = 0, **environment: str) -> str:
        """Run a command in the project and return what it printed; fails where its exit status is another."""
        done = subprocess.run(
            command, cwd=self.root, env=self.environment(**environment), capture_output=True, text=True, timeout=800
        )
        output = done.stdout + done.stderr
        assert done.returncode == status, f"{' '.join(command)} ended with {done.returncode}:\n{output[-6000:]}"
        return output

    def stage(self, name: str, status: int = 0, **environment: str) -> str:
        return self.run(sys.executable, "-m", "stages", name, status=status, **environment)

    def start_stage(self, name: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "stages", name],
            cwd=self.root,
            env=self.environment(),
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def environment(self, **more: str) -> dict[str, str]:
        bin_folder = str(Path(sys.executable).parent)
        return {**os.environ, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}", "WANDB_API_KEY": "", **more}

    def change(self, changes: dict) -> None:
        """Merge changes into params.yaml."""
        yaml = YAML()
        path = self.root / "params.yaml"
        values = yaml.load(path)
        merge(values, changes)
        yaml.dump(values, path)

    def clone(self, target: Path) -> "Project":
        """Only what is committed."""
        self.run("git", "clone", "-q", ".", str(target))
        project = Project(target)
        project.run("git", "config", "user.email", "test@example.org")
        project.run("git", "config", "user.name", "Test")
        return project

    def copy(self, target: Path) -> "Project":
        """A copy to break: the data are hard links, which every stage replaces rather than writes into."""
        shutil.copytree(self.root, target, symlinks=True, copy_function=os.link)
        for name in ("params.yaml", "dvc.lock"):  # written in place
            (target / name).unlink()
            shutil.copyfile(self.root / name, target / name)
        return Project(target)

    def hashes(self, stage: str) -> dict[str, str]:
        """The bytes of a stage's output: relative path -> sha256."""
        folder = self.root / "data" / stage
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def merge(values: dict, changes: dict) -> None:
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(values.get(key), dict):
            merge(values[key], value)
        else:
            values[key] = value


def stages_run(output: str) -> list[str]:
    """The stages that a `dvc repro` ran, from what it printed."""
    return re.findall(r"Running stage '(\w+)'", output)


def kill_when(process: subprocess.Popen, condition: Callable[[], bool], seconds: float = 120) -> None:
    """SIGKILL the process and its workers as soon as the condition holds; fails if it ended before."""
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < end, "nothing to kill it at"
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture(scope="session")
def fresh(tmp_path_factory) -> Project:
    """The project as a clone has it (with what is not committed yet), and small parameters."""
    root = tmp_path_factory.mktemp("e2e") / "project"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    ).stdout.split("\n")
    for name in filter(None, listed):
        if (ROOT / name).is_file() and not name.startswith("reports/") and name != "dvc.lock":
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, root / name)
    project = Project(root)
    project.run("git", "init", "-q")
    project.run("git", "config", "user.email", "test@example.org")
    project.run("git", "config", "user.name", "Test")
    project.change(SMALL)
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "A small lab")
    return project


@pytest.fixture(scope="session")
def finished(fresh) -> Project:
    """The same after `dvc repro`."""
    output = fresh.run("dvc", "repro")
    assert stages_run(output) == list(STAGES)
    return fresh
