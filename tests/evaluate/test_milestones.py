"""If these fail, how scores grow with training is drawn from other models than those of its steps."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from lab.errors import InputError
from lab.evaluate.run import evaluate
from lab.files import write_json
from lab.model import Transformer, huggingface
from lab.params import EvaluateParams

SETTINGS = EvaluateParams(items=6, batch_tokens=2000, device="cpu")


def leave(folder: Path, model: Transformer, step: int) -> None:
    """What training leaves of a model."""
    folder.mkdir(parents=True)
    save_file(
        {name: weight.detach().contiguous() for name, weight in model.named_parameters()}, folder / "model.safetensors"
    )
    write_json(folder / "model.json", model.config.as_dict() | {"tokens": 512 * step, "steps": step})


def test_the_models_of_steps_are_scored_as_they_would_be_alone(corpus, models, tmp_path):
    last, _ = huggingface.load(models["llama"])
    torch.manual_seed(5)
    other = Transformer(last.config)
    leave(tmp_path / "train", last, 30)
    alone = evaluate(models["llama"], corpus.folder, tmp_path / "alone", SETTINGS, tmp_path / "train")
    assert "milestones" not in alone and not (tmp_path / "alone" / "steps").exists()

    leave(tmp_path / "train" / "steps" / "000000010", other, 10)
    leave(tmp_path / "train" / "steps" / "000000020", last, 20)
    out = tmp_path / "evaluate"
    metrics = evaluate(models["llama"], corpus.folder, out, SETTINGS, tmp_path / "train")
    first, second, final = metrics["milestones"]
    assert [row["step"] for row in metrics["milestones"]] == [10, 20, 30]
    assert [row["tokens"] for row in metrics["milestones"]] == [5120, 10240, 15360]
    assert first["flops"] == int(5120 * last.config.flops_per_token())
    # Equal, not close: the same weights in the same layout, shapes, code and process.
    assert metrics["scores"] == alone["scores"] == second["scores"] == final["scores"] != first["scores"]
    assert sorted(path.name for path in (out / "steps").iterdir()) == ["000000010", "000000020"]
    for task in metrics["scores"]:
        answers = [(folder / f"{task}.jsonl").read_bytes() for folder in (out, out / "steps" / "000000020")]
        assert answers[0] == answers[1]
    json.dumps(metrics, allow_nan=False)

    with pytest.raises(InputError, match=r"model\.json"):
        evaluate(models["llama"], corpus.folder, out, SETTINGS, tmp_path / "nowhere")
