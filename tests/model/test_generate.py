"""If these fail, generated text, and every score that is made by generating, is not what the model says."""

from collections import Counter

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.errors import InputError, ParameterError
from lab.model.generate import Sampler, generate, generate_batch
from tests.model.conftest import CONTEXT, KINDS, OTHERS, assert_greedy, make, tokens

ALL = [*KINDS, *OTHERS]
MODELS = {kind: make(kind) for kind in ALL}


@pytest.mark.parametrize("kind", ALL)
def test_greedy_with_a_cache_is_greedy_without(kind):
    prompt = tokens(7).tolist()
    text = list(generate(MODELS[kind], prompt, max_tokens=CONTEXT - 7, temperature=0))
    assert len(text) == CONTEXT - 7
    assert_greedy(MODELS[kind], prompt, text)


@pytest.mark.parametrize("kind", ALL)
def test_a_cache_filled_in_pieces_gives_the_logits_of_the_whole(kind):
    model, given_tokens = MODELS[kind], tokens(2, CONTEXT)
    cache = model.cache(2)
    with torch.no_grad():
        pieces = [model(piece, cache) for piece in given_tokens.split([5, 1, 11, 15], dim=1)]
        torch.testing.assert_close(torch.cat(pieces, dim=1), model(given_tokens), rtol=1e-4, atol=1e-4)


@pytest.fixture(scope="module")
def spoilt_memory():
    """What is allocated without being filled holds NaN."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture
def logits_seen(monkeypatch) -> list[torch.Tensor]:
    """The logits [rows, vocabulary] that samplers were given, step by step."""
    seen = []
    sample = Sampler.__call__

    def recorded(sampler: Sampler, logits: torch.Tensor) -> torch.Tensor:
        seen.append(logits)
        return sample(sampler, logits)

    monkeypatch.setattr(Sampler, "__call__", recorded)
    return seen


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(ALL), lengths=st.lists(st.integers(1, CONTEXT), min_size=1, max_size=5), data=st.data())
def test_a_row_of_a_batch_is_what_it_would_be_alone(spoilt_memory, logits_seen, kind, lengths, data):
    """Prompts of any lengths, past the context, greedy or sampled."""
    prompts = [tokens(length, seed=seed).tolist() for seed, length in enumerate(lengths)]
    settings = {"max_tokens": 24, "temperature": data.draw(st.sampled_from([0, 0.8])), "top_p": 0.9}
    logits_seen.clear()
    together = generate_batch(MODELS[kind], prompts, seed=5, **settings)
    logits_together = torch.stack(logits_seen, dim=1)  # [rows, steps, vocabulary]
    parted = 0
    for row, prompt in enumerate(prompts):
        logits_seen.clear()
        alone = list(generate(MODELS[kind], prompt, seed=5 + row, **settings))
        # Batches of other sizes sum in another order: logits are close, and once in thousands of tokens a draw falls
        # between the two. From there on the texts are different ones.
        same = next((step for step, pair in enumerate(zip(together[row], alone, strict=True)) if len({*pair}) > 1), 24)
        parted += same < 24
        steps = min(same + 1, 24)
        torch.testing.assert_close(logits_together[row, :steps], torch.cat(logits_seen)[:steps], rtol=1e-4, atol=1e-4)
    assert parted <= 1


def test_a_cache_takes_no_more_room_than_it_is_given():
    model, given_tokens = MODELS["llama"], tokens(2, CONTEXT)
    cache = model.cache(2, room=9)
    assert sum(held.numel() for held in (cache._keys, cache._values)) == 2 * 2 * 2 * 9 * 32
    model.hidden(given_tokens[:, :8], cache)
    model.hidden(given_tokens[:, 8:9], cache)
    with pytest.raises(InputError, match="10 tokens do not fit into a cache for 9"):
        model.hidden(given_tokens[:, 9:10], cache)


def test_past_the_context_the_first_half_is_forgotten():
    model, prompt = MODELS["llama"], tokens(CONTEXT - 2).tolist()
    text = list(generate(model, prompt, max_tokens=20, temperature=0))
    assert_greedy(model, prompt, text[:3])  # the third follows a full context
    rest = (prompt + text[:3])[-(CONTEXT // 2) :]
    assert_greedy(model, rest, text[3:])


def test_text_ends_before_a_stop_token_and_where_finished_says():
    model, prompt = MODELS["gpt2"], tokens(4).tolist()
    # Equal, as each pair is computed in the same shapes: one text alone, and two at once.
    text = list(generate(model, prompt, max_tokens=20, temperature=1.0, seed=1))
    stop = text[9]
    cut = text[: text.index(stop)]
    assert list(generate(model, prompt, max_tokens=20, temperature=1.0, seed=1, stop=[stop])) == cut
    settings = {"max_tokens": 20, "temperature": 1.0, "seed": 1}
    both = generate_batch(model, [prompt, prompt], **settings)
    stop = both[1][9]
    stopped = generate_batch(model, [prompt, prompt], **settings, stop=[stop])
    assert stopped[1] == both[1][: both[1].index(stop)]
    short = generate_batch(
        model, [prompt, prompt], **settings, finished=lambda row, tokens: row == 0 and len(tokens) == 3
    )
    assert short[0] == both[0][:3] and len(short[1]) == 20
    assert generate_batch(model, [], max_tokens=3) == []


def test_a_seed_repeats_and_another_differs_and_torch_s_own_generator_is_left_alone():
    model, prompt = MODELS["llama"], tokens(4).tolist()
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    texts = [list(generate(model, prompt, max_tokens=20, seed=seed)) for seed in (1, 1, 2)]
    assert torch.rand(1) == expected
    assert texts[0] == texts[1] != texts[2]  # the first two in the same shapes, with the same numbers drawn


def drawn(logits: list[float], draws: int = 4000, **settings: object) -> Counter:
    sampler = Sampler(draws, **{"temperature": 1.0, "top_k": None, "top_p": None, "seed": 0} | settings)
    return Counter(sampler(torch.tensor(logits).expand(draws, -1)).tolist())


SHARES = [0.05, 0.5, 0.3, 0.15]
LOGITS = torch.tensor(SHARES).log().tolist()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, SHARES),
        ({"temperature": 0.5}, [share**2 / sum(s**2 for s in SHARES) for share in SHARES]),
        ({"top_k": 2}, [0, 0.5 / 0.8, 0.3 / 0.8, 0]),
        ({"top_p": 0.79}, [0, 0.5 / 0.8, 0.3 / 0.8, 0]),  # the token that crosses the line is kept
        ({"top_p": 0.81}, [0, 0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95]),
        ({"top_k": 3, "top_p": 0.01}, [0, 1, 0, 0]),
        ({"temperature": 0}, [0, 1, 0, 0]),
        ({"temperature": 1e-39}, [0, 1, 0, 0]),  # by which float32 can't be divided
        ({"temperature": 1e-38, "top_p": 0.5}, [0, 1, 0, 0]),
    ],
)
def test_tokens_are_drawn_as_often_as_they_are_likely(settings, expected):
    counts = drawn(LOGITS, **settings)
    for token, share in enumerate(expected):
        assert counts[token] / 4000 == pytest.approx(share, abs=0.03)
        assert share or not counts[token]


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"temperature": -1.0}, ParameterError, "temperature: -1.0 is below 0"),
        ({"top_k": 0}, ParameterError, "top_k: 0"),
        ({"top_p": 1.5}, ParameterError, "top_p: 1.5"),
        ({"prompt": []}, InputError, "no tokens"),
        ({"prompt": [1] * 33}, InputError, "33 tokens, the model's context 32"),
        ({"prompt": [3, 400]}, InputError, "token 400, the model knows 400"),
    ],
)
def test_what_can_t_be_used_is_said(settings, error, said):
    with pytest.raises(error, match=said):
        list(generate(MODELS["llama"], **{"prompt": [1, 2], "max_tokens": 3} | settings))
