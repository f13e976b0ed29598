"""If these fail, a run trains at another rate, or for another time, than its parameters say."""

import itertools

import pytest
import torch
from torch import nn

from lab.params import TrainParams
from lab.train.optim import Budget, adamw, budget, learning_rate


def rates(steps: int, **settings: object) -> list[float]:
    params = TrainParams(learning_rate=1.0, warmup_steps=10, **settings)
    limits = Budget(steps, None)
    return [learning_rate(step, limits.share(step, 0.0, 10), params) for step in range(steps)]


@pytest.mark.parametrize("schedule", ["cosine", "wsd", "constant"])
def test_warmup_is_linear_to_the_peak(schedule):
    assert rates(100, schedule=schedule)[:11] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1])


def test_cosine():
    found = rates(110, schedule="cosine", min_learning_rate_share=0.1)
    assert found[60] == pytest.approx(0.55) and found[-1] == pytest.approx(0.1, abs=0.001)
    assert all(later <= earlier for earlier, later in itertools.pairwise(found[10:]))


def test_warmup_stable_decay():
    found = rates(110, schedule="wsd", decay_share=0.2, min_learning_rate_share=0.0)
    assert found[10:90] == pytest.approx([1.0] * 80)
    assert found[100] == pytest.approx(0.5) and found[-1] == pytest.approx(0.05)


def test_constant():
    assert rates(50, schedule="constant")[10:] == [1.0] * 40


def test_budgets():
    assert budget(TrainParams(budget="2500000 tokens", batch_tokens=8192)) == Budget(306, None)
    seconds = budget(TrainParams(budget="90 seconds"))
    assert seconds == Budget(None, 90.0)
    assert seconds.share(5, 45.0, 100) == 0.5 and not seconds.finished(10**9, 89.0) and seconds.finished(1, 90.0)


@pytest.mark.parametrize("wrong", ["5 minutes", "tokens", "0 tokens", "-3 seconds", "many tokens", "nan tokens"])
def test_a_budget_that_is_none_is_refused_at_the_door(wrong):
    with pytest.raises(ValueError, match="budget"):
        TrainParams(budget=wrong)


def test_only_matrices_decay():
    model = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 4), nn.LayerNorm(4))
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    optimizer = adamw(model, TrainParams(learning_rate=0.1, weight_decay=0.5))
    for weight in model.parameters():
        weight.grad = torch.zeros_like(weight)
    optimizer.step()
    for name, weight in model.named_parameters():
        shrunk = 1 - 0.1 * 0.5 if weight.ndim >= 2 else 1.0
        torch.testing.assert_close(weight, before[name] * shrunk)
