"""If these fail, figures for GPT-2's zero-shot tasks can't be set beside the paper's, or can't be had without a net."""

import hashlib
import json
import math
import re
import zipfile
from pathlib import Path

import datasets
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lm_eval.tasks._yaml_loader import load_yaml

from lab.errors import InputError
from lab.evaluate import suites
from lab.evaluate.gpt2 import texts
from lab.evaluate.gpt2.texts import detokenize
from lab.evaluate.run import evaluate
from lab.params import EvaluateParams

CLOZE = {
    "sentences": ["`` Come in , '' said the miller ."] + ["The mouse did n't stir ."] * 19,
    "question": "He gave the XXXXX to the boys ' uncle .",
    "answer": "key",
    "options": ["key", "dog", "mill", "hat", "cup", "tree", "man", "day", "boat", "egg"],
}
SENTENCE = "the fund 's assets rose N N to $ N million but investors do n't <unk> that"
LINES = ["", " = Robert Boulter = \n", "", " He had a guest @-@ starring role , on television . \n", " = = Life = = \n"]
ROWS = {
    ("EleutherAI/lambada_openai", "default"): [{"text": f"Anna gave the key to Tom, and then Tom had the {n}key"}
                                               for n in ("", "old ")],
    ("cam-cst/cbt", "CN"): [CLOZE, CLOZE | {"question": "XXXXX was old .", "answer": "egg"}],
    ("cam-cst/cbt", "NE"): [CLOZE],
    ("Salesforce/wikitext", "wikitext-2-raw-v1"): [{"text": line} for line in LINES * 3],
    ("Salesforce/wikitext", "wikitext-103-raw-v1"): [{"text": line} for line in LINES * 3],
    ("ptb-text-only/ptb_text_only", "penn_treebank"): [{"sentence": SENTENCE}] * 150,
    ("afmck/text8", "default"): [{"text": "anarchism originated as a term of abuse " * 3000}],
    ("dvruette/lm1b", "default"): [{"text": 'He said , " I do n\'t know . "'}, {"text": "It rained ."}],
}  # fmt: skip


def prepare(home: Path) -> None:
    """Data sets as `datasets` leaves them in its cache once it has loaded them from the hub."""
    for (name, config), rows in ROWS.items():
        namespace, short = name.split("/")
        folder = home / f"{namespace}___{short}" / config / "0.0.0" / "0123abcd"
        folder.mkdir(parents=True)
        table = pa.Table.from_pylist(rows)
        with pa.ipc.new_stream(folder / f"{short}-test.arrow", table.schema) as file:
            file.write_table(table)
        splits = datasets.SplitDict({"test": datasets.SplitInfo("test", table.nbytes, len(rows), dataset_name=short)})
        features = datasets.Features.from_arrow_schema(table.schema)
        info = datasets.DatasetInfo(features=features, splits=splits, config_name=config, dataset_name=short)
        info.write_to_directory(str(folder))


def write_enwik8(home: Path, text: bytes, monkeypatch) -> None:
    path = home / "lab" / "enwik8.zip"
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("enwik8", text)
    sums = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(texts, "ENWIK8_SHA256", sums)
    monkeypatch.setenv("HF_HOME", str(home))


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """A data folder with all of the suite's data but enwik8, and no net."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "home" / "datasets"))
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    # The task files' own functions, so that what a test sets is what they see.
    monkeypatch.setattr("lm_eval.tasks._yaml_loader._load_module_with_cache", lambda path: texts, raising=False)
    prepare(tmp_path / "home" / "datasets")
    return tmp_path / "home"


def test_the_suite_runs_from_a_data_folder(offline, corpus, models, tmp_path, monkeypatch):
    source = "<page>\n  <title>Anarchism</title> – naïve\n".encode() * 4000
    write_enwik8(offline, source, monkeypatch)
    settings = EvaluateParams(suites=["gpt2"], data_dir=str(offline), device="cpu", limit=3)
    scores = evaluate(models["gpt2"], corpus.folder, tmp_path / "out", settings)["scores"]
    assert list(scores) == suites.SUITES["gpt2"]
    for task in ("gpt2_wikitext2", "gpt2_wikitext103", "gpt2_ptb", "gpt2_1bw"):
        assert scores[task]["word_perplexity"] > 1 and scores[task]["bits_per_byte"] > 0
    for task in ("gpt2_enwik8", "gpt2_text8"):
        assert scores[task]["bits_per_byte"] > 0 and "word_perplexity" not in scores[task]
    for task in ("gpt2_cbt_cn", "gpt2_cbt_ne"):
        assert scores[task]["chance"] == 0.1 and 0 <= scores[task]["acc"] <= 1
    row = json.loads((tmp_path / "out" / "gpt2_ptb.jsonl").read_text("utf-8").splitlines()[0])
    likelihood, words = row["word_perplexity"]
    assert words == texts.SENTENCES * (len(SENTENCE.split()) + 1)
    assert scores["gpt2_ptb"]["word_perplexity"] == pytest.approx(math.exp(-likelihood / words), rel=0.05)


def test_without_data_all_that_is_missing_is_listed_with_the_command(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(InputError) as error:
        suites.load_tasks(["gpt2"], [], tmp_path, tmp_path)
    sources = [*{name for name, _ in ROWS}, texts.ENWIK8, "lab.evaluate.fetch FOLDER gpt2", "evaluate.data_dir"]
    for name in sources:
        assert name in str(error.value)


def test_another_file_than_enwik8_is_refused(tmp_path, monkeypatch):
    write_enwik8(tmp_path, b"other", monkeypatch)
    monkeypatch.setattr(texts, "ENWIK8_SHA256", "0" * 64)
    with pytest.raises(InputError, match="Remove it and fetch it again"):
        texts.enwik8()


def test_every_task_of_the_suite_has_a_file_or_is_lm_evals():
    files = {path.stem: load_yaml(path, resolve_func=False) for path in suites.OWN.glob("*.yaml")}
    assert {name: config["task"] for name, config in files.items()} == {name: name for name in files}
    assert set(files) == {name for name in suites.SUITES["gpt2"] if name.startswith("gpt2_")}


def test_wikitext_2_counts_the_words_of_its_authors(shared):
    """245,569 tokens, ends of lines among them: Merity et al. 2016, table 1."""
    lines = (shared / "wikitext-2" / "test.txt").read_text("utf-8").split("\n")[:-1]
    rows = datasets.Dataset.from_list([{"text": f"{line}\n"} for line in lines])
    articles = texts.wikitext(rows)
    assert sum(articles["words"]) == 245_569
    assert 50 < len(articles) < 70  # 60 articles
    assert all(text.lstrip().startswith("= ") for text in articles["text"][1:])


def test_a_cloze_question_asks_for_the_option_and_the_rest():
    first, last = texts.cloze(datasets.Dataset.from_list(ROWS["cam-cst/cbt", "CN"]))
    assert first["context"].startswith('"Come in," said the miller. The mouse didn\'t stir. The')
    assert first["context"].endswith("stir. He gave the")
    assert first["choices"][:2] == [" key to the boys' uncle.", " dog to the boys' uncle."] and first["answer"] == 0
    assert last["context"].endswith("didn't stir.") and last["choices"][9] == " egg was old." and last["answer"] == 9


@pytest.mark.parametrize(
    ("split", "written"),
    [
        ("He said , `` It 's N % , is n't it ? ''", "He said, \"It's N%, isn't it?\""),
        ("the $ N million <unk> ( see below ) 's", "the $N million <unk> (see below)'s"),
        ('" Yes , " he said . " No . "', '"Yes," he said. "No."'),
        ("' Stop ! ' he cried ; we 'll go : now .", "'Stop!' he cried; we'll go: now."),
        ("well-known U.S. 1,000 names -LRB- old -RRB-", "well-known U.S. 1,000 names (old)"),
    ],
)
def test_text_is_written_as_people_write_it(split, written):
    assert detokenize(split) == written


WORDS = ["the", "boys", "'", '"', "'s", "n't", ",", ".", "(", ")", "$", "N", "%", "<unk>", "U.S.", "``", "''", "-LRB-"]


@given(st.lists(st.sampled_from(WORDS), max_size=30))
def test_only_spaces_go(words):
    """So the log-probability of the text is that of the original."""
    plain = {"``": '"', "''": '"', "-LRB-": "("}
    assert re.sub(" ", "", detokenize(" ".join(words))) == "".join(plain.get(word, word) for word in words)
