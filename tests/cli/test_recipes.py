"""If these fail, `lab run` starts another run than the recipe's, or `lab plan` says another price."""

import shlex
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from lab import recipes
from tests.cli import experiments
from tests.cli.conftest import error_of
from tests.conftest import ROOT

PIPELINE = """\
stages:
  train:
    cmd: cp params.yaml seen.yaml
    params: [train, model, tokenizer]
    outs: [seen.yaml: {cache: false}]
"""


@pytest.fixture
def repository(tmp_path, monkeypatch) -> Path:
    """A git and DVC project with the lab's parameters and one stage, which shows what parameters it was run with."""
    root = tmp_path / "it's a project"
    root.mkdir()
    (root / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    (root / "dvc.yaml").write_text(PIPELINE)
    experiments.initialise(root)
    experiments.run(root, "git", "add", "-A")
    experiments.run(root, "git", "commit", "-qm", "Baseline")
    monkeypatch.chdir(root)
    return root


def test_a_recipe_runs_with_its_parameters_and_those_of_the_user(repository, lab):
    further = ["-S", "train.seed=7", "-S", "train.learning_rate=0.002"]
    found = lab("run", "--recipe", "nanochat-d20", *further, "--name", "d20")
    assert found.status == 0, found
    seen = YAML(typ="safe").load((repository / "seen.yaml").read_text())
    expected = recipes.load("nanochat-d20") | {"train.seed": 7, "train.learning_rate": 0.002}
    for key, value in expected.items():
        section, _, name = key.partition(".")
        assert seen[section][name] == value, key
    assert "d20" in experiments.run(repository, "dvc", "exp", "list", "--name-only")


def test_a_dry_run_shows_the_command(project, lab):
    command = shlex.split(lab("run", "--recipe", "gpt2-124m", "-S", "train.micro_batch=8", "--queue", "--dry-run").out)
    assert command[:4] == ["dvc", "exp", "run", "--queue"] and command[-1] == "train.micro_batch=8"
    assert 'train.budget="9890693120 tokens"' in command and "train.micro_batch=64" not in command


def test_without_a_name_the_recipes_are_listed(project, lab):
    listed = lab("run").out.splitlines()
    assert [line.partition(":")[0] for line in listed] == recipes.names()


@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_recipe_that_is_not_there(project, lab, command):
    assert "did you mean 'llama3-8b'" in error_of(lab(command, "--recipe", "llama-8b"))


def test_an_override_that_is_none(project, lab):
    assert "KEY=VALUE" in error_of(lab("run", "--recipe", "sample", "-S", "train.seed", "--dry-run"))


@pytest.mark.parametrize(
    "override, words",
    [
        ("train.seed=abc", "train.seed: 'abc'"),
        ("train.seed=1,abc", "train.seed: 'abc'"),
        ("nosuch.key=1", "nosuch"),
        ("model.preset=gpt3", "gpt3"),
        ("model.heads=5", "model.heads: 5 heads do not divide"),
    ],
)
def test_an_override_that_a_stage_would_refuse_hours_later(project, lab, override, words):
    assert words in error_of(lab("run", "--recipe", "sample", "-S", override, "--dry-run"))


def test_a_sweep_of_values_is_handed_on(project, lab):
    assert lab("run", "--recipe", "sample", "-S", "train.seed=1,2", "--queue", "--dry-run").out.endswith("=1,2\n")


def test_options_without_a_recipe_are_not_ignored(project, lab):
    assert "--recipe is missing" in error_of(lab("run", "-S", "train.seed=2"))


def test_a_failed_experiment_is_an_error(project, lab):
    found = lab("run", "--recipe", "sample")  # not a git repository
    assert found.status == 1 and "dvc exp run ended with status" in found.err


def test_the_plan_of_a_recipe(project, lab):
    out = lab("plan", "--recipe", "gpt2-124m", "--mfu", "0.5", "--gpu", "a100", "--price", "2", "--devices", "8").out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "gpt2-124m: 8 x a100 at 50 % of 312 TFLOP/s, $2 per hour each" in lines
    assert "parameters 124,439,808" in lines
    assert "steps 18,865 of 524,288 tokens" in lines
    assert "hours 1.88 (15.1 device hours)" in lines  # 8.458e18 / (156e12 x 3600) / 8
    assert "dollars 30.1" in lines


def test_the_plan_says_where_training_would_refuse_the_devices(project, lab):
    def plan(devices: str) -> str:
        return " ".join(lab("plan", "--recipe", "llama3-8b", "--devices", devices).out.split())

    assert "It can't run" not in plan("512")
    assert "It can't run on 1024 GPU(s) as it is: train.batch_tokens: 16777216 is not a multiple of" in plan("1024")


def test_the_plan_of_params_yaml(project, lab):
    path = project / "params.yaml"
    path.write_text(path.read_text().replace("budget: 2500000 tokens", "budget: 1e9 tokens"))
    lines = [" ".join(line.split()) for line in lab("plan").out.splitlines()]
    assert "tokens 1,000,001,536" in lines and "steps 488,282 of 2,048 tokens" in lines
