"""If these fail, documents packed into a row leak into each other, and a model learns from what is not its context."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.attention import flex_attention

from lab.model.packing import find_documents
from tests.model.conftest import CONTEXT, KINDS, OTHERS, make, tokens

SEPARATOR = 7
ALL = [*KINDS, *OTHERS]
MODELS = {kind: make(kind) for kind in ALL}
STARTS = st.lists(st.lists(st.integers(0, CONTEXT - 1), max_size=5, unique=True).map(sorted), min_size=1, max_size=3)


def packed(starts: list[list[int]], seed: int = 0) -> torch.Tensor:
    """Rows of random tokens with separators at these places and nowhere else."""
    rows = tokens(len(starts), CONTEXT, seed=seed)
    rows[rows == SEPARATOR] += 1
    for row, places in zip(rows, starts, strict=True):
        row[places] = SEPARATOR
    return rows


@settings(max_examples=60, deadline=None)
@given(kind=st.sampled_from(ALL), starts=STARTS, seed=st.integers(0, 1000))
def test_a_documents_logits_are_those_it_has_alone(kind, starts, seed):
    model, rows = MODELS[kind], packed(starts, seed)
    with torch.no_grad():
        found = model(rows, documents=model.documents(rows, SEPARATOR))
        for row, logits, places in zip(rows, found, starts, strict=True):
            bounds = sorted({0, *places, CONTEXT})
            for start, stop in pairwise(bounds):
                torch.testing.assert_close(logits[start:stop], model(row[None, start:stop])[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ALL)
def test_without_the_mask_they_do_see_each_other(kind):
    model, rows = MODELS[kind], packed([[0, 12]])
    with torch.no_grad():
        apart, together = model(rows, documents=model.documents(rows, SEPARATOR)), model(rows)
    torch.testing.assert_close(apart[:, :12], together[:, :12], rtol=1e-4, atol=1e-4)
    assert (apart[:, 12:] - together[:, 12:]).abs().max() > 1e-2


@pytest.mark.parametrize("kind", ALL)
def test_no_gradient_crosses_a_boundary(kind):
    model, rows = MODELS[kind], packed([[10, 20]])
    states = []
    handle = model.embedding.register_forward_hook(lambda module, inputs, output: states.append(output))
    logits = model(rows, documents=model.documents(rows, SEPARATOR))
    handle.remove()
    (gradient,) = torch.autograd.grad(logits[0, 15].square().sum(), states[0])
    reached = gradient[0].abs().sum(dim=1).nonzero().flatten().tolist()
    assert reached == list(range(10, 16))


@pytest.mark.parametrize("kind", ["gpt2", "llama grouped", "llama scaled", "2017"])
def test_blocks_of_flex_attention_give_the_same_logits_loss_and_gradients(kind, monkeypatch):
    """What GPUs run. The CPU has no kernel for its gradients, but torch's own definition of them can be run."""
    monkeypatch.setattr(flex_attention, "_validate_device", lambda *_: None)
    torch._dynamo.reset()
    model, rows = make(kind), packed([[0, 9], [5, 6, 30], []])
    targets = tokens(*rows.shape, seed=1)
    plain, blocks = (find_documents(rows, SEPARATOR, flex=flex) for flex in (False, True))
    assert isinstance(blocks.mask, flex_attention.BlockMask)
    expected = model.loss(rows, targets, documents=plain)
    expected.backward()
    gradients = [weight.grad.clone() for weight in model.parameters()]
    model.zero_grad()
    compiled = torch.compile(model.loss, backend="aot_eager", fullgraph=True)
    found = compiled(rows, targets, documents=blocks)
    found.backward()
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close([weight.grad for weight in model.parameters()], gradients, rtol=1e-4, atol=1e-5)
    # Other boundaries are other numbers, not another graph.
    rows = packed([[3], [1, 2, 3], [31]])
    with torch._dynamo.config.patch(error_on_recompile=True):
        found = compiled(rows, targets, documents=find_documents(rows, SEPARATOR, flex=True))
    torch.testing.assert_close(found, model.loss(rows, targets, documents=model.documents(rows, SEPARATOR)))


def test_rotated_queries_meet_values_of_autocast_in_one_type():
    model, rows = make("llama grouped"), packed([[0, 9]])
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        found, expected = (model(rows, documents=find_documents(rows, SEPARATOR, flex=flex)) for flex in (True, False))
    torch.testing.assert_close(found, expected, rtol=0.1, atol=0.1)
