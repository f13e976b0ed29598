"""If these fail, a training run can't be found, compared or continued in Weights & Biases."""

import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from wandb.proto import wandb_internal_pb2

from lab import tracking
from lab.params import TrackingParams
from lab.params_yaml import Params
from lab.train.module import STEPS_PER_READING
from tests.train import conftest
from tests.train.conftest import params
from tests.train.test_run import run, stop_at

corpus, project = conftest.corpus, conftest.project  # fixtures
BLOCK = 32768  # of the LevelDB log format, which a .wandb file is in
WHOLE, LAST = 1, 4


def records(path: Path) -> Iterator[wandb_internal_pb2.Record]:
    """The records of a .wandb file, parsed by wandb's own message classes (its reader is not in Python any more)."""
    data, position, parts = path.read_bytes(), 7, b""
    assert data[:4] == b":W&B"
    while position + 7 <= len(data):
        if BLOCK - position % BLOCK < 7:
            position += BLOCK - position % BLOCK
            continue
        _, length, kind = struct.unpack("<IHB", data[position : position + 7])
        parts += data[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (WHOLE, LAST):
            yield wandb_internal_pb2.Record.FromString(parts)
            parts = b""


def whole(path: Path) -> list[wandb_internal_pb2.Record]:
    """The records of a run that has ended; wandb's own process may write them a little later than `finish` returns."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        found = list(records(path))
        if any(record.WhichOneof("record_type") == "exit" for record in found):
            return found
        time.sleep(0.05)
    pytest.fail(f"{path} has no end")


def values(items) -> dict:
    return {"/".join([item.key, *item.nested_key]).strip("/"): json.loads(item.value_json) for item in items}


def read_offline() -> dict[str, dict]:
    """Run file -> its id, config, history rows and summary."""
    found = {}
    for path in sorted(Path(".lab/wandb").glob("offline-run-*/run-*.wandb")):
        run = {"history": [], "summary": {}, "metrics": []}
        for record in whole(path):
            kind = record.WhichOneof("record_type")
            if kind == "run":
                run |= {"id": record.run.run_id, "config": values(record.run.config.update), "run": record.run}
            elif kind == "history":
                run["history"].append(values(record.history.item))
            elif kind == "metric":
                run["metrics"].append(record.metric)
            elif kind == "summary":
                run["summary"] |= values(record.summary.update)
        found[path.as_posix()] = run
    return found


def axes(run) -> dict[str, str]:
    """Metric -> its x-axis. Metrics are told apart by name or pattern."""
    metrics = run["metrics"]
    names = [metric.name or metric.glob_name for metric in metrics]
    return {
        metric.name or metric.glob_name: metric.step_metric or names[metric.step_metric_index - 1]
        for metric in metrics
        if metric.step_metric or metric.step_metric_index
    }


TRACKING = TrackingParams(group="ablation", tags=["small", "test"])


def test_an_offline_run_holds_what_a_dashboard_needs_and_takes_scores(project, capfd):
    settings = params().model_copy(update={"tracking": TRACKING})
    metrics = run(settings)
    ((path, found),) = read_offline().items()
    assert found["run"].run_group == "ablation" and list(found["run"].tags) == ["small", "test"]
    config = found["config"]
    assert config["train"]["learning_rate"] == settings.train.learning_rate and config["dedup"]["bands"] == 14
    index = json.loads(Path("data/tokenize/index.json").read_text())
    assert config["tokenizer_hash"] == index["tokenizer"] and len(config["dataset_hash"]) == 32
    assert "revision" in config and config["parameters"] == metrics["parameters"]

    steps = [row for row in found["history"] if "train/loss" in row]
    assert [row["step"] for row in steps] == list(range(1, 31))
    assert steps[-1]["train/loss"] == pytest.approx(metrics["loss"], abs=1e-5)
    for name in ("learning_rate", "gradient_norm", "tokens_per_second", "mfu"):
        assert all(row[f"train/{name}"] > 0 for row in steps)
    validated = [row for row in steps if "validation/loss" in row]
    assert [row["step"] for row in validated] == [7, 14, 21, 28, 30]
    assert validated[-1]["validation/bits_per_byte"] == pytest.approx(metrics["validation_bits_per_byte"], abs=1e-5)
    assert axes(found) == {"*": "tokens", "by_flops/*": "flops"}
    assert all(row["by_flops/train/loss"] == row["train/loss"] for row in steps)
    assert all(row["by_flops/validation/loss"] == row["validation/loss"] for row in validated)
    assert sum("samples/path" in row for row in found["history"]) == 5 + 1
    assert found["summary"]["unigram_entropy"] == metrics["unigram_entropy"]
    assert f"wandb sync {Path(path).parent}" in capfd.readouterr().err

    columns, rows = ["item", "acc"], [[0, 1.0], [1, 0.0]]
    scores = {"sample_agreement": {"acc": 0.75, "acc_stderr": 0.02, "chance": None, "version": "1"}}
    tracking.log_scores(settings, scores, {"sample_agreement": (columns, rows)})
    (scored,) = (run for run in read_offline().values() if "scores/sample_agreement/acc" in run["summary"])
    assert scored["id"] == found["id"] and scored is not found
    assert scored["summary"]["scores/sample_agreement/acc"] == 0.75
    assert "scores/sample_agreement/chance" not in scored["summary"]
    (file,) = (file for row in scored["history"] for name, file in row.items() if name.endswith("agreement/path"))
    (logged,) = Path(".lab/wandb").glob(f"offline-run-*/files/{file}")
    assert json.loads(logged.read_text())["data"] == rows


def test_a_resumed_run_goes_on_under_the_same_id(project, monkeypatch):
    settings = params().model_copy(update={"tracking": TRACKING})
    with pytest.raises(RuntimeError, match="stop"), monkeypatch.context() as patch:
        patch.setattr("lab.train.module.TrainingModule._finished", stop_at(10))
        run(settings)
    run(settings)
    first, second = read_offline().values()
    assert first["id"] == second["id"]
    steps = {row["step"] for found in (first, second) for row in found["history"] if "step" in row}
    assert steps == set(range(1, 31))


def test_experiments_of_one_revision_are_a_group_and_texts_come_as_often_as_asked(project, monkeypatch):
    monkeypatch.setenv("DVC_EXP_NAME", "taut-lens")
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", "0123456789abcdef")
    run(params(validate_every=30).model_copy(update={"tracking": TrackingParams(sample_every=10)}))
    (found,) = read_offline().values()
    assert (found["run"].run_group, found["run"].display_name) == ("0123456", "taut-lens")
    sampled = [row["tokens"] for row in found["history"] if "samples/path" in row]
    assert sampled == [512 * step for step in (10, 20, 30, 30)]


def test_texts_are_of_their_own_step_where_losses_are_read_late(project, monkeypatch):
    def texts(read: int) -> list[tuple[int, list]]:
        found: list[tuple[int, list]] = []
        monkeypatch.setitem(STEPS_PER_READING, "cpu", read)  # as on a GPU
        monkeypatch.setattr(tracking.Tracker, "samples", lambda self, tokens, rows: found.append((tokens, list(rows))))
        run(
            params(validate_every=30, checkpoint_every=30).model_copy(
                update={"tracking": TrackingParams(sample_every=4)}
            )
        )
        return found

    assert texts(10) == texts(1)


def test_each_variant_and_seed_of_an_ablation_has_one_run(project, monkeypatch):
    """Also where DVC restored the training of one, and the last training here was another's."""

    def experiment(variant: str) -> Params:
        monkeypatch.setenv("DVC_EXP_NAME", f"filters-{variant}-s2")
        tags = [f"variant:{variant}", "seed:2"]
        return params().model_copy(update={"tracking": TrackingParams(group="filters", tags=tags)})

    run(experiment("raw"))
    for variant in ("raw", "full"):
        tracking.log_scores(experiment(variant), {"task": {"acc": 0.5}}, {})
    found = list(read_offline().values())
    ids = {
        variant: {run["id"] for run in found if f"variant:{variant}" in run["run"].tags} for variant in ("raw", "full")
    }
    assert len(ids["raw"]) == len(ids["full"]) == 1 and not ids["raw"] & ids["full"]
    scored = [run["id"] for run in found if "scores/task/acc" in run["summary"]]
    assert sorted(scored) == sorted([*ids["raw"], *ids["full"]])
    for run_ in found:
        if run_["run"].tags:
            assert run_["run"].run_group == "filters" and run_["config"]["seed"] == "2"
            assert run_["run"].display_name == f"filters-{run_['config']['variant']}-s2"


def test_nothing_is_written_when_tracking_is_disabled(project):
    tracking.Tracker(params(), "key", {}, tracking.Sizes(1, 1, 1), resumed=False)
    tracking.log_scores(params(), {"task": {"acc": 1.0}}, {})
    assert not Path(".lab/wandb").exists()


def test_a_key_makes_it_online(monkeypatch):
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    assert tracking.mode(TrackingParams()) == "offline"
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    assert tracking.mode(TrackingParams()) == "online"
    assert tracking.mode(TrackingParams(mode="offline")) == "offline"
