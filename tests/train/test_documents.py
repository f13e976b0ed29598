"""If these fail, documents of unequal length weigh or see each other differently by how a batch is cut up."""

from pathlib import Path

import pytest
import torch

from lab.model import Transformer
from lab.model.config import ModelConfig
from lab.tokens.shards import read_index
from lab.train import checkpoints
from lab.train.batches import plan_batches
from lab.train.data import TokenData
from lab.train.module import TrainingModule
from lab.train.optim import budget
from tests.train.conftest import VOCABULARY, forget_checkpoints, params
from tests.train.test_run import curve, run, start
from tests.train.test_strategy import FEW, finish, same_losses


@pytest.fixture
def packed(project, paragraphs) -> Path:
    """A folder to train in, with many documents in a sequence."""
    (project / "data").unlink()
    (project / "data").symlink_to(paragraphs / "data")
    return project


def gradients(settings, batch: torch.Tensor, separator: int) -> list[torch.Tensor]:
    """Of one step's batch, as the training step adds them up."""
    torch.manual_seed(0)
    model = Transformer(ModelConfig.from_params(settings.model, VOCABULARY))
    layout = plan_batches(settings.train, 32, 1)
    module = TrainingModule(model, settings.train, layout, budget(settings.train), separator=separator)
    pieces = batch.split(layout.micro_batch)
    for piece in pieces:
        (module._loss(piece) / len(pieces)).backward()
    return [weight.grad for weight in model.parameters()]


@pytest.mark.parametrize("mask", [False, True])
def test_accumulated_gradients_are_those_of_the_whole_batch(packed, mask):
    separator = read_index(Path("data/tokenize"))["eot"]
    data = TokenData(Path("data/tokenize"), plan_batches(params().train, 32, 1), params().train)
    batch = next(iter(data.train_dataloader()))
    lengths = (batch == separator).sum(dim=1)
    assert lengths.min() < lengths.max() > 1  # rows of one document and of several
    whole = gradients(params(document_mask=mask), batch, separator)
    for micro_batch in (1, 4):
        found = gradients(params(document_mask=mask, micro_batch=micro_batch), batch, separator)
        torch.testing.assert_close(found, whole, rtol=1e-4, atol=1e-6)


def test_masked_training_is_the_same_in_pieces_and_after_a_restart(packed, monkeypatch):
    settings = {"document_mask": True, "budget": "4000 tokens", "checkpoint_every": 1, "keep_checkpoints": 99}
    monkeypatch.setattr(checkpoints, "remove", lambda folder: None)
    run(params(**settings), "whole")
    forget_checkpoints(after=3)
    run(params(**settings), "again")
    for name in ("model.safetensors", "train/curve.csv"):  # resumed: the same kernels, shapes and order of sums
        assert Path("again", name).read_bytes() == Path("whole", name).read_bytes()
    forget_checkpoints()
    run(params(micro_batch=3, **settings), "pieces")
    same_losses("whole/train/curve.csv", "pieces/train/curve.csv")


@pytest.mark.parametrize(("strategy", "preset"), [("ddp", "sample"), ("fsdp", "sample"), ("fsdp", "gpt2")])
def test_masked_training_on_two_devices_has_the_losses_of_one(packed, strategy, preset):
    model = params().model.model_copy(update={"preset": preset})  # gpt2: positions that restart with each document
    run(params(document_mask=True, **FEW).model_copy(update={"model": model}), "one")
    two = params(document_mask=True, devices=2, strategy=strategy, **FEW | {"micro_batch": 2})
    finish(start(packed, two.model_copy(update={"model": model})))
    same_losses("one/train/curve.csv", "train/curve.csv")
    run(params(**FEW).model_copy(update={"model": model}), "unmasked")
    masked, unmasked = (float(curve(f"{name}/train/curve.csv")[-1]["loss"]) for name in ("one", "unmasked"))
    assert abs(masked - unmasked) > 1e-3
