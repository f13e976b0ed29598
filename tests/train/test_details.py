"""If these fail, a user looks at a loss, a norm or a rate of something else, or training differs by being looked at."""

import csv
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from lab.model import Transformer
from lab.model.config import ModelConfig
from lab.model.loss import linear_cross_entropy
from lab.params import TrackingParams
from lab.tokens.shards import open_tokens
from lab.tokens.sources import Origin, write_sources
from lab.train import run as runs
from lab.train.details import rates, role
from lab.train.optim import make_optimizers
from tests.train.conftest import VOCABULARY, params


def run(settings, tokens: Path, out: str) -> list[dict]:
    runs.run(tokens, Path("data/tokenizer"), Path(out), settings, settings.engine, Path(out))
    with open(f"{out}/train/validation.csv", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def sourced(project) -> Path:
    """The shards, whose validation split is now of two sources."""
    folder = project / "tokenize"
    folder.mkdir()
    for path in (project / "data" / "tokenize").iterdir():
        (folder / path.name).symlink_to(path)
    rest = len(open_tokens(folder, "validation")) - 3000
    write_sources(folder, [Origin(1000, "en", ""), Origin(2000, "de", ""), Origin(rest, "en", "")])
    return folder


def test_each_token_s_loss_is_written_beside_the_same_mean():
    torch.manual_seed(1)
    hidden, head, targets = torch.randn(3000, 8), torch.randn(2000, 8), torch.randint(2000, (3000,))
    losses = torch.empty(3000)
    # Equal: each token's loss is copied out of the tensor that is summed either way.
    assert linear_cross_entropy(hidden, head, targets, losses=losses) == linear_cross_entropy(hidden, head, targets)
    expected = torch.nn.functional.cross_entropy(hidden @ head.T, targets, reduction="none")
    torch.testing.assert_close(losses, expected, rtol=1e-4, atol=1e-5)


def test_a_run_that_is_looked_at_ends_with_the_same_weights_and_tells_what_it_saw(sourced):
    plain = run(params(), Path("data/tokenize"), "plain")
    tracked = params().model_copy(update={"tracking": TrackingParams(mode="offline", sample_every=3)})
    rows = run(tracked, sourced, "sourced")
    # Equal, as looking on adds nothing to the step's kernels, shapes and order of sums.
    for file in ("model.safetensors", "samples.jsonl", "train/curve.csv"):
        assert Path("plain", file).read_bytes() == Path("sourced", file).read_bytes()
    assert [row["step"] for row in rows] == [row["step"] for row in plain] == ["7", "14", "21", "28", "30"]
    assert [row["validation_loss"] for row in rows] == [row["validation_loss"] for row in plain]
    assert not any(name.startswith("validation_loss/") for name in plain[0])

    # The last row again, by hand.
    config = ModelConfig.from_params(params().model, VOCABULARY)
    model = Transformer(config).eval()
    model.load_state_dict(load_file("sourced/model.safetensors"), strict=False)
    stream = open_tokens(sourced, "validation")
    there = (len(stream) - 1) // 32
    losses: dict[str, list[float]] = {"en": [], "de": []}
    for item in range(32):
        start = item * there // 32 * 32
        tokens = torch.from_numpy(stream[start : start + 33])[None]
        with torch.no_grad():
            found = torch.nn.functional.cross_entropy(model(tokens[:, :-1])[0], tokens[0, 1:], reduction="none")
        for position, loss in enumerate(found.tolist(), start + 1):
            losses["de" if 1000 <= position < 3000 else "en"].append(loss)
    for source, values in losses.items():
        assert float(rows[-1][f"validation_loss/{source}"]) == pytest.approx(sum(values) / len(values), abs=1e-4)

    roles = {"embedding", "attention", "feedforward", "norms"}
    assert {name.split("/")[1] for name in rows[0] if name.startswith("gradient_norm/")} >= roles
    weights = load_file("plain/model.safetensors").values()
    norm = sum(float(rows[-1][name]) ** 2 for name in rows[0] if name.startswith("weight_norm/")) ** 0.5
    # That of the weights before the last step, whose rate is small.
    assert norm == pytest.approx(float(sum((weight.double() ** 2).sum() for weight in weights)) ** 0.5, rel=1e-2)


def test_norms_of_groups_make_up_the_norm_of_all(project, monkeypatch):
    seen = []

    def watched(module, *_):
        module.watchers.append(seen.append)
        return nullcontext()

    monkeypatch.setattr(runs, "display", watched)
    run(params(gradient_clip=0.01, optimizer="muon"), Path("data/tokenize"), "out")
    rows = [row for row in seen if row.details]
    assert len(rows) == 5
    for row in rows:
        squares = [value**2 for name, value in row.details.items() if name.startswith("gradient_norm/")]
        assert sum(squares) ** 0.5 == pytest.approx(row.gradient_norm, rel=1e-5)
        assert row.details["learning_rate/adamw/matrices"] == pytest.approx(row.learning_rate)
        assert row.details["learning_rate/muon/matrices x 6.66667"] == pytest.approx(row.learning_rate * 0.02 / 3e-3)


def test_roles_and_rates_by_their_names():
    names = ("blocks.0.attention_norm.weight", "blocks.3.feedforward.up.bias", "norm.weight", "model.head.weight")
    assert [role(name) for name in names] == ["norms", "feedforward", "norms", "head"]
    assert role("_orig_mod.blocks.0._checkpoint_wrapped_module.attention.qkv.weight") == "attention"
    model = Transformer(ModelConfig.from_params(params().model, VOCABULARY))
    settings = params(lr_scaling="mup", lr_base_width=16).train
    found = rates(make_optimizers(model, settings))
    assert found["learning_rate/adamw/matrices x 0.5"] == found["learning_rate/adamw/vectors"] == 3e-3
