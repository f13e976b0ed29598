"""If these fail, an exported model is another one in transformers, or theirs is another one here."""

import json
import os
from pathlib import Path

import pytest
import tiktoken
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from lab.errors import InputError, ParameterError
from lab.files import write_json
from lab.model import huggingface
from lab.model.fast_tokenizer import tokenizer_json
from lab.model.generate import generate, generate_batch
from lab.tokens import bpe, foreign
from tests.model.conftest import CONTEXT, KINDS, SCALING, VOCABULARY, assert_greedy, make, scramble, tokens

TEXTS = [
    "naïve café 東京 🙂🏽 مرحبا नमस्ते",
    "don't we'LL 1234567 x=1;  y\t\tz \n\n   end   \r\n\r\n",
    " " * 40 + "a\u00a0b\u2028c $5\n$\n\n",
    "<|endoftext|>One.<|endoftext|> Two <|endoftext",
    Path(__file__).read_text("utf-8"),
]
SMALL_GPT2 = {"n_layer": 2, "n_embd": 32, "n_head": 4, "n_positions": CONTEXT, "vocab_size": VOCABULARY}
SMALL_LLAMA = {
    "num_hidden_layers": 2,
    "hidden_size": 32,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": CONTEXT,
    "vocab_size": VOCABULARY,
}
LLAMA31 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0} | {
    "original_max_position_embeddings": SCALING["original_context"],
    "rope_theta": 500.0,
}
THEIRS = {
    "gpt2": lambda: transformers.GPT2Config(**SMALL_GPT2),
    "gpt2 untied, another width": lambda: transformers.GPT2Config(**SMALL_GPT2, tie_word_embeddings=False, n_inner=48),
    "llama": lambda: transformers.LlamaConfig(**SMALL_LLAMA, num_key_value_heads=4),
    "llama grouped, tied": lambda: transformers.LlamaConfig(
        **SMALL_LLAMA, num_key_value_heads=2, tie_word_embeddings=True, rms_norm_eps=1e-5
    ),
    "llama scaled, biases": lambda: transformers.LlamaConfig(
        **SMALL_LLAMA, num_key_value_heads=1, rope_parameters=LLAMA31, attention_bias=True, mlp_bias=True
    ),
}


def their_logits(folder: Path, given_tokens: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return AutoModelForCausalLM.from_pretrained(folder).eval()(given_tokens).logits


@pytest.mark.parametrize("kind", [*KINDS, "gpt2 without biases"])
def test_our_models_have_the_same_logits_in_transformers(kind, encoding, tmp_path):
    model, given_tokens = make(kind), tokens(2, CONTEXT)
    huggingface.save(model, encoding, tmp_path)
    with torch.no_grad():
        torch.testing.assert_close(their_logits(tmp_path, given_tokens), model(given_tokens), rtol=0, atol=1e-5)
    again, tokenizer = huggingface.load(tmp_path)
    with torch.no_grad():
        torch.testing.assert_close(again(given_tokens), model(given_tokens))
    assert tokenizer._mergeable_ranks == encoding._mergeable_ranks and tokenizer._pat_str == encoding._pat_str
    if kind in KINDS:
        assert again.config == model.config


@pytest.mark.parametrize("sharded", [False, True])
@pytest.mark.parametrize("kind", THEIRS)
def test_their_models_have_the_same_logits_here(kind, sharded, encoding, tmp_path):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        theirs = AutoModelForCausalLM.from_config(THEIRS[kind]()).eval()
        scramble(theirs)
    theirs.save_pretrained(tmp_path, max_shard_size="20KB" if sharded else "5GB")
    assert (tmp_path / "model.safetensors.index.json").exists() == sharded
    (tmp_path / "tokenizer.json").write_text(tokenizer_json(encoding), "utf-8")
    model, tokenizer = huggingface.load(tmp_path)
    given_tokens = tokens(2, CONTEXT)
    with torch.no_grad():
        torch.testing.assert_close(model(given_tokens), theirs(given_tokens).logits, rtol=0, atol=1e-5)
    for text in TEXTS:
        assert tokenizer.encode_ordinary(text) == encoding.encode_ordinary(text)


def test_openai_s_gpt2_files_have_no_prefix_and_can_be_read(encoding, tmp_path):
    theirs = transformers.GPT2LMHeadModel(transformers.GPT2Config(**SMALL_GPT2)).eval()
    theirs.save_pretrained(tmp_path)
    weights = {
        name.removeprefix("transformer."): value for name, value in load_file(tmp_path / "model.safetensors").items()
    }
    weights["h.0.attn.bias"] = torch.ones(1, 1, CONTEXT, CONTEXT).tril()  # the mask, which they kept as a weight
    save_file(weights, tmp_path / "model.safetensors")
    (tmp_path / "tokenizer.json").write_text(tokenizer_json(encoding), "utf-8")
    model, _ = huggingface.load(tmp_path)
    with torch.no_grad():
        expected = theirs(tokens(1, CONTEXT)).logits
        torch.testing.assert_close(model(tokens(1, CONTEXT)), expected, rtol=0, atol=1e-5)


def test_the_older_spelling_of_rope_is_read(encoding, tmp_path):
    model = make("llama scaled")
    huggingface.save(model, encoding, tmp_path)
    described = json.loads((tmp_path / "config.json").read_text())
    scaling = described.pop("rope_scaling")
    new = described | {"rope_parameters": scaling | {"rope_theta": described.pop("rope_theta")}}
    write_json(tmp_path / "config.json", new)
    assert huggingface.load(tmp_path)[0].config == model.config


@pytest.mark.parametrize("kind", ["gpt2", "llama grouped", "llama scaled"])
def test_greedy_text_is_theirs(kind, encoding, tmp_path):
    model, prompt = make(kind), tokens(6).tolist()
    huggingface.save(model, encoding, tmp_path)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    out = theirs.generate(
        torch.tensor([prompt]), attention_mask=torch.ones(1, 6), do_sample=False, max_new_tokens=20, eos_token_id=None
    )
    assert_greedy(model, prompt, out[0, 6:].tolist())
    texts = [
        list(generate(model, prompt, max_tokens=20, temperature=0)),
        generate_batch(model, [[1], prompt], max_tokens=20, temperature=0)[1],
    ]
    for text in texts:
        assert_greedy(lambda given: theirs(given).logits, prompt, text)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_what_rounding_makes_of_the_weights(dtype, encoding, tmp_path):
    model = make("llama grouped")
    huggingface.save(model, encoding, tmp_path, dtype=dtype)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert theirs.dtype == getattr(torch, dtype)
    again, _ = huggingface.load(tmp_path)
    for ours, loaded in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(ours.to(getattr(torch, dtype)).float(), loaded)  # to round is defined to the bit


@pytest.mark.parametrize("kind", ["2017", "mixed"])
def test_a_model_that_transformers_does_not_know_is_refused_or_kept_in_a_layout_of_our_own(kind, encoding, tmp_path):
    model = make(kind)
    with pytest.raises(
        ParameterError, match=r"GPT2LMHeadModel has no model\.\w+ .*; LlamaForCausalLM has no model\.norm"
    ):
        huggingface.save(model, encoding, tmp_path)
    huggingface.save(model, encoding, tmp_path, mixed=True)
    again, _ = huggingface.load(tmp_path)
    assert again.config == model.config
    for name, weight in model.named_parameters():
        assert torch.equal(again.get_parameter(name), weight)  # copied, not computed


def test_the_same_model_is_the_same_bytes(encoding, tmp_path):
    for name in ("one", "two"):  # of weights drawn from one seed, and copied
        huggingface.save(make("llama"), encoding, tmp_path / name, card="card")
    for path in sorted((tmp_path / "one").rglob("*")):
        assert (
            path.is_dir() or path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()
        )


# Tokenizers.


@pytest.fixture(scope="module")
def both(encoding, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    huggingface.save(make("llama"), encoding, folder)
    return encoding, AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("text", TEXTS)
def test_transformers_tokenizer_gives_tiktoken_s_ids(both, text):
    ours, theirs = both
    ids = ours.encode(text, allowed_special="all")
    assert theirs.encode(text) == ids
    assert theirs.decode(ids) == text and theirs.convert_tokens_to_ids("<|endoftext|>") == bpe.end_of_text(ours)


@settings(max_examples=300, deadline=None)
@given(text=st.text(st.one_of(st.sampled_from(" \n\r\t$'.,19aeést<|>"), st.characters(exclude_categories=["Cs"]))))
def test_transformers_tokenizer_gives_tiktoken_s_ids_for_any_text(both, text):
    ours, theirs = both
    assert theirs.encode(text) == ours.encode(text, allowed_special="all")


def test_gpt2_s_own_merges_are_found_again(shared, monkeypatch):
    cache = shared / "gpt2" / "tiktoken-cache"
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(cache))
    found = json.loads(tokenizer_json(foreign.by_name("gpt2")))["model"]["merges"]
    published = next(path for path in cache.iterdir() if path.read_bytes()[:8] == b"#version")
    assert found == [line.split() for line in published.read_text("utf-8").split("\n")[1:-1]]
    assert len(found) == 50_000


def test_gpt2_s_text_has_gpt2_s_ids(shared, monkeypatch, tmp_path):
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(shared / "gpt2" / "tiktoken-cache"))
    encoding = foreign.by_name("gpt2")
    (tmp_path / "tokenizer.json").write_text(tokenizer_json(encoding), "utf-8")
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
    again = foreign.from_file(tmp_path)
    for text in TEXTS:
        ids = encoding.encode(text, allowed_special="all")
        assert theirs.encode(text) == ids == again.encode(text, allowed_special="all")


def test_a_vocabulary_with_gaps_keeps_its_ids(encoding):
    special = {"<|endoftext|>": VOCABULARY - 1, "<|late|>": VOCABULARY + 50}
    gaps = tiktoken.Encoding(
        "gaps", pat_str=encoding._pat_str, mergeable_ranks=encoding._mergeable_ranks, special_tokens=special
    )
    from tokenizers import Tokenizer

    found = Tokenizer.from_str(tokenizer_json(gaps)).encode("a<|late|> b<|endoftext|>").ids
    assert found == gaps.encode("a<|late|> b<|endoftext|>", allowed_special="all")


# Bad input.


def edit(folder: Path, **changes: object) -> None:
    write_json(folder / "config.json", json.loads((folder / "config.json").read_text()) | changes)


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        ("llama", {"hidden_act": "gelu"}, "'hidden_act' is 'gelu'"),
        ("llama", {"rope_scaling": {"rope_type": "yarn", "factor": 2.0}}, "'rope_type' is 'yarn'"),
        ("llama", {"model_type": "mamba"}, "model_type 'mamba' is not supported; supported are gpt2, llama"),
        ("llama", {"num_attention_heads": 5}, "head"),
        ("llama", {"num_attention_heads": 0}, "not what it should be"),
        ("llama", {"hidden_size": "x"}, "not what it should be"),
        ("llama", {"quantization_config": {"quant_method": "fp8"}}, "quantized"),
        ("llama", {"intermediate_size": 64}, r"gate_proj.weight is \[48, 32\], config.json says \[64, 32\]"),
        ("llama", {"num_hidden_layers": 3}, "lack 'model.layers.2.input_layernorm.weight'"),
        ("gpt2", {"activation_function": "gelu"}, "'activation_function' is 'gelu'"),
        ("gpt2", {"scale_attn_by_inverse_layer_idx": True}, "'scale_attn_by_inverse_layer_idx' is True"),
    ],
)
def test_a_folder_that_our_model_can_t_be_is_refused_with_the_field(kind, changes, said, encoding, tmp_path):
    huggingface.save(make(kind), encoding, tmp_path)
    edit(tmp_path, **changes)
    with pytest.raises(InputError, match=said) as caught:
        huggingface.load(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_weights_of_eight_bits_are_refused(encoding, tmp_path):
    huggingface.save(make("llama"), encoding, tmp_path)
    weights = {name: w.to(torch.float8_e4m3fn) for name, w in load_file(tmp_path / "model.safetensors").items()}
    save_file(weights, tmp_path / "model.safetensors")
    with pytest.raises(InputError, match="float8"):
        huggingface.load(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(InputError, match=r"config\.json"):
        huggingface.load(tmp_path)


def test_a_broken_missing_or_pickled_weight_file_is_refused(encoding, tmp_path):
    huggingface.save(make("llama"), encoding, tmp_path)
    whole = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[:1000])
    with pytest.raises(InputError, match=r"model.safetensors: not a whole safetensors file"):
        huggingface.load(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match="never pickles"):
        huggingface.load(tmp_path)
    os.unlink(tmp_path / "config.json")
    with pytest.raises(InputError, match=r"config.json: no such file"):
        huggingface.load(tmp_path)


def test_a_tokenizer_larger_than_the_model_and_an_unknown_type_are_refused(encoding, tmp_path):
    with pytest.raises(InputError, match="400 tokens, the model 300"):
        huggingface.save(make("llama", vocabulary=300), encoding, tmp_path)
    with pytest.raises(ParameterError, match=r"export.dtype: 'float8'"):
        huggingface.save(make("llama"), encoding, tmp_path, dtype="float8")
