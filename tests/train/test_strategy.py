"""If these fail, a model that does not fit on one device trains to other weights than it should, or its run is lost."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from lab.errors import InputError, ParameterError
from lab.files import read_json
from lab.model import Transformer
from lab.model.config import ModelConfig
from lab.train import checkpoints
from lab.train.strategy import activation_bytes, fill, make_model
from lab.train.trainer import launched
from tests.train.conftest import params
from tests.train.test_run import SCRIPT, curve, environment, run, start, wait_for

FEW = {"budget": "6000 tokens", "micro_batch": 4, "validation_tokens": 160}  # 12 steps; five sequences to validate on


def same_losses(one: str, two: str, tolerance: float = 1e-4) -> None:
    for alone, shared in zip(curve(one), curve(two), strict=True):
        assert float(shared["loss"]) == pytest.approx(float(alone["loss"]), abs=tolerance)
        if alone["validation_loss"]:
            validation = float(alone["validation_loss"])
            assert float(shared["validation_loss"]) == pytest.approx(validation, abs=tolerance)


def finish(process: subprocess.Popen) -> str:
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return errors


def test_fsdp_killed_and_resumed_by_two_and_by_one_has_the_losses_of_one(project, capfd):
    shared = params(devices=2, strategy="fsdp", activation_checkpointing=True, **FEW)
    run(params(**FEW), "one")
    # One of the two is killed: the other ends by itself, and says what happened.
    process = start(project, shared)
    saved = wait_for(4, process)
    assert {path.name for path in saved.iterdir()} == {
        "state.json", "part-00000-of-00002.safetensors", "part-00001-of-00002.safetensors",
    }  # fmt: skip
    children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
    os.kill(int(children[-1]), signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "another process of this run is gone" in errors, errors

    shutil.copytree(".lab", "two-began")
    assert "resuming from step" in finish(start(project, shared))
    same_losses("one/train/curve.csv", "train/curve.csv")

    shutil.rmtree(".lab")
    Path("two-began").rename(".lab")
    run(params(**FEW), "resumed")
    assert "resuming from step" in capfd.readouterr().err
    same_losses("one/train/curve.csv", "resumed/train/curve.csv")
    weights, resumed = load_file("out/model.safetensors"), load_file("resumed/model.safetensors")
    assert all(torch.allclose(weight, resumed[name], atol=1e-4) for name, weight in weights.items())
    assert read_json(Path("out/model.json")) == read_json(Path("resumed/model.json"))


def test_fsdp_with_muon_and_tied_embeddings_finishes_what_one_process_began(project, monkeypatch, capfd):
    tied = {"model": params().model.model_copy(update={"tied_embeddings": True})}
    one, two = (
        params(**FEW | {"optimizer": "muon", "lr_scaling": "mup", "lr_base_width": 16}, **how).model_copy(update=tied)
        for how in ({}, {"devices": 2, "strategy": "fsdp"})
    )
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "remove", lambda folder: None)
        run(one, "one")
    folder = next(path for path in Path(".lab/train").iterdir() if path.is_dir())
    shutil.rmtree(folder / "step-000000012.ckpt")
    assert "resuming from step 8" in finish(start(project, two))
    same_losses("one/train/curve.csv", "train/curve.csv", 1e-3)  # Muon rounds to bfloat16


@pytest.mark.parametrize("tied", [False, True])
def test_fsdp_samples_between_validations_and_trains_on_as_without(project, tied):
    settings = FEW | {"validate_every": 100}
    plain, sampled = params(**settings), params("offline", devices=2, strategy="fsdp", **settings)
    tracking = sampled.tracking.model_copy(update={"sample_every": 5})
    plain, sampled = (
        one.model_copy(update={"model": one.model.model_copy(update={"tied_embeddings": tied}), **more})
        for one, more in ((plain, {}), (sampled, {"tracking": tracking}))
    )
    run(plain, "one")
    finish(start(project, sampled))
    same_losses("one/train/curve.csv", "train/curve.csv")


def test_torchrun_says_how_many_processes_there_are(project):
    (project / "script.py").write_text(SCRIPT)
    settings = params(**FEW | {"devices": "auto", "strategy": "fsdp", "compile": "off", "optimizer": "adamw"})
    run(params(**FEW), "one")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "script.py"]
    done = subprocess.run([*command, settings.model_dump_json()], env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    same_losses("one/train/curve.csv", "train/curve.csv")


def test_torchrun_and_parameters_that_disagree(monkeypatch):
    for name, value in {"TORCHELASTIC_RUN_ID": "1", "LOCAL_WORLD_SIZE": "4", "WORLD_SIZE": "8"}.items():
        monkeypatch.setenv(name, value)
    assert launched(params(devices="auto").train) == (4, 2)
    with pytest.raises(ParameterError, match=r"train.devices: 2, but torchrun started 4"):
        launched(params(devices=2).train)


@pytest.mark.parametrize("preset", ["sample", "gpt2", "llama3.2-1b", "transformer-2017"])
def test_a_model_filled_after_the_meta_device_is_the_one_made_at_once(preset):
    config = small(preset)
    at_once = make_model(config, params(seed=5).train)
    later = make_model(config, params(seed=5, strategy="fsdp").train)
    assert all(weight.is_meta for weight in later.parameters())
    later.to_empty(device="cpu")
    later.tie_and_fill()
    fill(later, 5)
    for name, weight in at_once.state_dict().items():
        assert torch.equal(weight, later.state_dict()[name]), name  # drawn by one generator in one order
    tokens = torch.arange(8)[None]
    torch.testing.assert_close(at_once.eval()(tokens), later.eval()(tokens))


def test_activation_checkpointing_changes_no_gradient():
    config = small("transformer-2017")  # with dropout, which must fall on the same units again
    gradients = []
    for on in (False, True):
        model = make_model(config, params(activation_checkpointing=on).train)
        torch.manual_seed(2)
        model.loss(torch.arange(8)[None], torch.arange(1, 9)[None]).backward()
        gradients.append([weight.grad for weight in model.parameters()])
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("preset", ["gpt2", "llama3-8b"])
def test_the_estimate_of_activations_is_what_autograd_saves(preset):
    per_layer = (saved_bytes(preset, 3) - saved_bytes(preset, 1)) / 2
    config = wide(preset, 1)
    assert activation_bytes(config, 4, checkpointing=False) * 2 * config.context == pytest.approx(per_layer, rel=0.15)


def saved_bytes(preset: str, layers: int) -> int:
    """Of all that two sequences' states are made of, weights and tables left out."""
    model = Transformer(wide(preset, layers))
    given = {tensor.untyped_storage().data_ptr() for tensor in [*model.parameters(), *model.buffers()]}
    found = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        found[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model.hidden(torch.zeros(2, model.config.context, dtype=torch.long))
    return sum(tensor.untyped_storage().nbytes() for place, tensor in found.items() if place not in given)


def small(preset: str) -> ModelConfig:
    sizes = {"layers": 2, "width": 16, "heads": 2, "kv_heads": 1, "ffn": 24, "context": 8}
    return ModelConfig.from_params(params().model.model_copy(update={"preset": preset} | sizes), 50)


def wide(preset: str, layers: int) -> ModelConfig:
    sizes = {"layers": layers, "width": 128, "heads": 4, "ffn": 384, "context": 64, "vocabulary": 100}
    heads = 4 if preset == "gpt2" else 2
    return ModelConfig.from_dict(ModelConfig.preset(preset).as_dict() | sizes | {"kv_heads": heads})


def test_the_best_weights_are_kept_and_exported_where_asked_for(project, monkeypatch):
    losses = iter([5.0, 3.0, 4.0, 4.0, 4.0])
    module = "lab.train.module.TrainingModule"
    monkeypatch.setattr(f"{module}.validation_loss", lambda module: (next(losses), {"weight_norm/head": 1.0}))
    monkeypatch.setattr(checkpoints, "remove", lambda folder: None)
    metrics = run(params(export="best", keep_checkpoints=1))
    assert (metrics["steps"], metrics["validation_loss"]) == (14, 3.0)
    assert read_json(Path("out/model.json"))["steps"] == 14
    folder = next(path for path in Path(".lab/train").iterdir() if path.is_dir())
    assert sorted(path.name for path in folder.iterdir()) == ["step-000000014.ckpt", "step-000000030.ckpt"]


def test_a_checkpoint_of_another_architecture(project, monkeypatch):
    monkeypatch.setattr(checkpoints, "remove", lambda folder: None)
    run(params(budget="600 tokens"))
    folder = next(path for path in Path(".lab/train").iterdir() if path.is_dir())
    state = checkpoints.latest(folder)
    for other, said in (
        (small("sample"), r"embedding.weight is \[\d+, 32\] there and \[50, 16\] here"),
        (small("gpt2"), r"\S+ is not in it"),
    ):
        with pytest.raises(InputError, match=f"of another architecture: {said}"):
            checkpoints.whole_model(state, other)
