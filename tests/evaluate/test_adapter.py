"""If these fail, our scores are not what anybody else's lm-eval would give for the exported model."""

import logging
import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lm_eval.api.instance import Instance
from lm_eval.api.registry import get_model

from lab.errors import InputError
from lab.evaluate.adapter import LabLM
from lab.evaluate.batches import plan
from lab.evaluate.held_out import read_pages
from lab.evaluate.sample import make_items
from tests.evaluate.conftest import CONTEXT, STYLES

os.environ["HF_HUB_OFFLINE"] = "1"
huggingface_lm = pytest.importorskip("lm_eval.models.huggingface", reason="lm-eval's `hf` model needs accelerate")

STORY = "Anna gave the key to Tom. Tom went to the mill and put the key under the bench. " * 3


@pytest.fixture(scope="module", params=list(STYLES))
def pair(request, models):
    """Our adapter and lm-eval's, on the same folder."""
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    folder = models[request.param]
    # With its logits cache lm-eval 0.4.13 reads wrong positions where one text is cut into context and answer twice.
    return LabLM(folder, device="cpu", batch_tokens=500), huggingface_lm.HFLM(
        pretrained=str(folder), device="cpu", batch_size=7, logits_cache=False
    )


def instances(kind: str, arguments: list[tuple]) -> list[Instance]:
    return [Instance(request_type=kind, doc={}, arguments=a, idx=n) for n, a in enumerate(arguments)]


def both(pair, kind: str, arguments: list[tuple]) -> tuple[list, list]:
    ours, theirs = pair
    return getattr(ours, kind)(instances(kind, arguments)), getattr(theirs, kind)(
        instances(kind, arguments), disable_tqdm=True
    )


def assert_same(found: list, expected: list) -> None:
    """Likelihoods to rounding; whether an answer is greedy exactly, for the most likely tokens lie far apart."""
    assert len(found) == len(expected)
    for (ours, our_greedy), (theirs, their_greedy) in zip(found, expected, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-4, rel=1e-6)
        assert our_greedy == their_greedy


ODD = [
    ("", "The mill stands by the river."),
    ("", "\n"),
    ("The key is ", "under the bench"),  # a space at the end of the context
    ("The key is", " under the bench"),
    ("The key is", " under the bench"),  # asked twice
    ("The key is", " under"),  # the beginning of another answer
    ("The key is under", " the bench"),  # the same text, cut elsewhere
    ("Der Schlüssel – „wo?“ ", "東京 🗝"),
    ("A<|endoftext|>B", " C <|endoftext|>"),
    ("x", "y"),
]


def test_odd_requests_get_hf_answers(pair):
    assert_same(*both(pair, "loglikelihood", ODD))


def test_an_answer_that_merges_into_its_context_is_not_scored_as_certain(pair):
    ours, _ = pair
    word = next(token for token in map(ours.encoding.decode, ([n] for n in range(300, 590))) if token[1:].isalpha())
    context, answer = f"We saw{word[:-1]}", word[-1]
    assert ours._encode_pair(context, answer)[1] == []
    ((found, greedy),) = ours.loglikelihood(instances("loglikelihood", [(context, answer)]))
    ((expected, _),) = ours.loglikelihood(instances("loglikelihood", [("We saw", word)]))
    assert found == pytest.approx(expected, abs=1e-4) and found < -0.1 and not greedy


def test_a_context_of_spaces_is_read_after_the_beginning_whatever_stands_beside(pair):
    ours, _ = pair
    asked = [(" ", "the town"), ("Anna gave the key", " to Tom"), ("The mill", " stands")]
    alone = [ours.loglikelihood(instances("loglikelihood", [one]))[0][0] for one in asked]
    together = [found for found, _ in ours.loglikelihood(instances("loglikelihood", asked))]
    assert together == pytest.approx(alone, abs=1e-4)
    after_beginning = ours.loglikelihood(instances("loglikelihood", [("", " the town")]))[0][0]
    assert alone[0] == pytest.approx(after_beginning, abs=1e-4)


def test_choices_after_short_and_long_contexts_get_hf_answers(pair):
    """Contexts beyond the model's are cut from the left, by as much as each answer needs."""
    chance = random.Random(1)
    questions = [STORY[: chance.randint(5, len(STORY))] for _ in range(12)]
    answers = [" the bench", " Tom", " Anna and Tom, who went to the mill", " mill"]
    assert_same(*both(pair, "loglikelihood", [(q, a) for q in questions for a in answers]))


def test_few_shot_questions_that_share_examples_get_hf_answers(pair):
    shots = "Q: Who has it? A: Tom. Q: Where is it? A: here. "
    asked = [f"{shots}Q: {question} A:" for question in ("Is it red?", "Is it old?", "Where? Where? Where?")]
    assert_same(
        *both(pair, "loglikelihood", [(text, answer) for text in asked for answer in (" yes", " no", " no one")])
    )


def test_the_sample_suite_gets_hf_answers(pair, corpus):
    made, _ = make_items(read_pages(corpus.folder, 24, 1), 12, 1)
    for task, rows in made.items():
        if task.startswith("lab_bits"):
            found, expected = both(pair, "loglikelihood_rolling", [(row["text"],) for row in rows])
            assert found == pytest.approx(expected, abs=1e-4, rel=1e-6), task
        else:
            between = " " if rows[0]["text"] else ""
            asked = [(row["text"], between + choice) for row in rows for choice in row["choices"]]
            short = [a for a in asked if len(pair[0].tok_encode(a[1])) < CONTEXT]  # `hf` refuses longer ones
            assert_same(*both(pair, "loglikelihood", short))


@pytest.mark.parametrize("tokens", [0, 1, CONTEXT - 1, CONTEXT, CONTEXT + 1, 3 * CONTEXT + 5])
def test_rolling_windows_are_those_of_hf(pair, tokens):
    ids = pair[0].tok_encode(STORY * 9)[:tokens]
    text = pair[0].tok_decode(ids)
    found, expected = both(pair, "loglikelihood_rolling", [(text,), (text + "!",)])
    assert found == pytest.approx(expected, abs=1e-4, rel=1e-6)


def test_an_answer_longer_than_the_context_is_scored_whole(pair):
    ours, _ = pair
    long = STORY * 9
    ((whole, _),) = ours.loglikelihood(instances("loglikelihood", [("", long)]))
    (rolling,) = ours.loglikelihood_rolling(instances("loglikelihood_rolling", [(long,)]))
    assert whole == pytest.approx(rolling, rel=1e-6)


def test_generated_texts_are_those_of_hf(pair):
    chance = random.Random(2)
    contexts = [STORY[: chance.randint(3, 200)] for _ in range(9)]
    asked = [(text, {"until": ["."], "max_gen_toks": 12}) for text in contexts]
    asked += [(text, {"until": ["the", "\n\n"], "max_gen_toks": 40, "do_sample": False}) for text in contexts]
    found, expected = both(pair, "generate_until", asked)
    assert found == expected  # texts: the most likely tokens lie far apart
    assert len(set(found)) > 5


def test_too_many_new_tokens_are_refused_with_a_remedy(pair):
    with pytest.raises(InputError, match="max_gen_toks"):
        pair[0].generate_until(instances("generate_until", [("A", {"until": ["."]})]))


def test_lm_eval_knows_the_adapter_by_name(models):
    model = get_model("lab").create_from_arg_string(f"folder={models['gpt2']},batch_tokens=64", {"device": "cpu"})
    assert model.max_length == CONTEXT


def test_a_folder_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"config\.json"):
        LabLM(tmp_path, device="cpu")


sequences = st.lists(
    st.lists(st.integers(0, 2), min_size=1, max_size=40).map(tuple), min_size=1, max_size=30, unique=True
)


@settings(deadline=None)
@given(sequences, st.integers(10, 200), st.lists(st.integers(0, 2), max_size=30).map(tuple))
def test_each_sequence_is_computed_once_in_a_batch_that_fits(found, most, beginning):
    found = [beginning + sequence for sequence in found]
    batches = plan(found, most)
    assert sorted(member for batch in batches for member in batch.members) == list(range(len(found)))
    for batch in batches:
        tokens = len(batch.groups) * batch.prefix + len(batch.members) * batch.tail
        assert tokens <= most or len(batch.members) == 1
        for group in batch.groups:
            first = found[group.members[0]][: batch.prefix]
            assert all(found[member][: batch.prefix] == first for member in group.members)
            assert all(batch.prefix < len(found[member]) <= batch.prefix + batch.tail for member in group.members)


def test_choices_of_a_question_share_its_context():
    questions = [tuple(range(100 * q, 100 * q + 80)) for q in range(6)]
    found = [(*question, 7000 + choice, 3) for question in questions for choice in range(4)]
    tokens = sum(len(b.groups) * b.prefix + len(b.members) * b.tail for b in plan(found, 10_000))
    assert tokens < 1.1 * 6 * (80 + 4 * 2)
