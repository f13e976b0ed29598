"""If these fail, a run trains at another rate, or for another time, than its parameters say."""

import itertools

import pytest
import torch
from torch import nn

from lab.model import ModelConfig, Transformer
from lab.params import ModelParams, TrainParams
from lab.train.mup import scale_initial
from lab.train.optim import Budget, budget, learning_rate, make_optimizers, set_rates


def rates(steps: int, **settings: object) -> list[float]:
    params = TrainParams(learning_rate=1.0, warmup_steps=10, **settings)
    limits = Budget(steps, None)
    return [learning_rate(step, limits.share(step, 0.0, 10), params) for step in range(steps)]


@pytest.mark.parametrize("schedule", ["cosine", "wsd", "linear", "constant"])
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


def test_linear_goes_to_zero_whatever_the_others_end_at():
    found = rates(110, schedule="linear", min_learning_rate_share=0.5)
    assert found[60] == pytest.approx(0.5) and found[-1] == pytest.approx(0.01)


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
    (optimizer,) = make_optimizers(model, TrainParams(learning_rate=0.1, weight_decay=0.5))
    for weight in model.parameters():
        weight.grad = torch.zeros_like(weight)
    optimizer.step()
    for name, weight in model.named_parameters():
        shrunk = 1 - 0.1 * 0.5 if weight.ndim >= 2 else 1.0
        torch.testing.assert_close(weight, before[name] * shrunk)


def small(width: int = 32, **changes: object) -> Transformer:
    sizes = {"layers": 2, "width": width, "heads": 4, "kv_heads": 2, "ffn": 2 * width, "context": 16}
    torch.manual_seed(0)
    return Transformer(ModelConfig.from_params(ModelParams(**sizes | changes), 100))


def rates_of(model: nn.Module, rate: float, **settings: object) -> dict[str, tuple[str, float]]:
    """Name of each weight: its optimiser and its rate."""
    names = {id(weight): name for name, weight in model.named_parameters()}
    optimizers = make_optimizers(model, TrainParams(learning_rate=0.01, **settings))
    set_rates(optimizers, rate)
    found = [
        (names[id(weight)], type(optimizer).__name__, group["lr"])
        for optimizer in optimizers
        for group in optimizer.param_groups
        for weight in group["params"]
    ]
    assert len(found) == len(names) == len({name for name, _, _ in found})  # each weight once
    return {name: (kind, rate) for name, kind, rate in found}


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("position", ["rope", "learned"])
def test_muon_takes_the_hidden_matrices_alone(tied, position):
    model = small(tied_embeddings=tied, position=position, bias=True)
    for name, (kind, rate) in rates_of(model, 0.005, optimizer="muon", muon_learning_rate=0.02).items():
        hidden = name.startswith("blocks.") and "norm" not in name and name.endswith("weight")
        assert (kind, rate) == (("Muon", pytest.approx(0.01)) if hidden else ("AdamW", 0.005)), name


def test_a_step_of_muon_has_the_spectral_norm_that_its_rate_says():
    model = small()
    optimizers = make_optimizers(model, TrainParams(optimizer="muon", muon_learning_rate=0.02, weight_decay=0.0))
    set_rates(optimizers, 3e-3)
    before = model.blocks[0].feedforward.out.weight.detach().clone()  # [32, 64]
    model.loss(torch.arange(16)[None], torch.arange(1, 17)[None]).backward()
    for optimizer in optimizers:
        optimizer.step()
    change = model.blocks[0].feedforward.out.weight.detach() - before
    values = torch.linalg.svdvals(change)
    assert 0.5 * 0.02 < values[0] < 1.3 * 0.02  # Newton and Schulz's five steps end between 0.7 and 1.2


def test_rates_by_width_follow_the_table_for_adam():
    settings = {"lr_scaling": "mup", "lr_base_width": 32}
    base, wide = rates_of(small(32), 0.01, **settings), rates_of(small(128), 0.01, **settings)
    assert {rate for _, rate in base.values()} == {0.01}
    for name, (_, rate) in wide.items():
        scaled = name == "head.weight" or (name.startswith("blocks.") and "norm" not in name)
        assert rate == pytest.approx(0.01 / 4 if scaled else 0.01), name
    tied = rates_of(small(128, tied_embeddings=True), 0.01, **settings)
    assert tied["embedding.weight"][1] == pytest.approx(0.01 / 4)
    with_muon = rates_of(small(128), 0.01, optimizer="muon", **settings)
    assert with_muon["blocks.0.attention.qkv.weight"] == ("Muon", pytest.approx(0.02))
    assert with_muon["head.weight"] == ("AdamW", pytest.approx(0.01 / 4))


def test_with_rates_by_width_a_step_moves_the_logits_of_a_wide_model_no_further():
    """What the rule is for; of matrices alone, as embeddings keep their rate."""

    def moved(width: int, scaling: str) -> float:
        model = small(width, initial_deviation=(0.4 / width) ** 0.5)
        model.embedding.requires_grad_(False)
        optimizers = make_optimizers(model, TrainParams(lr_scaling=scaling, lr_base_width=32, weight_decay=0.0))
        set_rates(optimizers, 1e-4)
        tokens, targets = torch.arange(16)[None], torch.arange(1, 17)[None]
        before = model(tokens).detach()
        model.loss(tokens, targets).backward()
        for optimizer in optimizers:
            optimizer.step()
        return (model(tokens).detach() - before).square().mean().sqrt().item()

    plain, scaled = moved(256, "none") / moved(32, "none"), moved(256, "mup") / moved(32, "mup")
    assert plain > 3 and 0.5 < scaled < 2, (plain, scaled)


def test_initial_weights_by_width_follow_the_table():
    settings = TrainParams(lr_scaling="mup", lr_base_width=32)

    def deviations(width: int, params: TrainParams, **changes: object) -> dict[str, float]:
        model = small(width, **changes)
        plain = {name: weight.detach().clone() for name, weight in model.named_parameters()}
        scale_initial(model, params)
        return {name: (weight.norm() / plain[name].norm()).item() for name, weight in model.named_parameters()}

    assert set(deviations(32, settings).values()) == set(deviations(128, TrainParams()).values()) == {1.0}
    for name, factor in deviations(128, settings).items():
        hidden = name.startswith("blocks.") and "norm" not in name
        assert factor == pytest.approx(0.25 if name == "head.weight" else 0.5 if hidden else 1.0), name
    assert deviations(128, settings, tied_embeddings=True)["embedding.weight"] == pytest.approx(0.5)


def test_weight_decay_takes_off_the_same_at_every_width():
    def shrunk(width: int) -> dict[str, float]:
        model = small(width)
        before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
        params = TrainParams(lr_scaling="mup", lr_base_width=32, learning_rate=0.1, weight_decay=0.5)
        (optimizer,) = make_optimizers(model, params)
        set_rates([optimizer], 0.1)
        for weight in model.parameters():
            weight.grad = torch.zeros_like(weight)
        optimizer.step()
        return {name: (weight.norm() / before[name].norm()).item() for name, weight in model.named_parameters()}

    assert shrunk(128) == pytest.approx(shrunk(32))
