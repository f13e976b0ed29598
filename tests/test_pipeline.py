"""If this fails, changed code leaves outputs in place that it would not make: a result nobody can reproduce."""

import ast
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.conftest import ROOT

STAGES = YAML(typ="safe", pure=True).load((ROOT / "dvc.yaml").read_text("utf-8"))["stages"]
# How a stage is run and what it says, not what it makes.
AROUND = {"stages/__init__.py", "lab/tracking.py"} | {
    f"lab/{name}.py" for name in ("__init__", "engine", "errors", "files", "machine", "params", "progress")
}


def module_file(name: str) -> Path | None:
    """The file of a module of this project."""
    path = ROOT.joinpath(*name.split("."))
    found = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return found if found.is_file() else None


def imported(path: Path) -> set[Path]:
    """The project's files that a file imports, in functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    packages = {".".join(name.split(".")[:n]) for name in names for n in range(1, name.count(".") + 2)}
    return {file for name in packages if name.split(".")[0] in ("lab", "stages") and (file := module_file(name))}


def code_of(stage: str) -> set[str]:
    """All files of the project that a stage's code is made of, relative to the root."""
    found, waiting = set(), [ROOT / "stages" / f"{stage}.py"]
    while waiting:
        path = waiting.pop()
        relative = path.relative_to(ROOT).as_posix()
        if relative not in found and relative not in AROUND:
            found.add(relative)
            waiting += imported(path)
    return found


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_all_code_that_it_is_made_of(stage):
    deps = STAGES[stage]["deps"]
    missing = {file for file in code_of(stage) if not any(file == dep or file.startswith(f"{dep}/") for dep in deps)}
    empty = {file for file in missing if len(ast.parse((ROOT / file).read_text("utf-8")).body) <= 1}  # a docstring
    assert sorted(missing - empty) == []


@pytest.mark.parametrize("stage", STAGES)
def test_every_dependency_exists_or_is_made(stage):
    made = {
        out if isinstance(out, str) else next(iter(out))
        for s in STAGES.values()
        for out in s["outs"] + s.get("metrics", []) + s.get("plots", [])
    }
    for dep in STAGES[stage]["deps"]:
        assert dep in made or (ROOT / dep).exists(), dep


def test_dvc_keeps_what_stages_made_for_experiments_that_share_them():
    """DVC's run cache leaves out stages with an uncached output that is neither metric nor plot."""
    left_out = [
        name
        for name, stage in STAGES.items()
        if any(
            isinstance(out, dict) and not next(iter(out.values())).get("cache", True) for out in stage.get("outs", ())
        )
    ]
    assert left_out == ["report"]  # the last: nothing shares it


def test_experiments_are_shown_with_few_metrics():
    """`dvc exp show` has a column for each number of a metrics file: those of loss and scores are what one compares."""
    metrics = {next(iter(out)) for stage in STAGES.values() for out in stage.get("metrics", [])}
    assert metrics == {"reports/train.json", "reports/scores.json"}
