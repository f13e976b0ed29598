"""If these fail, a score is shown as that of a step whose weights it is not of, or keeping them changes training."""

import shutil
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch
from safetensors.torch import load_file

from lab.files import read_json
from lab.model.export import read_trained
from tests.train.conftest import params
from tests.train.test_run import run, start, stop_at
from tests.train.test_strategy import FEW, finish


def test_the_weights_on_the_way_are_those_of_a_shorter_run_and_survive_a_kill(project, monkeypatch):
    run(params(schedule="constant", budget="5120 tokens"), "short")
    settings = params(schedule="constant", evaluate_every=5, checkpoint_every=7, budget="7680 tokens")
    with pytest.raises(RuntimeError, match="stop"), monkeypatch.context() as patch:
        patch.setattr("lab.train.module.TrainingModule._finished", stop_at(12))
        run(settings)
    run(settings)
    kept = sorted(Path("out/steps").iterdir())
    assert [folder.name for folder in kept] == ["000000005", "000000010"]  # the last, 15, is the run's own
    assert read_json(kept[1] / "model.json") == read_json(Path("short/model.json"))
    assert read_json(kept[1] / "model.json")["tokens"] == 5120
    short, found = load_file("short/model.safetensors"), load_file(kept[1] / "model.safetensors")
    # Equal: a step is computed by the same kernels in the same shapes, however long the run and wherever resumed.
    assert short.keys() == found.keys() and all((found[name] == weight).all() for name, weight in short.items())
    read_trained(kept[0])
    run(params(schedule="constant", budget="7680 tokens"), "plain")
    assert not Path("plain/steps").exists()
    assert Path("plain/model.safetensors").read_bytes() == Path("out/model.safetensors").read_bytes()
    assert not list(Path(".lab/train").iterdir())


@pytest.mark.parametrize("killed", ["lab.train.checkpoints.write_json", "lab.train.checkpoints.remove"])
def test_weights_that_were_handed_over_outlive_a_kill_before_the_end(project, monkeypatch, killed):
    settings = params(evaluate_every=5, budget="7680 tokens")
    with pytest.raises(KeyboardInterrupt), monkeypatch.context() as patch:
        patch.setattr(killed, Mock(side_effect=KeyboardInterrupt))
        run(settings)
    shutil.rmtree("out")  # as DVC does before it runs a stage again
    run(settings)
    kept = sorted(Path("out/steps").iterdir())
    assert [read_json(folder / "model.json")["steps"] for folder in kept] == [5, 10]
    assert all(map(read_trained, kept))
    assert not list(Path(".lab/train").iterdir())


def test_weights_that_two_devices_share_are_kept_whole(project):
    settings = FEW | {"evaluate_every": 7}  # right after a validation, which leaves some gathered
    run(params(**settings), "one")
    finish(start(project, params(devices=2, strategy="fsdp", **settings)))
    alone, shared = (load_file(f"{folder}/steps/000000007/model.safetensors") for folder in ("one", "out"))
    assert alone.keys() == shared.keys()
    assert all(torch.allclose(weight, shared[name], atol=1e-4) for name, weight in alone.items())
