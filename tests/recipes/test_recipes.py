"""If these fail, a recipe trains another model than the one it names, or a plan's bill is not the run's."""

import re

import pytest
import torch
from dvc.utils.hydra import apply_overrides
from ruamel.yaml import YAML

from lab import recipes
from lab.errors import ParameterError
from lab.experiments.overrides import arguments
from lab.model import ModelConfig, Transformer
from lab.params_yaml import Params, read
from lab.recipes.plan import PEAKS, cost, make_plan, peak
from tests.conftest import ROOT

GPT2_BLOCK = 12 * 768**2 + (9 + 4) * 768  # attention 4 w^2, feed-forward 8 w^2; 3 + 1 + 4 + 1 biases, two norms of 2
XL_BLOCK = 12 * 1600**2 + 13 * 1600
FINEWEB_BLOCK = 4 * 2048**2 + 3 * 2048 * 8192 + 2 * 2048
LLAMA_BLOCK = 2 * 4096**2 + 2 * 4096 * 1024 + 3 * 4096 * 14336 + 2 * 4096
NANOCHAT_BLOCK = 12 * 1280**2 + 2 * 1280
SAMPLE_BLOCK = 2 * 192**2 + 2 * 192 * 96 + 3 * 192 * 448 + 2 * 192

# name: parameters, steps, tokens a step, FLOPs a token: 6 (blocks + head) + 12 layers width context
BY_HAND = {
    "sample": (2 * 4096 * 192 + 4 * SAMPLE_BLOCK + 192, 1221, 2048,
               6 * (4 * SAMPLE_BLOCK + 4096 * 192) + 12 * 4 * 192 * 256),
    "gpt2-124m": (124_439_808, 18_865, 2**19,
                  6 * (12 * GPT2_BLOCK + 50257 * 768) + 12 * 12 * 768 * 1024),
    "gpt2-1558m": (1_557_611_200, 32_000, 2**20,
                   6 * (48 * XL_BLOCK + 50257 * 1600) + 12 * 48 * 1600 * 1024),
    "fineweb-ablation": (2 * 50257 * 2048 + 24 * FINEWEB_BLOCK + 2048, 13_352, 2**21,
                         6 * (24 * FINEWEB_BLOCK + 50257 * 2048) + 12 * 24 * 2048 * 2048),
    "llama3-8b": (8_030_261_248, 61 + 342_101 + 723_004, 2**24,
                  6 * (32 * LLAMA_BLOCK + 128256 * 4096) + 12 * 32 * 4096 * 8192),
    "nanochat-d20": (560_988_160 + 41 * 1280, 21_400, 2**19,
                     6 * (20 * NANOCHAT_BLOCK + 65536 * 1280) + 12 * 20 * 1280 * 2048),
}  # fmt: skip
GROWN = {"llama3-8b": 61 * 2**22 + 342_101 * 2**23 + 723_004 * 2**24}  # tokens where not all steps are alike


@pytest.fixture(scope="module")
def values() -> dict:
    return read(ROOT / "params.yaml")


def test_every_recipe_is_figured_by_hand():
    assert set(recipes.names()) == set(BY_HAND)


@pytest.mark.parametrize("name", BY_HAND)
def test_parameters_tokens_and_flops(name, values):
    parameters, steps, batch, flops_per_token = BY_HAND[name]
    params = recipes.applied(name, values)
    planned = make_plan(params)
    assert (planned.parameters, planned.steps, planned.batch_tokens) == (parameters, steps, batch)
    tokens = GROWN.get(name, steps * batch)
    assert (planned.tokens, planned.flops_per_token) == (tokens, flops_per_token)
    assert planned.flops == tokens * flops_per_token

    vocabulary = 50257 if params.tokenizer.kind == "gpt2" else params.tokenizer.vocabulary
    with torch.device("meta"):
        model = Transformer(ModelConfig.from_params(params.model, vocabulary))
    assert sum(weight.numel() for weight in model.parameters()) == parameters
    assert params.train.batch_tokens % (8 * model.config.context) == 0 or name == "sample"  # fits eight devices


@pytest.mark.parametrize("name", BY_HAND)
def test_the_head_of_a_recipe_says_what_it_costs(name, values):
    planned = make_plan(recipes.applied(name, values))
    head = " ".join((ROOT / "lab" / "recipes" / f"{name}.yaml").read_text("utf-8").partition("\ncrawl")[0].split())
    assert f"# Parameters {planned.parameters:,}" in head
    up_to = "up to " if name in GROWN else ""
    assert f"# Tokens {planned.tokens:,}: {planned.steps:,} steps of {up_to}{planned.batch_tokens:,}" in head
    assert f"# FLOPs {planned.flops:.3g}, {planned.flops_per_token:,} a token" in head
    assert "# Source" in head
    if name == "sample":
        return
    hours, dollars = re.search(r"# Hours ([\d.,]+) on 8 x H100 at an MFU of 40 %: \$([\d.,]+) at \$2.5", head).groups()
    paid = cost(planned.flops, peak=peak("h100"), mfu=0.4, devices=8, price=2.5)
    assert float(hours.replace(",", "")) == pytest.approx(paid.hours, rel=0.005)
    assert float(dollars.replace(",", "")) == pytest.approx(paid.dollars, rel=0.005)


def test_the_sample_recipe_is_what_the_lab_does_by_default(values):
    assert recipes.applied("sample", values) == Params()


@pytest.mark.parametrize("name", BY_HAND)
def test_dvc_reads_the_overrides_as_they_were_meant(name, values, tmp_path):
    given = [text for text in arguments(recipes.load(name)) if text != "-S"]
    path = tmp_path / "params.yaml"
    path.write_text((ROOT / "params.yaml").read_text())
    apply_overrides(path, given)
    assert Params.model_validate(YAML(typ="safe").load(path.read_text())) == recipes.applied(name, values)


def test_published_times_follow_from_their_mfu(values):
    """llm.c's GPT-2 1558M: 24 hours on 8 x H100, $672 at $28 an hour, at an MFU of about a half."""
    planned = make_plan(recipes.applied("gpt2-1558m", values))
    paid = cost(planned.flops, peak=peak("H100"), mfu=0.504, devices=8, price=3.5)
    assert paid.hours == pytest.approx(24, abs=0.1) and paid.dollars == pytest.approx(672, rel=0.01)


def test_what_can_t_be_planned():
    with pytest.raises(ParameterError, match=r"train.budget.*'90 seconds'.*tokens"):
        make_plan(Params.model_validate({"train": {"budget": "90 seconds"}}))
    with pytest.raises(ParameterError, match=r"tokenizer.kind.*'llama.model'.*tokenizer.vocabulary"):
        make_plan(Params.model_validate({"tokenizer": {"kind": "llama.model"}}))
    with pytest.raises(ParameterError, match=r"'h10' is not known; did you mean 'h100'"):
        peak("h10")
    assert peak("RTX 4090") == PEAKS["rtx4090"]


def test_an_unknown_recipe_names_the_nearest():
    with pytest.raises(ParameterError, match="'gpt2-124'; did you mean 'gpt2-124m'"):
        recipes.load("gpt2-124")
