"""If these fail, a score that a model owes to having met the questions in training passes for skill."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.documents import Document, RowWriter
from lab.errors import InputError
from lab.evaluate import contamination
from lab.evaluate.scores import Score, item_metrics, score_items
from lab.params import ContaminationParams, EngineParams

PASSAGE = (
    "The miller's daughter carried three sacks of flour over the old bridge before the bells of Saint Anne rang, "
    "and nobody in the village believed that she had done it without a cart or a mule."
)
OTHER = "A quite different question about how long the kettle takes until it boils when nobody looks at it for a while"


def item(number: int, text: str, right: bool, answers=(" yes", " no"), target="0") -> dict:
    arguments = [[text, answer] for answer in answers]
    return {"doc_id": number, "doc_hash": f"h{number}", "target": target, "arguments": arguments, "acc": float(right)}


def write(tmp_path, train: list[str], tasks: dict[str, list[dict]]):
    for split, texts in {"train": train}.items():
        for shard in range(2):
            with RowWriter(tmp_path / "dataset" / split / f"part-{shard}.parquet") as file:
                for number, text in enumerate(texts[shard::2]):
                    file.write(Document(f"{shard}-{number}", "http://a.example/", "", "f", number, text))
    (tmp_path / "evaluate").mkdir(exist_ok=True)
    for task, rows in tasks.items():
        (tmp_path / "evaluate" / f"{task}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def measure(tmp_path, monkeypatch, workers=1, **params):
    monkeypatch.chdir(tmp_path)
    folders = (tmp_path / name for name in ("dataset", "evaluate", "out"))
    return contamination.run(*folders, ContaminationParams(**params), EngineParams(workers=workers))["tasks"]


def test_overlap_is_found_whatever_case_punctuation_and_line_breaks(tmp_path, monkeypatch):
    train = ["Nothing of it here.", "Once: " + PASSAGE.upper().replace(" ", "\n", 5).replace(",", " --") + " The end."]
    write(tmp_path, train, {"tale": [item(0, PASSAGE, True), item(1, OTHER, False), item(2, OTHER, True)]})
    found = measure(tmp_path, monkeypatch, workers=2)["tale"]
    assert (found["items"], found["overlapping"], found["ngram"]) == (3, 1, 13)
    assert found["scores"]["acc"]["all"]["value"] == pytest.approx(2 / 3, abs=1e-6)
    assert found["scores"]["acc"]["clean"] == {"value": 0.5, "error": 0.5}
    assert found["scores"]["acc"]["overlapping"] == {"value": 1.0, "error": None}
    rows = [json.loads(line) for line in (tmp_path / "out" / "tale.jsonl").read_text().splitlines()]
    assert [row["overlaps"] for row in rows] == [True, False, False]
    assert rows[0]["doc_hash"] == "h0" and 0.9 < rows[0]["covered"] < 1  # all but the answer


def test_twelve_words_in_a_row_are_no_overlap_and_thirteen_are(tmp_path, monkeypatch):
    words = PASSAGE.split()
    for count, overlapping in ((12, 0), (13, 1)):
        train = [" ".join([*words[5 : 5 + count], "however", *words[5 + count + 1 :][:8]])]
        write(tmp_path, [*train, "filler"], {"tale": [item(0, PASSAGE, True)]})
        assert measure(tmp_path, monkeypatch)["tale"]["overlapping"] == overlapping


def test_right_answer_is_looked_for_and_wrong_ones_are_not(tmp_path, monkeypatch):
    question = item(0, "Q:", True, answers=(f" {OTHER}", f" {PASSAGE}"), target="1")
    write(tmp_path, [OTHER, OTHER], {"quiz": [question]})
    assert measure(tmp_path, monkeypatch)["quiz"]["overlapping"] == 0
    write(tmp_path, [PASSAGE, OTHER], {"quiz": [question]})
    assert measure(tmp_path, monkeypatch)["quiz"]["overlapping"] == 1


def test_languages_without_spaces_are_looked_for_by_letters(tmp_path, monkeypatch):
    question = "村里的磨坊主在清晨把三袋面粉扛过了那座古老的石桥"
    write(tmp_path, ["昨天。" + question + "。没有人相信。"], {"zh": [item(0, question, True, ("。是", "。否"))]})
    assert measure(tmp_path, monkeypatch)["zh"]["overlapping"] == 1


def test_a_cut_file_of_items_is_named(tmp_path, monkeypatch):
    write(tmp_path, [PASSAGE], {"tale": [item(0, PASSAGE, True)]})
    with open(tmp_path / "evaluate" / "tale.jsonl", "a") as file:
        file.write('{"doc_id": 1, "ar')
    with pytest.raises(InputError, match=r"tale\.jsonl: line 2 is not JSON"):
        measure(tmp_path, monkeypatch)


def test_threshold_allows_a_share(tmp_path, monkeypatch):
    write(tmp_path, [" ".join(PASSAGE.split()[:14]), "x"], {"tale": [item(0, PASSAGE, True)]})
    assert measure(tmp_path, monkeypatch)["tale"]["overlapping"] == 1
    assert measure(tmp_path, monkeypatch, max_covered_share=0.8)["tale"]["overlapping"] == 0


def test_no_items_is_an_error_that_says_what_to_do(tmp_path, monkeypatch):
    write(tmp_path, ["a", "b"], {})
    with pytest.raises(InputError, match="dvc repro evaluate"):
        measure(tmp_path, monkeypatch)


few_words = st.lists(st.sampled_from("a b c d".split()), max_size=14)


@settings(deadline=None, max_examples=150)
@given(few_words, st.lists(few_words, min_size=1, max_size=4), st.integers(2, 4))
def test_covered_share_is_that_of_a_plain_search(document, items, n):
    """Against the definition: a word is covered if an n-gram around it stands in the document."""
    words = contamination.Words()
    for word in (word for item in items for word in item):
        words.setdefault(word, len(words) + 1)
    in_a_row = words.numbers(word for item in items for word in (*item, contamination.GAP))
    lengths = np.array([len(item) for item in items])
    task = contamination.Task("t", [{}] * len(items), lengths, n, *contamination.ngrams(in_a_row, n))
    there = {tuple(document[at : at + n]) for at in range(len(document) - n + 1)}
    _, keys = contamination.ngrams(words.numbers(document), n)
    expected = []
    for item in items:
        starts = [at for at in range(len(item) - n + 1) if tuple(item[at : at + n]) in there]
        covered = {at + offset for at in starts for offset in range(n)}
        expected.append(len(covered) / max(1, len(item)))
    assert contamination.covered_shares(task, np.unique(keys)).tolist() == pytest.approx(expected)


def test_scores_over_items_are_lm_evals():
    from lm_eval.api.metrics import bits_per_byte, perplexity, weighted_perplexity

    pairs = [(-120.5, 100), (-33.25, 40), (-80.0, 71)]
    rows = [
        {"bits_per_byte": list(pair), "byte_perplexity": list(pair), "acc": number % 2}
        for number, pair in enumerate(pairs)
    ]
    assert score_items("t", "bits_per_byte", rows).value == pytest.approx(bits_per_byte(pairs))
    assert score_items("t", "byte_perplexity", rows).value == pytest.approx(weighted_perplexity(pairs))
    error = pytest.approx(math.sqrt(1 / 3) / math.sqrt(3))
    assert score_items("t", "acc", rows) == Score("t", "acc", pytest.approx(1 / 3), error, items=3)
    assert score_items("t", "acc", []) is None
    likelihoods = [-3.1, -2.5, -5.0]
    answers = [{"perplexity": value, "mcc": [1, 0]} for value in likelihoods]
    assert score_items("t", "perplexity", answers).value == pytest.approx(perplexity(likelihoods))
    assert item_metrics(answers) == ["perplexity"]
