"""If these fail, one bad batch ruins days of training, or good batches are thrown away unsaid."""

import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import LabError
from lab.params import TrainParams
from lab.train import checkpoints, stored
from lab.train.module import TrainingModule
from lab.train.spikes import SpikeRule
from tests.train.conftest import params
from tests.train.test_run import curve, run, start

BAD = 14  # the step whose loss is spoilt


def rule(window: int = 16, deviations: float = 6.0, on_spike: str = "skip") -> SpikeRule:
    return SpikeRule(TrainParams(on_spike=on_spike, spike_window=window, spike_deviations=deviations))


def steps(seed: int, count: int) -> list[tuple[float, float]]:
    """Losses and gradient norms of a quiet run."""
    noise = np.random.default_rng(seed).normal(size=(count, 2))
    return [(3 + 0.1 * loss, 1 + 0.05 * norm) for loss, norm in noise]


@given(st.integers(0, 10**6), st.integers(24, 80), st.booleans())
@settings(deadline=None)
def test_a_spike_of_loss_or_gradient_is_found_and_noise_is_not(seed, window, of_loss):
    watch = rule(window, deviations=20)
    quiet = steps(seed, 2 * window)
    assert [watch.reason(number, *values) for number, values in enumerate(quiet, 1)] == [None] * len(quiet)
    found = watch.reason(99, 30.0, 1.0) if of_loss else watch.reason(99, 3.0, 20.0)
    assert ("loss is 30" if of_loss else "norm is 20") in found
    assert watch.skipped == 1
    # A fall is no spike, and one spike does not hide the next.
    assert watch.reason(100, 0.1, 0.01) is None
    assert watch.reason(101, 30.0, 1.0) and watch.skipped == 2


def test_nothing_but_no_number_is_a_spike_before_half_a_window():
    watch = rule(16)
    assert [watch.reason(step, 10.0**step, 1.0) for step in range(1, 9)] == [None] * 8
    assert rule(16).reason(1, math.nan, 1.0) == "the loss is nan"
    assert rule(16).reason(1, 1.0, math.inf) == "the gradient's norm is inf"


def test_a_level_that_stays_is_the_new_one_after_half_a_window():
    watch = rule(16)
    for number, values in enumerate(steps(1, 16), 1):
        watch.reason(number, *values)
    made = [watch.reason(number, loss + 5, norm) is None for number, (loss, norm) in enumerate(steps(2, 16), 17)]
    assert made == sorted(made) and 4 <= made.count(False) <= 8


def test_a_run_of_no_numbers_ends():
    watch = rule(16)
    with pytest.raises(LabError, match=r"step 9: the loss is nan, and 8 steps before were skipped; lower train.learn"):
        for step in range(1, 20):
            watch.reason(step, math.nan, 1.0)


@given(st.lists(st.sampled_from([3.0, 3.1, 3.2, 50.0, math.nan]), max_size=30), st.integers(0, 30))
def test_a_rule_goes_on_after_a_restart_as_if_there_was_none(losses, at):
    def judged(watch: SpikeRule, first: int, losses: list[float]) -> list[str | None]:
        try:
            return [watch.reason(step, loss, 1.0 + 0.1 * (step % 3)) for step, loss in enumerate(losses, first)]
        except LabError as error:
            return [str(error)]

    whole, before, after = rule(), rule(), rule()
    judged(whole, 1, losses[:at])
    judged(before, 1, losses[:at])
    after.resume(before.state())
    assert judged(after, at, losses[at:]) == judged(whole, at, losses[at:])
    assert after.state() == whole.state()


SETTINGS = {"spike_window": 8, "spike_deviations": 25.0, "budget": "10000 tokens", "checkpoint_every": 1,
            "keep_checkpoints": 99}  # fmt: skip


@pytest.fixture
def spoilt(project, monkeypatch):
    """A run in which one step's loss, and so its gradients, are multiplied."""
    honest = TrainingModule._loss

    def spoil(times: float) -> None:
        def loss(module, sequences, *arguments, **more):
            bad = module.step + 1 == BAD and torch.is_grad_enabled()
            return honest(module, sequences, *arguments, **more) * (times if bad else 1.0)

        monkeypatch.setattr(TrainingModule, "_loss", loss)

    monkeypatch.setattr(checkpoints, "remove", lambda folder: None)
    return spoil


@pytest.mark.parametrize("times", [1000.0, math.nan])
def test_a_skipped_step_changes_no_weight_and_is_told_and_counted(spoilt, capfd, times):
    spoilt(times)
    metrics = run(params(on_spike="skip", **SETTINGS))
    assert metrics["skipped_steps"] == 1 and metrics["steps"] == 20 and math.isfinite(metrics["loss"])
    assert f"step {BAD} is skipped: the loss is" in capfd.readouterr().err
    saved = sorted(Path(".lab/train").rglob("*.ckpt"))
    before, at, after = (read_checkpoint(path) for path in saved[BAD - 2 : BAD + 1])
    assert at["step"] == BAD
    for name, weight in before["model"].items():
        assert torch.equal(weight, at["model"][name])  # untouched
    assert not torch.equal(
        at["model"]["blocks.0.attention.qkv.weight"], after["model"]["blocks.0.attention.qkv.weight"]
    )
    row = next(row for row in curve("out/train/curve.csv") if row["step"] == str(BAD))
    assert row["loss"] == "" if math.isnan(times) else float(row["loss"]) > 1000

    # Resumed: the same kernels, shapes and order of sums.
    expected = [Path("out", name).read_bytes() for name in ("model.safetensors", "train/curve.csv")]
    for path in saved[BAD - 2 :]:  # killed within the window, before the spike
        shutil.rmtree(path)
    assert run(params(on_spike="skip", **SETTINGS), "again") == metrics
    assert [Path("again", name).read_bytes() for name in ("model.safetensors", "train/curve.csv")] == expected


def read_checkpoint(path: Path) -> dict:
    state = stored.read(path)
    return state | {"model": {name: weight.read() for name, weight in state["model"].items()}}


def test_a_spike_can_stop_a_run_which_then_goes_on_without_it(spoilt, capfd):
    spoilt(1000.0)
    with pytest.raises(LabError, match=rf"step {BAD}: the loss is .* set train.on_spike to 'skip' to go on"):
        run(params(on_spike="stop", **SETTINGS))
    assert run(params(on_spike="skip", **SETTINGS))["skipped_steps"] == 1
    assert f"resuming from step {BAD - 1}" in capfd.readouterr().err


def test_two_processes_skip_what_one_skips(project):
    settings = SETTINGS | {"on_spike": "skip", "spike_deviations": 2.0, "checkpoint_every": 99}
    process = start(project, params(devices=2, strategy="ddp", **settings))
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    metrics = run(params(**settings), "one")
    assert 0 < metrics["skipped_steps"] < 10 and f'"skipped_steps": {metrics["skipped_steps"]}' in output
    assert errors.count("is skipped") == metrics["skipped_steps"]  # one process alone says it
    for alone, shared in zip(curve("one/train/curve.csv"), curve("train/curve.csv"), strict=True):
        assert float(shared["loss"]) == pytest.approx(float(alone["loss"]), abs=1e-4)
