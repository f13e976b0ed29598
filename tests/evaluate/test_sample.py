"""If these fail, the sample suite's scores can be had without understanding: by position, length or memory."""

from collections import Counter
from hashlib import sha256

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import EmptyCorpusError
from lab.evaluate.held_out import read_pages, sort_of, split_sentences
from lab.evaluate.sample import make_sample, task_file
from tests.evaluate.conftest import docstrings, write_dataset

COUNT = 40


@pytest.fixture(scope="module")
def made(corpus, tmp_path_factory) -> dict[str, list[dict]]:
    folder = tmp_path_factory.mktemp("items")
    tasks, left_out = make_sample(corpus.folder, folder, COUNT, seed=3)
    assert not left_out
    return {task: pq.read_table(folder / f"{task}.parquet").to_pylist() for task in tasks}


def test_all_tasks_are_made_and_have_a_task_file(made):
    names = "bits_town bits_documentation continuation word_order entities agreement"
    assert set(made) == {f"lab_{name}" for name in names.split()}
    assert all(task_file(task).is_file() for task in made)
    assert all(len(rows) == COUNT for task, rows in made.items() if "bits" not in task)


def test_the_right_answer_stands_in_each_place_equally_often(made):
    for rows in (rows for rows in made.values() if "choices" in rows[0]):
        choices = len(rows[0]["choices"])
        assert Counter(row["answer"] for row in rows) == dict.fromkeys(range(choices), COUNT // choices)
        assert all(len(set(row["choices"])) == choices for row in rows)


def test_length_does_not_give_the_answer_away(made):
    rows = made["lab_continuation"]
    for extreme in (min, max):
        right = [row["choices"].index(extreme(row["choices"], key=len)) == row["answer"] for row in rows]
        assert sum(right) / len(rows) < 0.5


def test_no_context_or_choice_is_in_the_train_split(made, corpus):
    sentences = {sentence.text for text in corpus.train for sentence in split_sentences(text)}
    for task in ("lab_continuation", "lab_word_order"):
        for row in made[task]:
            assert not any(row["text"] and row["text"] in text for text in corpus.train)
            assert not sentences & set(row["choices"])
    for row in made["lab_entities"]:
        assert not any(row["text"] in text for text in corpus.train)


def test_the_true_continuation_is_what_the_page_says_next(made, corpus):
    for row in made["lab_continuation"]:
        right = row["text"] + " " + row["choices"][row["answer"]]
        assert any(right in text for text in corpus.held_out)
        others = [choice for number, choice in enumerate(row["choices"]) if number != row["answer"]]
        assert not any(row["text"] + " " + choice in text for text in corpus.held_out for choice in others)


def test_word_order_swaps_two_neighbours_and_nothing_else(made):
    for row in made["lab_word_order"]:
        right, wrong = row["choices"][row["answer"]].split(), row["choices"][1 - row["answer"]].split()
        places = [place for place, (one, other) in enumerate(zip(right, wrong, strict=True)) if one != other]
        assert len(places) == 2 and places[1] == places[0] + 1
        assert sorted(right) == sorted(wrong)


def test_entities_in_the_choices_are_all_in_the_story(made):
    for row in made["lab_entities"]:
        assert all(choice.lower() in row["text"].lower() for choice in row["choices"])


def test_the_same_bytes_each_time_and_others_with_another_seed(corpus, tmp_path):
    def hashes(name: str, seed: int) -> dict[str, str]:
        make_sample(corpus.folder, tmp_path / name, 12, seed)
        return {path.name: sha256(path.read_bytes()).hexdigest() for path in (tmp_path / name).iterdir()}

    once = hashes("once", 1)
    assert once == hashes("again", 1)
    other = hashes("other", 2)
    assert all(once[name] != other[name] for name in once)


def test_any_other_crawl_gets_the_tasks_that_it_has_text_for(tmp_path):
    pages = [(f"https://www.beispiel{number}.de/", text) for number, (_, text) in enumerate(docstrings())]
    write_dataset(tmp_path / "dataset", pages)
    tasks, left_out = make_sample(tmp_path / "dataset", tmp_path / "items", 20, seed=1)
    assert set(tasks) == {"lab_bits_web", "lab_continuation", "lab_word_order"}
    assert set(left_out) == {"lab_entities", "lab_agreement"}


def test_a_corpus_without_sentences_still_has_bits_per_byte(tmp_path):
    write_dataset(tmp_path / "dataset", [(f"https://liste.de/{n}", f"{n} Äpfel\n{n} Birnen") for n in range(16)])
    tasks, left_out = make_sample(tmp_path / "dataset", tmp_path / "items", 20, seed=1)
    assert tasks == ["lab_bits_web"]
    assert "0 items" in left_out["lab_continuation"]


def test_an_empty_validation_split_is_a_clear_error(tmp_path):
    write_dataset(tmp_path / "dataset", [("https://a.de/", "  \n")])
    with pytest.raises(EmptyCorpusError, match="validation_share"):
        make_sample(tmp_path / "dataset", tmp_path / "items", 20, seed=1)


def test_sorts_follow_the_hosts_of_the_sample_crawl(corpus):
    assert set(read_pages(corpus.folder, 5, 1)) == {"town", "documentation"}
    assert sort_of("https://mytown.example.com/") == sort_of("not an address") == "web"


@given(st.text(alphabet='aB. !?"\n”', max_size=60))
def test_sentences_lie_in_the_text_in_order(text):
    end = 0
    for sentence in split_sentences(text):
        assert text[sentence.start : sentence.start + len(sentence.text)] == sentence.text
        assert sentence.start >= end
        end = sentence.start + len(sentence.text)


def test_a_sentence_is_found_wherever_the_text_before_it_is_cut():
    text = 'It rained. "Come in!" said Anna. Nobody came.\nThe end (of it).'
    whole = [sentence.text for sentence in split_sentences(text)]
    assert whole == ["It rained.", '"Come in!"', "said Anna.", "Nobody came.", "The end (of it)."]
    for sentence in split_sentences(text):
        assert [part.text for part in split_sentences(text[sentence.start :])] == whole[whole.index(sentence.text) :]
