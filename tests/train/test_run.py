"""If these fail, a training run can't be trusted to be what its parameters say, or is lost when it is killed."""

import csv
import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from lab.errors import InputError, LabError, Stopped
from lab.files import read_json, write_json
from lab.model import Transformer
from lab.model.config import ModelConfig
from lab.tokens import shards
from lab.train import checkpoints
from lab.train.batches import BatchPlan
from lab.train.module import TrainingModule
from lab.train.optim import Budget
from lab.train.run import run as train
from lab.train.trainer import make_trainer
from tests.conftest import ROOT
from tests.train.conftest import MODEL, VOCABULARY, params, saved_steps

SCRIPT = """
import json, sys
from pathlib import Path
from lab.params_yaml import Params
from lab.train.run import run
data = Path("data")
settings = Params.model_validate_json(sys.argv[1])
metrics = run(data / "tokenize", data / "tokenizer", Path("out"), settings, settings.engine, Path("."))
print(json.dumps(metrics))
"""


def run(settings, out: str = "out") -> dict:
    data = Path("data")
    return train(data / "tokenize", data / "tokenizer", Path(out), settings, settings.engine, Path(out))


def start(project: Path, settings) -> subprocess.Popen:
    (project / "script.py").write_text(SCRIPT)
    return subprocess.Popen(
        [sys.executable, "script.py", settings.model_dump_json()], cwd=project, env=environment(),
        start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def environment() -> dict[str, str]:
    """That of a process with as many threads as this one, which sums in the same order."""
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(ROOT)]))
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": str(torch.get_num_threads())}


def wait_for(step: int, process: subprocess.Popen) -> Path:
    """Wait until a run has a checkpoint of that step or a later one; returns it."""
    end = time.monotonic() + 120
    while True:
        for saved, path in saved_steps().items():
            if saved >= step:
                return path
        assert process.poll() is None and time.monotonic() < end, process.communicate()
        time.sleep(0.001)


def kill_at(step: int, process: subprocess.Popen) -> None:
    """SIGKILL a run and its processes once it has a checkpoint of that step or a later one."""
    wait_for(step, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def curve(path: str) -> list[dict]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_learns_and_writes_what_it_promises(project):
    metrics = run(params())
    assert metrics["steps"] == 30 and metrics["tokens"] == 30 * 512
    assert metrics["validation_loss"] < 6.0 < metrics["unigram_entropy"] + 1.5  # log(500) = 6.2 at first
    config = ModelConfig.from_params(params().model, VOCABULARY)
    assert metrics["parameters"] == config.parameters() == sum(p.numel() for p in Transformer(config).parameters())
    assert metrics["flops"] == metrics["tokens"] * config.flops_per_token()

    rows = curve("out/train/curve.csv")
    assert list(rows[0]) == ["step", "tokens", "loss", "validation_loss", "learning_rate"]
    assert [row["step"] for row in rows if row["validation_loss"]] == ["7", "14", "21", "28", "30"]
    assert float(rows[-1]["validation_loss"]) == pytest.approx(metrics["validation_loss"], abs=1e-5)

    about = read_json(Path("out/model.json"))
    assert about["tokenizer"] == read_json(Path("data/tokenize/index.json"))["tokenizer"]
    assert (about["tokens"], about["steps"], about["layers"]) == (metrics["tokens"], 30, MODEL["layers"])
    model = Transformer(config)
    missing, unexpected = model.load_state_dict(load_file("out/model.safetensors"), strict=False)
    assert not unexpected and not set(missing) & {name for name, _ in model.named_parameters()}
    assert all(json.loads(line)["text"] for line in Path("out/samples.jsonl").read_text("utf-8").splitlines())
    # No litter: checkpoints go once the weights are there, and Lightning leaves nothing.
    assert sorted(path.name for path in project.iterdir()) == [".lab", "data", "out"]
    assert [path for path in Path(".lab").rglob("*") if path.is_file()] == []


def written() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path("out").rglob("*") if path.is_file()}


def test_killed_twice_and_started_again_it_ends_with_the_same_bytes(project, capfd):
    settings = params(checkpoint_every=4)
    run(settings)
    expected = written()

    for steps in (4, 12):
        kill_at(steps, start(project, settings))
    assert 1 <= len(list(Path(".lab/train").rglob("*.ckpt"))) <= settings.train.keep_checkpoints + 1

    shutil.rmtree("out")
    run(settings)
    assert "resuming from step" in capfd.readouterr().err
    assert written() == expected  # the same kernels, shapes and number of threads in each process


def test_a_resumed_run_with_dropout_and_accumulation_is_exact_from_any_step(project, monkeypatch):
    settings = params(micro_batch=4, checkpoint_every=1, keep_checkpoints=99, budget="4000 tokens").model_copy(
        update={"model": params().model.model_copy(update={"dropout": 0.2})}
    )
    monkeypatch.setattr(checkpoints, "remove", lambda folder: None)
    run(settings)
    folder = next(Path(".lab/train").iterdir())
    saved = sorted(folder.glob("*.ckpt"))
    assert len(saved) == 8
    # Resumed runs are equal to the bit: each step is the same kernels in the same shapes, seeded by its number.
    expected = [Path("out", name).read_bytes() for name in ("model.safetensors", "train/curve.csv")]
    for last in (7, 3):  # 8 is a run that was killed before it wrote its weights
        for path in saved[last:]:
            shutil.rmtree(path)
        run(settings, "again")
        assert [Path("again", name).read_bytes() for name in ("model.safetensors", "train/curve.csv")] == expected
    run(settings, "again")
    assert [Path("again", name).read_bytes() for name in ("model.safetensors", "train/curve.csv")] == expected


def test_a_resumed_run_with_muon_is_exact(project, monkeypatch):
    settings = params(optimizer="muon", z_loss=1e-4, lr_scaling="mup", lr_base_width=16, checkpoint_every=1,
                      schedule="linear", micro_batch=4, keep_checkpoints=99, budget="4000 tokens")  # fmt: skip
    monkeypatch.setattr(checkpoints, "remove", lambda folder: None)
    run(settings)
    saved = sorted(next(Path(".lab/train").iterdir()).glob("*.ckpt"))
    for path in saved[3:]:
        shutil.rmtree(path)
    run(settings, "again")
    for name in ("model.safetensors", "train/curve.csv"):  # resumed: the same kernels, shapes and order of sums
        assert Path("again", name).read_bytes() == Path("out", name).read_bytes()


def test_muon_on_two_processes_has_the_losses_of_one(project):
    settings = {"optimizer": "muon", "budget": "6000 tokens"}
    run(params(**settings), "one")
    process = start(project, params(devices=2, strategy="ddp", **settings))
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    # Muon rounds to bfloat16, so that another order of sums may show sooner than with AdamW.
    for alone, shared in zip(curve("one/train/curve.csv"), curve("train/curve.csv"), strict=True):
        assert float(shared["loss"]) == pytest.approx(float(alone["loss"]), abs=1e-3)


def test_a_broken_checkpoint_gives_way_to_the_one_before(project, monkeypatch, capfd):
    with pytest.raises(RuntimeError, match="stop"), monkeypatch.context() as patch:
        patch.setattr("lab.train.module.TrainingModule._finished", stop_at(10))
        run(params())
    saved = sorted(Path(".lab/train").rglob("*.ckpt"))
    assert [path.name for path in saved] == ["step-000000004.ckpt", "step-000000008.ckpt"]
    part = next(saved[1].glob("*.safetensors"))
    part.write_bytes(part.read_bytes()[:1000])
    run(params())
    assert "resuming from step 4" in capfd.readouterr().err


def stop_at(step: int):
    def finished(module) -> bool:
        if module.step == step:
            raise RuntimeError("stop")
        return False

    return finished


def test_a_checkpoint_holds_no_code(project, monkeypatch):
    monkeypatch.setattr(checkpoints, "remove", lambda folder: None)
    run(params())
    files = [path for folder in Path(".lab/train").rglob("*.ckpt") for path in folder.iterdir()]
    assert {path.suffix for path in files} == {".json", ".safetensors"}
    for path in files:
        json.loads(path.read_text("utf-8")) if path.suffix == ".json" else load_file(path)


def test_accumulation_changes_nothing_but_rounding(project):
    run(params(), "whole")
    run(params(micro_batch=3), "pieces")
    for whole, piece in zip(curve("whole/train/curve.csv"), curve("pieces/train/curve.csv"), strict=True):
        assert float(piece["loss"]) == pytest.approx(float(whole["loss"]), abs=1e-4)


def test_two_processes_have_the_losses_of_one(project):
    run(params(), "one")
    process = start(project, params(devices=2, strategy="ddp", micro_batch=4))
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    one, two = curve("one/train/curve.csv"), curve("train/curve.csv")
    assert len(one) == len(two) == 30
    for alone, shared in zip(one, two, strict=True):
        assert float(shared["loss"]) == pytest.approx(float(alone["loss"]), abs=1e-4)
        if alone["validation_loss"]:
            assert float(shared["validation_loss"]) == pytest.approx(float(alone["validation_loss"]), abs=1e-4)
    assert json.loads(output)["steps"] == 30  # one process alone writes


def test_what_two_processes_began_one_can_finish(project, capfd):
    run(params(), "one")
    kill_at(8, start(project, params(devices=2, strategy="ddp")))
    run(params(), "resumed")
    assert "resuming from step" in capfd.readouterr().err
    for alone, resumed in zip(curve("one/train/curve.csv"), curve("resumed/train/curve.csv"), strict=True):
        assert float(resumed["loss"]) == pytest.approx(float(alone["loss"]), abs=1e-4)


def test_a_budget_in_seconds_ends_in_time_and_decays_to_the_end(project):
    metrics = run(params(budget="2 seconds", warmup_steps=2))
    rates = [float(row["learning_rate"]) for row in curve("out/train/curve.csv")]
    assert metrics["steps"] == len(rates) > 5
    assert max(rates) <= 3e-3 and rates[-1] < 1.2e-3 < rates[2]


def test_the_clock_of_a_budget_starts_with_the_first_step():
    config = ModelConfig.from_params(params().model, VOCABULARY)
    module = TrainingModule(
        Transformer(config), params().train, BatchPlan(32, 16, 1, 16), Budget(None, 1.0), compiled=False
    )
    time.sleep(0.01)
    assert module.elapsed() == 0.0


def test_a_gpu_that_is_not_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(LabError, match=r"train.accelerator 'gpu'.*'auto'"):
        make_trainer(params(accelerator="gpu").train)


def test_the_index_of_the_shards_is_read_once(project, monkeypatch):
    paths = []
    monkeypatch.setattr(shards, "read_json", lambda path: paths.append(path) or read_json(path))
    run(params(budget="600 tokens"))
    assert paths == [Path("data/tokenize/index.json")]


def test_another_tokenizer_than_the_shards(project):
    shutil.copytree(project / "data" / "tokenize", "tokenize")
    index = read_json(Path("tokenize/index.json"))
    write_json(Path("tokenize/index.json"), index | {"tokenizer": "0123456789abcdef" * 4})
    with pytest.raises(InputError, match=r"0123456789abcdef.*" + index["tokenizer"][:16]):
        train(Path("tokenize"), Path("data/tokenizer"), Path("out"), params(), params().engine, Path("out"))


def test_a_loss_that_is_no_number_stops_the_run_and_names_the_step(project):
    with pytest.raises(LabError, match=r"step \d+: the loss is nan"):
        run(params(learning_rate=1e18, gradient_clip=None, warmup_steps=0))
    assert not Path("out/model.safetensors").exists()


def test_out_of_memory_says_what_to_lower(project, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(Transformer, "loss", full)
    with pytest.raises(LabError, match=r"step 1: out of memory with 16 x 32 tokens.*train.micro_batch from 16 to 8.*"
                                       r"activation_checkpointing to true.*about 0.1 MiB, not 2.\d MiB"):  # fmt: skip
        run(params())
    with pytest.raises(LabError, match=r"train.micro_batch from 16 to 8: [^;]*$"):
        run(params(activation_checkpointing=True))


@pytest.mark.parametrize("room", [1 << 50, 1 << 60])  # bytes: no system has as many
def test_a_cpu_s_memory_that_runs_out_is_told_as_a_gpu_s(project, monkeypatch, room):
    monkeypatch.setattr(Transformer, "loss", lambda *_, **__: torch.empty(room, dtype=torch.uint8))
    with pytest.raises(LabError, match="step 1: out of memory with 16 x 32 tokens"):
        run(params())


def test_a_model_that_no_memory_holds_is_refused_before_it_is_made(project, monkeypatch):
    config = ModelConfig.from_params(params().model, 500)
    adamw, muon = 16 * config.parameters(), 12 * config.parameters()
    monkeypatch.setattr("lab.train.strategy.memory", lambda: adamw - 1)
    with pytest.raises(LabError, match=rf"{config.parameters():,} parameters take 0 GiB.*model.preset.*fsdp"):
        run(params())
    assert not Path("out").exists()
    for there, optimizer in ((adamw, "adamw"), (muon, "muon"), (None, "adamw")):
        monkeypatch.setattr("lab.train.strategy.memory", lambda there=there: there)
        run(params(budget="1000 tokens", optimizer=optimizer))


def test_a_full_disk_is_told_as_such_and_leaves_no_half_checkpoint(tmp_path, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise SafetensorError("Error while serializing")  # what safetensors makes of it

    monkeypatch.setattr("lab.train.stored.save_file", full)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=0))
    with pytest.raises(OSError, match="No space left") as caught:
        checkpoints.save(tmp_path, {"step": 1}, keep=2)
    assert caught.value.errno == errno.ENOSPC and not list(tmp_path.glob("*.ckpt"))


def test_a_compiler_that_fails_is_named(project, monkeypatch):
    def fails(*_: object, **__: object) -> None:
        raise torch._dynamo.exc.TorchDynamoException("no C++ compiler")

    monkeypatch.setattr(torch, "compile", lambda function: fails)
    with pytest.raises(LabError, match=r"train.compile.*'off'.*no C\+\+ compiler"):
        run(params(compile="on"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_asked_to_stop_saves_its_step_and_loses_nothing(project, monkeypatch, number):
    run(params(), "whole")
    finished = TrainingModule._finished

    def asked_at_6(module) -> bool:
        if module.step == 6:
            signal.raise_signal(number)
            signal.raise_signal(number)  # torchrun passes on what a terminal or SLURM has sent to all already
        return finished(module)

    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with monkeypatch.context() as patch:
        patch.setattr(TrainingModule, "_finished", asked_at_6)
        with pytest.raises(KeyboardInterrupt if number == signal.SIGINT else Stopped):
            run(params())
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert list(saved_steps()) == [4, 6]
    run(params())
    # Resumed: the same kernels, shapes and order of sums.
    assert Path("out/model.safetensors").read_bytes() == Path("whole/model.safetensors").read_bytes()


def test_a_second_ctrl_c_ends_the_run_at_once(project, monkeypatch):
    def asked_twice(module) -> bool:
        if module.step == 6:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
        return False

    monkeypatch.setattr("lab.train.trainer.REPEATED_SECONDS", -1)
    monkeypatch.setattr(TrainingModule, "_finished", asked_twice)
    with pytest.raises(KeyboardInterrupt):
        run(params())
    assert list(saved_steps()) == [4]


@pytest.mark.parametrize("asked", ["the first", "the other"])
def test_two_processes_stop_behind_the_same_step_whichever_is_asked(project, asked):
    process = start(project, params(devices=2, strategy="ddp", budget="100000 tokens", validate_every=500))
    wait_for(4, process)
    others = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
    os.kill(process.pid if asked == "the first" else int(others[-1]), signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    step = int(re.search(r"stopped by SIGTERM after step (\d+), which is saved", errors)[1])
    assert list(saved_steps())[-1] == step < 196


def test_parameters_that_only_say_how_leave_the_run_the_same_others_do_not():
    def key(**changes: object) -> str:
        settings = params(**changes)
        return checkpoints.key("data", settings.model, settings.train)

    assert key() == key(micro_batch=2, checkpoint_every=9, devices="auto", compile="off", pad_vocabulary="on")
    assert key(on_spike="skip") == key(on_spike="stop") != key()  # what stopped for a spike can go on without it
    assert len({key(), key(seed=2), key(learning_rate=0.1), key(budget="9000 tokens")}) == 4
