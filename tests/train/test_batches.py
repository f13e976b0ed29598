"""If these fail, a batch that grows repeats or drops text, or a run takes more tokens than its budget."""

import doctest
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import ParameterError
from lab.params import TrainParams
from lab.tokens.shards import Tokens
from lab.train import batches, checkpoints
from lab.train.batches import CONSTANT, BatchGrowth, BatchPlan, plan_batches
from lab.train.data import Batches
from lab.train.optim import Budget, budget, learning_rate
from tests.train.conftest import forget_checkpoints, params
from tests.train.test_run import curve, run, start

GROWTHS = st.lists(st.integers(0, 5), max_size=4).map(lambda steps: BatchGrowth(tuple(steps)))


def test_the_example_in_its_documentation():
    assert doctest.testmod(batches).failed == 0


@settings(deadline=None)
@given(GROWTHS, st.integers(1, 5), st.integers(1, 400))
def test_sizes_double_and_steps_are_the_fewest_that_hold_an_amount(growth, times, amount):
    full = times * growth.factor
    sizes = [growth.size(step, full) for step in range(40)]
    assert {later / size for size, later in pairwise(sizes)} <= {2.0**power for power in range(5)}
    assert [growth.before(step, full) for step in range(41)] == [0, *np.cumsum(sizes)]
    steps = growth.steps_for(amount, full)
    assert growth.before(steps - 1, full) < amount <= growth.before(steps, full)


def test_llama_3s_growth():
    full = 1 << 24
    growth = BatchGrowth.from_params(
        TrainParams(batch_tokens=full, batch_doubles_after=[252_000_000, 2_870_000_000_000])
    )
    sizes = {tokens: growth.size(growth.steps_for(tokens, full), full) for tokens in (1, 255e6, 2.8e12, 2.88e12)}
    assert list(sizes.values()) == [full // 4, full // 2, full // 2, full]
    assert growth.before(growth.steps[0] - 1, full) < 252e6 <= growth.before(growth.steps[0], full)
    assert growth.before(sum(growth.steps) - 1, full) < 2.87e12 <= growth.before(sum(growth.steps), full)


@settings(deadline=None)
@given(st.integers(100, 400), st.integers(1, 9), GROWTHS, st.sampled_from([1, 2, 3]))
def test_every_token_is_a_target_once_an_epoch_while_the_batch_grows_on_any_devices(length, context, growth, devices):
    tokens = Tokens([np.arange(length, dtype="<u4")])
    items = (length - 1) // context
    layout = BatchPlan(context, devices * growth.factor, devices, 1, growth)
    ranks = [Batches(tokens, layout, seed=3, rank=rank) for rank in range(devices)]
    steps = growth.steps_for(2 * items, layout.sequences)
    rows = torch.cat([batches[step] for step in range(steps) for batches in ranks])
    alone = Batches(tokens, BatchPlan(context, layout.sequences, 1, 1, growth), seed=3, rank=0)
    assert torch.equal(rows, torch.cat([alone[step] for step in range(steps)]))  # whole numbers: ids of tokens
    for epoch in (rows[:items], rows[items : 2 * items]):
        assert sorted(epoch[:, 1:].flatten().tolist()) == list(range(1, items * context + 1))
    assert items < 20 or not torch.equal(rows[:items], rows[items : 2 * items])


def test_a_smallest_batch_that_can_t_be_shared_out_is_refused():
    settings = {"batch_tokens": 1024, "batch_doubles_after": [5000, 9000]}
    assert plan_batches(TrainParams(**settings), 64, 4).growth == BatchGrowth((20, 8))
    with pytest.raises(
        ParameterError, match=r"1024 is not .* 64 x 8 device\(s\) x 4 for train.batch_doubles_after = 2048"
    ):
        plan_batches(TrainParams(**settings), 64, 8)
    with pytest.raises(ValueError, match=r"batch_doubles_after is \[9, 5\]: each must be more"):
        TrainParams(batch_doubles_after=[9, 5])


@given(st.integers(1, 10**7), st.integers(0, 10**4), st.integers(0, 10**7))
def test_a_batch_of_one_size_has_the_rates_that_steps_give(steps, warmup, step):
    expected = min(max((step - warmup) / max(steps - warmup, 1), 0.0), 1.0)
    # Both are one division of the same whole numbers.
    assert Budget(steps, None).share(step, 0.0, warmup) == expected and Budget(steps, None).growth is CONSTANT


def test_the_schedule_is_spent_as_tokens_are():
    settings = TrainParams(budget="80000 tokens", batch_tokens=4000, batch_doubles_after=[20_000, 40_000],
                           warmup_steps=0, schedule="linear", learning_rate=1.0)  # fmt: skip
    limits = budget(settings)
    assert (limits.steps, limits.growth.steps) == (40, (20, 10))
    rates = [learning_rate(step, limits.share(step, 0.0, 0), settings) for step in (0, 10, 20, 30, 35, 40)]
    assert rates == pytest.approx([1.0, 0.875, 0.75, 0.5, 0.25, 0.0])


def test_a_growing_batch_trains_the_same_in_pieces_on_two_devices_and_after_a_restart(project, monkeypatch):
    settings = {"batch_doubles_after": [1000, 2500], "budget": "5000 tokens", "checkpoint_every": 1,
                "keep_checkpoints": 99}  # fmt: skip
    monkeypatch.setattr(checkpoints, "remove", lambda folder: None)
    process = start(project, params(devices=2, strategy="ddp", **settings | {"checkpoint_every": 99}))
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors

    metrics = run(params(**settings), "whole")
    rows = curve("whole/train/curve.csv")
    sizes = np.diff([0, *(int(row["tokens"]) for row in rows)]).tolist()
    assert sizes == [128] * 8 + [256] * 6 + [512] * 5  # 5120 tokens: the fewest whole steps that hold the budget
    assert (metrics["steps"], metrics["tokens"]) == (19, 5120)
    forget_checkpoints(after=7)
    run(params(**settings), "again")
    for name in ("model.safetensors", "train/curve.csv"):  # resumed: the same kernels, shapes and order of sums
        assert Path("again", name).read_bytes() == Path("whole", name).read_bytes()
    forget_checkpoints()
    run(params(micro_batch=3, **settings), "pieces")
    losses = [float(row["loss"]) for row in rows]
    for other in ("pieces/train/curve.csv", "train/curve.csv"):
        assert [float(row["loss"]) for row in curve(other)] == pytest.approx(losses, abs=1e-4)
