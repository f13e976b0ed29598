"""If these fail, a model that others made is scored otherwise than lm-eval would, or can't be put beside ours."""

import json
from pathlib import Path

import pytest
import torch

from lab.errors import InputError, ParameterError
from lab.evaluate import fetch
from lab.evaluate.adapter import LabLM
from lab.evaluate.models import labels, open_model
from lab.evaluate.run import evaluate
from lab.evaluate.scores import headlines
from lab.params import EvaluateParams
from tests.evaluate.test_adapter import ODD, STORY, assert_same, instances

huggingface_lm = pytest.importorskip("lm_eval.models.huggingface", reason="lm-eval's `hf` model needs accelerate")
SETTINGS = EvaluateParams(items=8, batch_tokens=2000, device="cpu")


@pytest.fixture(scope="module")
def made(corpus, tmp_path_factory) -> dict[str, Path]:
    """A random GPT-2, Llama and GPT-NeoX as transformers writes them, with tokenizers as tokenizers trains them."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import AutoModelForCausalLM, GPT2Config, GPTNeoXConfig, LlamaConfig, PreTrainedTokenizerFast

    root = tmp_path_factory.mktemp("others")
    ends = ["<|begin_of_text|>", "<|end_of_text|>"]
    special = {"gpt2": ["<|endoftext|>"], "llama": ends, "neox": ["<|endoftext|>"], "llama3": ends}
    shapes = {
        "gpt2": lambda size: GPT2Config(vocab_size=size, n_positions=128, n_embd=32, n_layer=2, n_head=2),
        "llama": lambda size: LlamaConfig(
            vocab_size=size,
            max_position_embeddings=128,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
        ),
        "neox": lambda size: GPTNeoXConfig(
            vocab_size=size,
            max_position_embeddings=128,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=1,
            num_attention_heads=2,
        ),
    }
    shapes["llama3"] = shapes["llama"]
    folders = {}
    for number, (name, shape) in enumerate(shapes.items()):
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=400 + 50 * number,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            special_tokens=special[name],
            show_progress=False,
        )
        tokenizer.train_from_iterator(corpus.train[:60], trainer)
        first, last = special[name][0], special[name][-1]
        if name == "llama3":  # as Meta's: every text begins with a token
            tokenizer.post_processor = processors.TemplateProcessing(
                single=f"{first} $A", special_tokens=[(first, tokenizer.token_to_id(first))]
            )
        fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=first, eos_token=last)
        torch.manual_seed(number)
        config = shape(len(fast))
        config.bos_token_id, config.eos_token_id = fast.bos_token_id, fast.eos_token_id
        model = AutoModelForCausalLM.from_config(config)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() > 1:
                    parameter.mul_(5)  # far from uniform predictions
        folders[name] = root / f"tiny-{name}"
        model.save_pretrained(folders[name])
        fast.save_pretrained(folders[name])
    return folders


@pytest.mark.parametrize("name", ["gpt2", "llama", "llama3"])
def test_folders_of_our_architectures_are_read_by_our_adapter_and_get_hf_answers(made, name):
    ours = open_model(str(made[name]), SETTINGS)
    assert isinstance(ours, LabLM)
    theirs = huggingface_lm.HFLM(pretrained=str(made[name]), device="cpu", batch_size=4, logits_cache=False)
    assert ours.prefix_token_id == theirs.prefix_token_id
    asked = [pair for pair in ODD if "endoftext" not in pair[0]]
    assert_same(
        ours.loglikelihood(instances("loglikelihood", asked)),
        theirs.loglikelihood(instances("loglikelihood", asked), disable_tqdm=True),
    )
    texts = instances("loglikelihood_rolling", [(STORY * 4,), ("東京 naïve",)])
    assert ours.loglikelihood_rolling(texts) == pytest.approx(
        theirs.loglikelihood_rolling(texts, disable_tqdm=True), abs=1e-4, rel=1e-6
    )
    asked = instances("generate_until", [(STORY, {"until": ["\n"], "max_gen_toks": 12})])
    # Texts, not numbers: the most likely tokens lie far apart in these models.
    assert ours.generate_until(asked) == theirs.generate_until(asked, disable_tqdm=True)


def test_all_models_are_in_one_table(made, models, corpus, tmp_path):
    settings = SETTINGS.model_copy(update={"models": [str(made["gpt2"]), str(made["neox"])]})
    metrics = evaluate(models["llama"], corpus.folder, tmp_path / "evaluate", settings)
    alone = evaluate(models["llama"], corpus.folder, tmp_path / "alone", SETTINGS)
    # Equal, not close: the same folder, shapes, code and process.
    assert metrics["scores"] == alone["scores"] and "models" not in alone
    assert list(metrics["models"]) == ["tiny-gpt2", "tiny-neox"]
    readable = headlines(metrics)
    assert headlines(alone) == {task: value for task, value in readable.items() if task != "models"}
    for name in ("tiny-gpt2", "tiny-neox"):
        assert set(readable["models"][name]) == set(metrics["scores"])
        scored = metrics["models"][name]["scores"]["lab_agreement"]
        rows = (tmp_path / "evaluate" / "models" / name / "lab_agreement.jsonl").read_text("utf-8").splitlines()
        assert sum(json.loads(row)["acc"] for row in rows) / 8 == pytest.approx(scored["acc"])
    assert not any(str(tmp_path.parent) in part for part in [json.dumps(metrics), *readable["models"]])


def test_the_model_of_ours_scored_as_another_scores_the_same(models, corpus, tmp_path):
    settings = SETTINGS.model_copy(update={"models": [str(models["gpt2"])]})
    metrics = evaluate(models["gpt2"], corpus.folder, tmp_path / "evaluate", settings)
    # Equal, not close: the same folder, shapes, code and process.
    assert metrics["models"]["gpt2"]["scores"] == metrics["scores"]


def test_a_tokenizer_that_ours_is_not_is_left_to_lm_eval(made, tmp_path, capsys):
    """Lower-casing is no part of a byte-level BPE: our tokenizer would give other ids, so other scores."""
    import shutil

    folder = tmp_path / "lower"
    shutil.copytree(made["gpt2"], folder)
    described = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    (folder / "tokenizer.json").write_text(json.dumps(described | {"normalizer": {"type": "Lowercase"}}), "utf-8")
    assert isinstance(open_model(str(folder), SETTINGS), huggingface_lm.HFLM)
    assert "tokenizer" in capsys.readouterr().err


def test_a_model_that_can_t_be_had_is_told_with_the_command_that_fetches_it(tmp_path):
    settings = SETTINGS.model_copy(update={"models": ["openai-community/gpt2"], "data_dir": str(tmp_path)})
    with pytest.raises(InputError, match=r"fetch FOLDER --models openai-community/gpt2.*evaluate\.data_dir"):
        open_model("openai-community/gpt2", settings)


def test_a_model_in_the_data_folder_is_found_without_a_net(made, tmp_path):
    """The hub's own layout, as lab.evaluate.fetch leaves it."""
    import shutil

    repository = tmp_path / "hub" / "models--someone--tiny"
    shutil.copytree(made["gpt2"], repository / "snapshots" / "abc")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    settings = SETTINGS.model_copy(update={"data_dir": str(tmp_path)})
    assert isinstance(open_model("someone/tiny", settings), LabLM)


def test_a_folder_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty can't be read"):
        open_model(str(tmp_path / "empty"), SETTINGS)


def test_two_models_of_one_name_are_refused(tmp_path):
    for name in ("a/model", "b/model"):
        (tmp_path / name).mkdir(parents=True)
    with pytest.raises(ParameterError, match="called 'model'"):
        labels([str(tmp_path / "a/model"), str(tmp_path / "b/model")])


def test_fetch_asks_for_something_to_fetch(tmp_path, capsys):
    with pytest.raises(SystemExit):
        fetch.main([str(tmp_path)])
    assert "suite or a model" in capsys.readouterr().err
