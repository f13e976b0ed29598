"""If these fail, documents of unequal length weigh or see each other differently by how a batch is cut up."""

from pathlib import Path

import pytest
import torch

from lab.model import Transformer
from lab.model.config import ModelConfig
from lab.tokens.shards import read_index
from lab.train import checkpoints
from lab.train.data import TokenData, plan
from lab.train.module import TrainingModule
from lab.train.optim import budget
from tests.train.conftest import VOCABULARY, forget_checkpoints, params
from tests.train.test_run import curve, run, start


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
    layout = plan(settings.train, 32, 1)
    module = TrainingModule(model, settings.train, layout, budget(settings.train), separator=separator)
    pieces = batch.split(layout.micro_batch)
    for piece in pieces:
        (module._loss(piece) / len(pieces)).backward()
    return [weight.grad for weight in model.parameters()]


@pytest.mark.parametrize("mask", [False, True])
def test_accumulated_gradients_are_those_of_the_whole_batch(packed, mask):
    separator = read_index(Path("data/tokenize"))["eot"]
    data = TokenData(Path("data/tokenize"), plan(params().train, 32, 1), params().train)
    batch = next(iter(data.train_dataloader()))
    lengths = (batch == separator).sum(dim=1)
    assert lengths.min() < lengths.max() > 1  # rows of one document and of several
    whole = gradients(params(document_mask=mask), batch, separator)
    for micro_batch in (1, 4):
        found = gradients(params(document_mask=mask, micro_batch=micro_batch), batch, separator)
        torch.testing.assert_close(found, whole, rtol=1e-4, atol=1e-6)


def test_masked_training_is_the_same_in_pieces_on_two_devices_and_after_a_restart(packed, monkeypatch):
    settings = {"document_mask": True, "budget": "4000 tokens", "checkpoint_every": 1, "keep_checkpoints": 99}
    monkeypatch.setattr(checkpoints, "remove", lambda folder: None)
    process = start(packed, params(devices=2, strategy="ddp", **settings | {"checkpoint_every": 99}))
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    forget_checkpoints()

    run(params(**settings), "whole")
    forget_checkpoints(after=3)
    run(params(**settings), "again")
    for name in ("model.safetensors", "curve.csv"):
        assert Path("again", name).read_bytes() == Path("whole", name).read_bytes()
    forget_checkpoints()
    run(params(micro_batch=3, **settings), "pieces")
    run(params(**settings | {"document_mask": False}), "unmasked")

    losses = [float(row["loss"]) for row in curve("whole/curve.csv")]
    for other in ("pieces/curve.csv", "curve.csv"):
        assert [float(row["loss"]) for row in curve(other)] == pytest.approx(losses, abs=1e-4)
    assert abs(float(curve("unmasked/curve.csv")[-1]["loss"]) - losses[-1]) > 1e-3
