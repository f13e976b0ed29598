"""A real git and DVC project of one stage, `evaluate`, scores that follow from params.yaml; and an experiment of it."""

import os
import subprocess
import sys
from pathlib import Path

PIPELINE = """\
stages:
  evaluate:
    cmd: python make.py
    params: [quality, evaluate]
    outs: [data/evaluate]
    metrics: [reports/evaluate.json: {cache: false}, reports/train.json: {cache: false}]
"""
# 60 items of increasing difficulty, of which the model with `min_words` knows the first 20 or, at 100, the first 35.
MAKE = """\
import json, pathlib, statistics
from ruamel.yaml import YAML
params = YAML(typ="safe", pure=True).load(pathlib.Path("params.yaml"))
known = 35 if params["quality"]["min_words"] == 100 else 20
data, reports = pathlib.Path("data/evaluate"), pathlib.Path("reports")
data.mkdir(parents=True, exist_ok=True)
reports.mkdir(exist_ok=True)
right = [float(i < known) for i in range(60)]
bits = [[-100.0 - 2 * (i % 7) - known, 60] for i in range(60)]
def write(task, metric, values):
    rows = [{"doc_id": i, "doc_hash": f"{task}{i} \\u2028", metric: value} for i, value in enumerate(values)]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\\n" for row in rows)
    (data / f"{task}.jsonl").write_text(lines, "utf-8")
write("lab_continuation", "acc", right)
write("lab_bits", "bits_per_byte", bits)
data = data / "models" / "some--other"
data.mkdir(parents=True, exist_ok=True)
write("lab_continuation", "acc", [float(i < 50) for i in range(60)])
error = statistics.stdev(right) / len(right) ** 0.5
total = sum(-a for a, _ in bits) / 0.6931471805599453 / sum(b for _, b in bits)
scores = {
    "lab_continuation": {"acc": sum(right) / 60, "acc_stderr": error, "chance": 0.25, "items": 60, "version": 1},
    "lab_bits": {"bits_per_byte": total, "bits_per_byte_stderr": 0.02, "chance": None, "items": 60, "version": 1},
}
other = {"lab_continuation": {"acc": 50 / 60, "acc_stderr": error, "chance": 0.25, "items": 60, "version": 1}}
(reports / "evaluate.json").write_text(json.dumps({"scores": scores, "models": {"some/other": {"scores": other}}}))
train = {"loss": 3.1, "validation_loss": 3.2, "validation_bits_per_byte": 1.5 + known / 1000, "tokens": 2500000}
(reports / "train.json").write_text(json.dumps(train))
"""


def run(root: Path, *command: str) -> str:
    """Run git, or dvc of this environment; returns what it printed."""
    program = [sys.executable, "-m", "dvc", *command[1:]] if command[0] == "dvc" else list(command)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(program, cwd=root, env={**os.environ, "PATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def initialise(root: Path) -> None:
    """An empty git repository with a user, and DVC in it."""
    run(root, "git", "init", "-q")
    run(root, "git", "config", "user.name", "Test")
    run(root, "git", "config", "user.email", "test@example.org")
    run(root, "dvc", "init", "-q")


def make_project(root: Path) -> None:
    """HEAD: the baseline, tagged `base`; the experiment `more-words`: quality.min_words = 100."""
    root.mkdir()
    (root / "params.yaml").write_text("quality: {min_words: 50}\nevaluate: {fewshot: 0}\n")
    (root / "dvc.yaml").write_text(PIPELINE)
    (root / "make.py").write_text(MAKE)
    (root / ".gitignore").write_text("/data/\n")
    initialise(root)
    run(root, "dvc", "repro", "-q")
    run(root, "git", "add", "-A")
    run(root, "git", "commit", "-qm", "Baseline")
    run(root, "git", "tag", "base")
    run(root, "dvc", "exp", "run", "-q", "-n", "more-words", "-S", "quality.min_words=100")
