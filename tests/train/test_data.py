"""If these fail, a model sees some of its corpus twice and some never, or another order after a restart."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import InputError, ParameterError
from lab.params import TrainParams
from lab.tokens import bpe
from lab.tokens.shards import Tokens
from lab.train.batches import BatchPlan, plan_batches
from lab.train.data import Batches, TokenData, bytes_per_token, shuffled, unigram_entropy
from tests.train.conftest import TEXTS, TRAIN, VOCABULARY, params


@settings(deadline=None)
@given(st.integers(1, 3000), st.integers(0, 2**40), st.integers(0, 100))
def test_an_epochs_order_holds_every_item_once(items, seed, epoch):
    assert sorted(shuffled(np.arange(items), items, seed, epoch)) == list(range(items))


def test_orders_differ_by_epoch_and_seed_and_look_random():
    positions = np.arange(10_000)
    orders = [shuffled(positions, 10_000, seed, epoch) for seed, epoch in ((1, 0), (1, 1), (2, 0))]
    for order in (*orders, orders[0][np.argsort(orders[1])]):
        assert abs(np.corrcoef(positions, order)[0, 1]) < 0.04  # 4 standard deviations
        assert abs(np.corrcoef(order[:-1], order[1:])[0, 1]) < 0.04
        assert (order == positions).sum() < 10  # 1 expected


@settings(deadline=None)
@given(st.integers(40, 400), st.integers(1, 9), st.integers(1, 12))
def test_every_token_is_a_target_once_an_epoch(length, context, batch):
    tokens = Tokens([np.arange(length, dtype="<u4")])
    items = (length - 1) // context
    batches = Batches(tokens, BatchPlan(context, batch, 1, batch), seed=3, rank=0)
    rows = torch.cat([batches[step] for step in range(-(-2 * items // batch))])
    assert (rows[:, 1:] == rows[:, :-1] + 1).all()  # a target is the input's next token
    for epoch in (rows[:items], rows[items : 2 * items]):
        assert sorted(epoch[:, 1:].flatten().tolist()) == list(range(1, items * context + 1))


@pytest.mark.parametrize(("devices", "workers"), [(1, 2), (2, 0), (4, 0)])
def test_a_batch_is_the_same_whatever_the_devices_and_workers(corpus, devices, workers):
    def batches(devices, workers, first):
        layout = plan_batches(TrainParams(**TRAIN), 32, devices)
        loaders = []
        for rank in range(devices):
            data = TokenData(corpus / "data" / "tokenize", layout, TrainParams(**TRAIN), workers=workers)
            data.rank, data.first, data.last = rank, first, 12
            loaders.append(data.train_dataloader())
        return [torch.cat(parts) for parts in zip(*loaders, strict=True)]

    alone = batches(1, 0, 0)
    assert len(alone) == 12
    for first in (0, 5):
        for expected, found in zip(alone[first:], batches(devices, workers, first), strict=True):
            assert torch.equal(found, expected)  # whole numbers: ids of tokens


def test_validation_sequences_are_shared_out_without_overlap(corpus):
    settings = TrainParams(**TRAIN)
    folder = corpus / "data" / "tokenize"
    whole = TokenData(folder, plan_batches(settings, 32, 1), settings)
    expected = torch.cat([batch for batch, *_ in whole.validation_batches()])
    assert len(expected) == 1024 // 32 and len(expected.unique(dim=0)) == len(expected)
    found = []
    for rank in range(2):
        data = TokenData(folder, plan_batches(settings, 32, 2), settings)
        data.rank = rank
        found += torch.cat([batch[:counted] for batch, counted, _ in data.validation_batches()]).tolist()
    assert sorted(found) == sorted(expected.tolist())


@pytest.mark.parametrize(
    ("micro_batch", "devices", "micro", "accumulation"), [(32, 1, 32, 1), (8, 1, 8, 4), (32, 2, 16, 1), (5, 1, 4, 8)]
)
def test_the_layout_of_a_batch(micro_batch, devices, micro, accumulation):
    layout = plan_batches(TrainParams(batch_tokens=8192, micro_batch=micro_batch), 256, devices)
    assert (layout.micro_batch, layout.sequences_per_device(0) // layout.micro_batch) == (micro, accumulation)
    assert layout.context * layout.micro_batch * accumulation * devices == 8192


def test_a_batch_that_is_no_whole_number_of_sequences_is_refused():
    with pytest.raises(ParameterError, match="7680 or 8448"):
        plan_batches(TrainParams(batch_tokens=8000), 256, 3)


def test_a_context_longer_than_a_split_is_refused(corpus):
    settings = params().train.model_copy(update={"batch_tokens": 100_000})
    with pytest.raises(InputError, match="context 100000"):
        TokenData(corpus / "data" / "tokenize", plan_batches(settings, 100_000, 1), settings)


def test_unigram_entropy():
    tokens = Tokens([np.array([0] * 4 + [1] * 2 + [2] * 2, "<u2")])
    assert unigram_entropy(tokens, 500) == pytest.approx(1.5 * np.log(2))


def test_bytes_per_token_counts_the_texts_bytes(corpus):
    encoding = bpe.load(corpus / "data" / "tokenizer")
    settings = TrainParams(**TRAIN | {"validation_tokens": 10**9, "batch_tokens": 64, "micro_batch": 1})
    data = TokenData(corpus / "data" / "tokenize", plan_batches(settings, 1, 1), settings)
    total = bytes_per_token(data, encoding, VOCABULARY) * (len(data.validation) - 1)
    assert total == pytest.approx(len(TEXTS[0].encode()))  # the end-of-text before it stands for no byte
