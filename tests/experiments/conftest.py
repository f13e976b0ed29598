"""A git and DVC project of four cheap stages, with the shape of the real pipeline, that logs which stages ran."""

import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from ruamel.yaml import YAML

STAGE = """
import json, os, pathlib, sys, time
import ruamel.yaml

name, seconds, inputs = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
with open(os.environ["STAGE_LOG"], "a") as log:
    log.write(name + "\\n")
params = ruamel.yaml.YAML(typ="safe").load(open("params.yaml"))
time.sleep(seconds)
if name == "quality" and not params["quality"]["gopher"]["max_words"]:
    print("error: quality: none of 7 documents is left", file=sys.stderr)
    sys.exit(1)
text = name + json.dumps(params.get(name)) + "".join((pathlib.Path("data") / i / "x").read_text() for i in inputs)
out = pathlib.Path("data") / name
out.mkdir(parents=True, exist_ok=True)
(out / "x").write_text(text)
pathlib.Path("reports").mkdir(exist_ok=True)
metrics = {"epochs": 0.5, "length": len(text)}
pathlib.Path(f"reports/{name}.json").write_text(json.dumps(metrics))
"""


def stage(name: str, params: str, before: str = "") -> str:
    """A stage of dvc.yaml that reads what the stage `before` wrote."""
    deps = f"stage.py, data/{before}" if before else "stage.py"
    return f"""  {name}:
    cmd: python stage.py {name} 0.2 {before}
    params: [{params}]
    deps: [{deps}]
    outs: [data/{name}]
    metrics: [reports/{name}.json: {{cache: false}}]
"""


CHAIN = (("crawl", "crawl.files"), ("quality", "quality", "crawl"), ("train", "model, train", "quality"))
DVC = "stages:\n" + "".join(stage(*names) for names in (*CHAIN, ("evaluate", "evaluate", "train")))

ABLATIONS = {
    "filters": {
        "question": "Do filters help?",
        "baseline": "full",
        "seeds": [1, 2],
        "variants": {"full": {}, "raw": {"quality": {"filters": []}}},
    }
}


def written(path: Path, value: object) -> Path:
    """The path, with a value as YAML in it."""
    with open(path, "w") as file:
        YAML().dump(value, file)
    return path


@dataclass(frozen=True)
class Tiny:
    root: Path
    log: Path

    def environment(self) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return os.environ | {"PATH": path, "STAGE_LOG": str(self.log), "PYTHONDONTWRITEBYTECODE": "1"}

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command, cwd=self.root, env=self.environment(), capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def stages_run(self) -> Counter:
        return Counter(self.log.read_text().split()) if self.log.exists() else Counter()

    def write_ablations(self, ablations: dict) -> None:
        written(self.root / "ablations.yaml", ablations)

    def change(self, path: str, old: str, new: str) -> None:
        text = (self.root / path).read_text()
        assert old in text
        (self.root / path).write_text(text.replace(old, new))

    def commit(self) -> None:
        self.run("git", "add", "-A")
        self.run("git", "commit", "-qm", "Change")


@pytest.fixture
def tiny(tmp_path, monkeypatch) -> Tiny:
    """The project, committed; the stages' log is outside it."""
    project = Tiny(tmp_path / "project", tmp_path / "stages.log")
    project.root.mkdir()
    for name, text in {"stage.py": STAGE, "dvc.yaml": DVC, ".gitignore": "/data/\n.lab/\n"}.items():
        (project.root / name).write_text(text)
    params = Path(__file__).resolve().parents[2] / "params.yaml"
    (project.root / "params.yaml").write_text(params.read_text("utf-8"), "utf-8")
    project.write_ablations(ABLATIONS)
    project.run("git", "init", "-q")
    project.run("git", "config", "user.email", "test@example.org")
    project.run("git", "config", "user.name", "Test")
    project.run("dvc", "init", "-q")
    (project.root / ".dvc" / "config").write_text("[core]\n    analytics = false\n    check_update = false\n")
    project.commit()
    for name, value in project.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(project.root)
    return project
