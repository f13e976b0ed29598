"""If these fail, a model is not the published one that its name promises, or a bad choice is found only in training."""

from dataclasses import fields

import pytest
import torch

from lab.errors import InputError, ParameterError
from lab.model import PRESETS, ModelConfig, Transformer
from lab.model.config import RopeScaling
from lab.params import ModelParams
from tests.model.conftest import KINDS, OTHERS, configuration

PUBLISHED = {
    "gpt2": 124_439_808,
    "gpt2-medium": 354_823_168,
    "gpt2-large": 774_030_080,
    "gpt2-xl": 1_557_611_200,
    "llama3-8b": 8_030_261_248,
    "llama3-70b": 70_553_706_496,
    "llama3-405b": 405_853_388_800,
    "llama3.1-8b": 8_030_261_248,
    "llama3.2-1b": 1_235_814_400,
    "fineweb-ablation": 1_816_627_200,
}


def counted(config: ModelConfig) -> int:
    with torch.device("meta"):
        return sum(weight.numel() for weight in Transformer(config).parameters())


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_has_exactly_the_published_number_of_parameters(name):
    config = ModelConfig.preset(name)
    assert config.parameters() == counted(config)
    assert config.parameters() == PUBLISHED.get(name, config.parameters())


def test_fineweb_s_ablation_model_has_both_numbers_of_the_paper():
    config = ModelConfig.preset("fineweb-ablation")
    embedding = config.vocabulary * config.width
    assert f"{(config.parameters() - embedding) / 1e9:.2f}B {config.parameters() / 1e9:.2f}B" == "1.71B 1.82B"


@pytest.mark.parametrize("kind", KINDS | OTHERS)
def test_parameters_are_counted_exactly_for_any_choices(kind):
    config = configuration(kind)
    assert config.parameters() == counted(config)


def test_flops_follow_palm_s_definition():
    # GPT-2 124M: 6 times all weights but the positions' (nanoGPT's count), biases and norms included.
    config = ModelConfig.preset("gpt2")
    multiplied = 124_439_808 - 1024 * 768 - 2 * 768  # the last norm is no part of a layer
    assert config.flops_per_token() == 6 * multiplied + 12 * 12 * 768 * 1024
    untied = ModelConfig.from_dict(config.as_dict() | {"tied_embeddings": False})
    assert untied.flops_per_token() == config.flops_per_token()


def test_params_yaml_has_every_choice_of_a_model():
    choices = {field.name for field in fields(ModelConfig)} - {"vocabulary", "rope_scaling"}  # tokenizer's, presets'
    assert set(ModelParams.model_fields) == choices | {"preset"}


def test_parameters_change_a_preset_field_by_field():
    params = ModelParams(preset="llama3.2-1b", layers=3, context=64, position="sinusoidal", norm_placement="post")
    config = ModelConfig.from_params(params, 600)
    assert (config.layers, config.context, config.position, config.norm_placement) == (3, 64, "sinusoidal", "post")
    assert (config.width, config.vocabulary, config.tied_embeddings) == (2048, 600, True)
    assert config.rope_scaling == RopeScaling(32.0, 1.0, 4.0, 8192)


@pytest.mark.parametrize("kind", KINDS | OTHERS)
def test_a_description_comes_back_and_what_else_a_file_holds_is_left_alone(kind):
    config = configuration(kind)
    assert ModelConfig.from_dict(config.as_dict() | {"steps": 3, "tokenizer": "abc"}) == config


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"width": 33}, r"model.heads: 4 heads do not divide a width of 33. Set model.heads to one of 1, 3, 11, 33"),
        ({"kv_heads": 3}, r"model.kv_heads: 3 key-value heads do not divide 4 heads. Set .* one of 1, 2, 4"),
        ({"width": 36}, r"model.position: rope .* 36 / 4 = 9"),
        ({"width": 33, "heads": 3, "kv_heads": 3, "position": "sinusoidal"}, r"model.width: 33 is odd"),
        ({"norm": "batchnorm"}, r"model.norm: 'batchnorm' is none of: layernorm, rmsnorm"),
    ],
)
def test_choices_that_can_t_be_combined_are_refused_with_what_could_be(changes, said):
    with pytest.raises(ParameterError, match=said):
        configuration("llama", **changes)


def test_an_unknown_preset_is_refused_with_the_nearest_and_all_names():
    with pytest.raises(ParameterError, match=r"no 'lama3-8b'; did you mean 'llama3-8b'.*known: sample, gpt2,"):
        ModelConfig.from_params(ModelParams(preset="lama3-8b"), 500)


def test_half_a_description_is_refused():
    with pytest.raises(InputError, match=r"missing .*'vocabulary'"):
        ModelConfig.from_dict({key: value for key, value in PRESETS["gpt2"].items() if key != "vocabulary"})
