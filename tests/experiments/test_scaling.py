"""If these fail, `lab isoflop` compares runs of unequal FLOPs, or `lab sweep` varies more than it says."""

import math
from pathlib import Path
from types import SimpleNamespace

import pytest

from lab import params_yaml
from lab.errors import ParameterError
from lab.experiments import budget, overrides, scaling
from lab.experiments.repository import Repository
from lab.model.config import ModelConfig
from tests.conftest import ROOT
from tests.experiments.conftest import written

BUDGETS = [{"flops": 1e12, "widths": [16, 32, 48]}, {"flops": 3e12, "widths": [32, 48, 64]}]
SWEEP = {
    "key": "train.learning_rate",
    "values": [0.001, 0.002, 0.004],
    "lines": {"small": {"model.width": 32}},
    "panels": {"none": {}, "mup": {"train": {"lr_scaling": "mup"}}},
}
BASE = params_yaml.read(ROOT / "params.yaml")


def refusal(tmp_path: Path, value: object, read=scaling.load) -> str:
    with pytest.raises(ParameterError) as refused:
        read(written(tmp_path / scaling.FILE, value))
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_wrong_files_are_refused_with_the_place(tmp_path):
    def isoflop(**changes: object) -> dict:
        return {"isoflop": {"budgets": BUDGETS} | changes}

    assert "isoflop.budgetz: there is no such key; did you mean 'budgets'? known keys: " in refusal(
        tmp_path, isoflop(budgetz=1)
    )
    assert "width 40 is no multiple of head_width 16" in refusal(
        tmp_path, isoflop(budgets=[{"flops": 1, "widths": [16, 32, 40]}])
    )
    assert "isoflop.budgets.0.widths" in refusal(tmp_path, isoflop(budgets=[{"flops": 1, "widths": [16, 32]}]))
    assert "do not rise" in refusal(tmp_path, isoflop(budgets=[{"flops": 1, "widths": [16, 48, 32]}]))
    assert "budgets do not rise" in refusal(tmp_path, isoflop(budgets=BUDGETS[::-1]))
    assert "sweeps.a.values" in refusal(tmp_path, {"sweeps": {"a": SWEEP | {"values": [1]}}})
    assert "sweeps.a: values" in refusal(tmp_path, {"sweeps": {"a": SWEEP | {"values": [1, 3, 2]}}})
    assert "there is no `isoflop`" in refusal(tmp_path, {}, scaling.find_isoflop)
    with pytest.raises(ParameterError, match=r"there is no sweep 'b'; there are a"):
        scaling.find_sweep(written(tmp_path / scaling.FILE, {"sweeps": {"a": SWEEP}}), "b")


def test_a_sweep_varies_its_key_alone_within_a_line():
    trials = scaling.sweep_trials("rates", scaling.Sweep.model_validate(SWEEP))
    assert len(trials) == 6
    for panel in ("none", "mup"):
        own = [trial.experiment.overrides for trial in trials if trial.panel == panel]
        assert [each.pop("train.learning_rate") for each in own] == [0.001, 0.002, 0.004]
        assert all(each.pop("tracking.tags") for each in own)
        assert own[0] == own[1] == own[2]
        assert own[0].get("train.lr_scaling", "none") == panel


def test_the_projects_study_spends_its_budgets():
    """On the real dvc.yaml and params.yaml, as `lab isoflop --dry-run` plans it."""
    study = scaling.find_isoflop(ROOT / scaling.FILE)
    queue = scaling.isoflop_queue(study, Repository(ROOT))
    assert queue.targets == ["train"] and len(study.budgets) >= 3
    for trial, experiment in zip(scaling.isoflop_trials(study), queue.experiments, strict=True):
        assert trial.experiment.name == experiment.name
        checked = params_yaml.check(overrides.apply(BASE, experiment.overrides), experiment.name)
        spent = budget.budget_tokens(checked) * budget.flops_per_token(checked)
        batch = checked.train.batch_tokens * budget.flops_per_token(checked)
        assert abs(spent - trial.at) <= batch / 2 + 1
    shared = {stage: {keys[stage] for keys in queue.keys.values()} for stage in ("dataset", "tokenize", "train")}
    assert {stage: len(keys) for stage, keys in shared.items()} == {
        "dataset": 1,
        "tokenize": 1,
        "train": len(queue.keys),
    }


def test_the_projects_sweep_of_rates_is_fair():
    """Panels have the same models, of one shape; each has the initial weights that its rule wants."""
    sweep = scaling.find_sweep(ROOT / scaling.FILE, "learning-rate")
    queue = scaling.sweep_queue("learning-rate", sweep, Repository(ROOT))
    models: dict[tuple[str, str], ModelConfig] = {}
    for trial, experiment in zip(scaling.sweep_trials("learning-rate", sweep), queue.experiments, strict=True):
        checked = params_yaml.check(overrides.apply(BASE, experiment.overrides), experiment.name)
        model = ModelConfig.from_params(checked.model, checked.tokenizer.vocabulary)
        models[trial.panel, trial.line] = model
        assert checked.train.lr_scaling == trial.panel and checked.train.learning_rate == trial.at
        suits = (2 / 5 / (model.width if trial.panel == "none" else checked.train.lr_base_width)) ** 0.5
        assert model.initial_deviation == pytest.approx(suits, rel=0.01)
    assert len(sweep.lines) == 3 and len(models) == 6
    assert len({(model.head_width, model.layers, model.ffn / model.width) for model in models.values()}) == 1
    assert all(models["none", line].width == models["mup", line].width for line in sweep.lines)


def test_a_run_that_diverged_is_named_and_left_out():
    trials = scaling.sweep_trials("a", scaling.Sweep.model_validate(SWEEP))
    measured = dict.fromkeys(("validation_bits_per_byte", "parameters", "tokens", "flops", "epochs"), 1)
    losses = {trial.experiment.name: 3.0 for trial in trials} | {trials[0].experiment.name: math.nan}
    project = SimpleNamespace(
        revision=lambda: "head", reports=lambda name: {"train": measured | {"validation_loss": losses[name]}}
    )
    queue = SimpleNamespace(name="a", project=project, finished=lambda: {name: name for name in losses})
    points = scaling.read_points(queue, trials, "lab sweep a")
    assert points.diverged == (trials[0].experiment.variant,)
    assert len(points.finished) == len(trials) - 1


def test_a_budget_that_ends_in_warmup_is_refused():
    study = scaling.IsoFlop.model_validate({"budgets": [{"flops": 1e9, "widths": [16, 32, 48]}]})
    with pytest.raises(ParameterError, match=r"scaling.yaml: isoflop: 1e9-w16: 1e\+09 FLOPs are 1 steps"):
        scaling.isoflop_queue(study, Repository(ROOT))
