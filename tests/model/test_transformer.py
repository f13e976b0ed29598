"""If these fail, a model sees its own answers, learns from a wrong loss, or is not the network of the papers."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import InputError
from lab.model import Transformer, attention
from lab.model import loss as loss_module
from tests.model.conftest import CONTEXT, KINDS, OTHERS, VOCABULARY, configuration, make, tokens

ALL = [*KINDS, *OTHERS]
MODELS = {kind: make(kind) for kind in ALL}


@settings(max_examples=60, deadline=None)
@given(kind=st.sampled_from(ALL), at=st.integers(1, CONTEXT - 1), seed=st.integers(0, 1000))
def test_a_later_token_never_changes_an_earlier_logit(kind, at, seed):
    before = tokens(2, CONTEXT, seed=seed)
    after = before.clone()
    after[:, at:] = tokens(2, CONTEXT - at, seed=seed + 1)
    with torch.no_grad():
        first, second = MODELS[kind](before), MODELS[kind](after)
    torch.testing.assert_close(first[:, :at], second[:, :at], rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ALL)
def test_the_order_of_the_tokens_before_matters(kind):
    given_tokens = tokens(1, CONTEXT)
    swapped = given_tokens.clone()
    swapped[0, [3, 9]] = given_tokens[0, [9, 3]]
    with torch.no_grad():
        first, second = MODELS[kind](given_tokens), MODELS[kind](swapped)
    assert (first[0, -1] - second[0, -1]).abs().max() > 1e-3


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("piece", [1 << 22, 7 * VOCABULARY])  # of logits at once: all, or 7 tokens (of 64)
def test_loss_and_gradients_are_those_of_cross_entropy_on_all_logits(kind, piece, monkeypatch):
    monkeypatch.setitem(loss_module.PIECE, "cpu", piece)
    model, inputs, targets = make(kind), tokens(2, CONTEXT), tokens(2, CONTEXT, seed=1)
    expected = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
    (expected * 0.5).backward()
    gradients = {name: weight.grad.clone() for name, weight in model.named_parameters()}
    model.zero_grad()
    found = model.loss(inputs, targets)
    (found * 0.5).backward()
    torch.testing.assert_close(found, expected)
    for name, weight in model.named_parameters():
        torch.testing.assert_close(weight.grad, gradients[name], rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        torch.testing.assert_close(model.loss(inputs, targets), expected)


@pytest.mark.parametrize("kind", ["gpt2", "llama grouped"])
@pytest.mark.parametrize("z_loss", [0.0, 0.1])
@pytest.mark.parametrize("autocast", [False, True])
def test_padding_the_heads_products_changes_neither_loss_nor_gradients(kind, z_loss, autocast, monkeypatch):
    monkeypatch.setattr(attention, "LONGEST", 0)  # the same attention with gradients and without
    model, inputs, targets = make(kind), tokens(2, CONTEXT), tokens(2, CONTEXT, seed=1)
    results = []
    for multiple in (1, 128):
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            loss = model.loss(inputs, targets, z_loss, pad_to=multiple)
            with torch.no_grad():
                without_gradients = model.loss(inputs, targets, pad_to=multiple)
            # Close, not equal: kernels may differ between the two, and sum in another order.
            torch.testing.assert_close(without_gradients, loss)
        loss.backward()
        results.append([loss, *(weight.grad.clone() for weight in model.parameters())])
    assert VOCABULARY % 128
    torch.testing.assert_close(results[1], results[0], rtol=1e-2 if autocast else 1e-4, atol=1e-3 if autocast else 1e-5)


@pytest.mark.parametrize("kind", ["gpt2", "llama grouped", "2017"])
def test_the_compiler_sees_the_whole_loss_as_one_graph_and_changes_nothing(kind):
    torch._dynamo.reset()
    model, inputs, targets = make(kind), tokens(2, CONTEXT), tokens(2, CONTEXT, seed=1)
    expected = model.loss(inputs, targets)
    expected.backward()
    gradients = [weight.grad.clone() for weight in model.parameters()]
    model.zero_grad()
    found = torch.compile(model.loss, backend="aot_eager", fullgraph=True)(inputs, targets)
    found.backward()
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close([weight.grad for weight in model.parameters()], gradients)


def test_under_autocast_the_loss_is_made_in_bfloat16_and_summed_in_float32():
    model, inputs, targets = make("llama"), tokens(2, CONTEXT), tokens(2, CONTEXT, seed=1)
    exact = model.loss(inputs, targets)
    with torch.autocast("cpu", torch.bfloat16):
        found = model.loss(inputs, targets)
    found.backward()
    assert found.dtype == torch.float32 and 0 < abs(found - exact) < 0.05 * exact
    assert all(weight.grad.dtype == torch.float32 for weight in model.parameters())


@pytest.mark.parametrize("kind", ALL)
def test_training_is_the_same_bits_twice(kind):
    torch.use_deterministic_algorithms(True)
    try:
        gradients = []
        for _ in range(2):
            model = make(kind)
            model.loss(tokens(2, CONTEXT), tokens(2, CONTEXT, seed=1)).backward()
            gradients.append([weight.grad for weight in model.parameters()])
        # The same deterministic kernels, shapes and thread: the same order of sums.
        assert all(torch.equal(first, second) for first, second in zip(*gradients, strict=True))
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("deviation", [0.02, 0.05])
def test_weights_start_as_gpt2_s_or_at_another_deviation(deviation):
    torch.manual_seed(0)
    model = Transformer(configuration("gpt2", layers=8, width=128, ffn=512, initial_deviation=deviation))
    assert model.embedding.weight.std().item() == pytest.approx(deviation, rel=0.05)
    assert model.blocks[3].attention.qkv.weight.std().item() == pytest.approx(deviation, rel=0.05)
    for sublayer in (model.blocks[3].attention, model.blocks[3].feedforward):
        assert sublayer.out.weight.std().item() == pytest.approx(deviation / math.sqrt(16), rel=0.05)
        assert not sublayer.out.bias.any()
    # An untrained model finds all tokens about equally likely.
    loss = model.loss(tokens(4, CONTEXT), tokens(4, CONTEXT, seed=1))
    assert loss.item() == pytest.approx(math.log(VOCABULARY), abs=0.3)


@pytest.mark.parametrize("kind", ["gpt2", "llama scaled", "2017"])
def test_a_model_made_on_the_meta_device_and_initialised_later_is_the_same(kind):
    expected = Transformer(configuration(kind))
    torch.manual_seed(3)
    expected.initialise()
    with torch.device("meta"):
        model = Transformer(configuration(kind))
    model.to_empty(device="cpu")
    torch.manual_seed(3)
    model.tie_and_fill()
    model.initialise()
    # Drawn by the same generator, and tables filled by the same operations.
    for kind_of in (torch.nn.Module.named_parameters, torch.nn.Module.named_buffers):
        for (name, found), (_, wanted) in zip(kind_of(model), kind_of(expected), strict=True):
            assert torch.equal(found, wanted), name
    assert (model.head.weight is model.embedding.weight) == model.config.tied_embeddings


def test_sinusoidal_positions_are_the_paper_s():
    table = MODELS["2017"].positions.table
    for position, pair in ((0, 0), (1, 0), (7, 3), (31, 15)):
        angle = position / 10_000 ** (2 * pair / 32)
        assert table[position, 2 * pair] == pytest.approx(math.sin(angle), abs=1e-6)
        assert table[position, 2 * pair + 1] == pytest.approx(math.cos(angle), abs=1e-6)


def test_post_norm_is_torch_s_own_post_norm_layer():
    """The paper's block, as torch implements it (nn.TransformerEncoderLayer with a causal mask)."""
    block = MODELS["2017"].blocks[0]
    layer = torch.nn.TransformerEncoderLayer(32, 4, 48, dropout=0.0, batch_first=True, norm_first=False).eval()
    theirs = {
        "self_attn.in_proj_weight": block.attention.qkv.weight,
        "self_attn.in_proj_bias": block.attention.qkv.bias,
        "self_attn.out_proj.weight": block.attention.out.weight,
        "self_attn.out_proj.bias": block.attention.out.bias,
        "linear1.weight": block.feedforward.up.weight,
        "linear1.bias": block.feedforward.up.bias,
        "linear2.weight": block.feedforward.out.weight,
        "linear2.bias": block.feedforward.out.bias,
        "norm1.weight": block.attention_norm.weight,
        "norm1.bias": block.attention_norm.bias,
        "norm2.weight": block.feedforward_norm.weight,
        "norm2.bias": block.feedforward_norm.bias,
    }
    layer.load_state_dict(theirs)
    model, given_tokens = MODELS["2017"], tokens(2, 20)
    states = model.positions(model.embedding(given_tokens), slice(0, 20))
    found = []
    handle = block.register_forward_hook(lambda module, arguments, output: found.append(output))
    with torch.no_grad():
        model(given_tokens)
        expected = layer(states, src_mask=torch.nn.Transformer.generate_square_subsequent_mask(20), is_causal=True)
    handle.remove()
    torch.testing.assert_close(found[0], expected, rtol=1e-4, atol=1e-5)


def test_dropout_is_on_in_training_only():
    model = make("gpt2", dropout=0.3)
    given_tokens = tokens(2, CONTEXT)
    with torch.no_grad():
        assert torch.equal(model(given_tokens), model(given_tokens))  # the same kernels in the same shapes
        model.train()
        assert not torch.equal(model(given_tokens), model(given_tokens))


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_more_tokens_than_the_context_are_refused(kind):
    with pytest.raises(InputError, match="33 tokens do not fit into the model's context of 32"):
        MODELS[kind](tokens(1, CONTEXT + 1))
