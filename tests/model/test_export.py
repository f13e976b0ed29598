"""If these fail, the model that others get is not the one that was trained."""

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from lab.errors import InputError
from lab.files import read_json, write_json
from lab.model import export, huggingface
from lab.params import EngineParams, ExportParams
from lab.tokens import bpe
from lab.train.results import write_model
from tests.model.conftest import CONTEXT, make, tokens


@pytest.fixture
def trained(encoding, tmp_path):
    """What training and the tokenizer stage leave, of a model of the kind asked for."""

    def prepare(kind: str):
        bpe.save(encoding, tmp_path / "tokenizer")
        model = make(kind)
        hashed = bpe.tokenizer_hash(tmp_path / "tokenizer")
        about = model.config.as_dict() | {"tokenizer": hashed, "tokens": 2_500_000, "steps": 306}
        write_model(tmp_path / "train", model, about, [])
        return model

    return prepare


def run(root: Path, dtype: str = "float32") -> dict:
    return export.run(root / "train", root / "tokenizer", root / "export", ExportParams(dtype=dtype), EngineParams())


@pytest.mark.parametrize(("kind", "name"), [("gpt2", "GPT2LMHeadModel"), ("llama grouped", "LlamaForCausalLM")])
def test_an_export_is_the_trained_model_in_transformers(kind, name, trained, encoding, tmp_path):
    model = trained(kind)
    metrics = run(tmp_path)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "export").eval()
    with torch.no_grad():
        expected = model(tokens(2, CONTEXT))
        torch.testing.assert_close(theirs(tokens(2, CONTEXT)).logits, expected, rtol=0, atol=1e-5)
    text = "one two <|endoftext|> naïve 東京"
    found = AutoTokenizer.from_pretrained(tmp_path / "export").encode(text)
    assert found == encoding.encode(text, allowed_special="all")

    weights = (tmp_path / "export" / "model.safetensors").read_bytes()
    assert metrics["architecture"] == type(theirs).__name__ == name and metrics["loads_in_transformers"]
    assert metrics["sha256"] == hashlib.sha256(weights).hexdigest() and metrics["weight_bytes"] == len(weights)
    assert metrics["parameters"] == model.config.parameters() and metrics["dtype"] == "float32"
    card = (tmp_path / "export" / "README.md").read_text("utf-8")
    assert f"{metrics['parameters']:,} parameters" in card and "2,500,000 tokens" in card and str(tmp_path) not in card


def test_an_export_replaces_the_one_before_and_is_the_same_bytes_again(trained, tmp_path):
    trained("llama")
    first = run(tmp_path, "bfloat16")
    (tmp_path / "export" / "stale").write_text("of another run")
    assert run(tmp_path, "bfloat16") == first
    assert not (tmp_path / "export" / "stale").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["export", "tokenizer", "train"]


def test_a_model_of_mixed_choices_can_be_exported_and_evaluated_and_says_what_it_is(trained, tmp_path):
    model = trained("mixed")
    metrics = run(tmp_path)
    assert not metrics["loads_in_transformers"]
    assert "transformers can't" in (tmp_path / "export" / "README.md").read_text("utf-8")
    again, _ = huggingface.load(tmp_path / "export")
    for name, weight in model.named_parameters():
        assert torch.equal(again.get_parameter(name), weight)  # copied, not computed


def test_weights_of_another_model_or_tokenizer_are_refused(trained, tmp_path):
    trained("gpt2")
    about = read_json(tmp_path / "train" / "model.json")
    write_json(tmp_path / "train" / "model.json", about | {"tokenizer": "0123456789abcdef" * 4})
    with pytest.raises(InputError, match=r"trained with the tokenizer 0123456789abcdef, but .*dvc repro train"):
        run(tmp_path)
    write_json(tmp_path / "train" / "model.json", about | {"layers": 3})
    with pytest.raises(InputError, match=r"not the weights that model.json describes"):
        run(tmp_path)
    weights = load_file(tmp_path / "train" / "model.safetensors")
    weights.pop("norm.weight")
    write_json(tmp_path / "train" / "model.json", about)
    save_file(weights, tmp_path / "train" / "model.safetensors")
    with pytest.raises(InputError, match=r"not the weights that model.json describes"):
        run(tmp_path)
    assert not (tmp_path / "export").exists()
