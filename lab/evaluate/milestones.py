"""The models of a run's intermediate steps, which training keeps where train.evaluate_every says so, to be scored.

In: data/train (steps/<step>/ and the description of the last model) and the exported model's tokenizer. Out: each as
lm-eval's model, one at a time.
"""

from dataclasses import dataclass
from pathlib import Path

import tiktoken

from lab.evaluate.adapter import ModelLM
from lab.files import read_json
from lab.model.config import ModelConfig
from lab.model.export import read_trained
from lab.model.huggingface import check_vocabulary
from lab.params import EvaluateParams


@dataclass(frozen=True)
class Milestone:
    """A model after so many steps, tokens and FLOPs."""

    folder: Path
    step: int
    tokens: int
    flops: int

    def as_dict(self) -> dict[str, int]:
        return {"step": self.step, "tokens": self.tokens, "flops": self.flops}


def find(trained: Path) -> tuple[list[Milestone], Milestone]:
    """The intermediate models in order, and the last one. InputError where training left nothing."""
    folders = sorted(path for path in trained.glob("steps/*") if path.is_dir())
    return [_read(folder) for folder in folders], _read(trained)


def open_milestone(milestone: Milestone, encoding: tiktoken.Encoding, params: EvaluateParams) -> ModelLM:
    """The model, ready to be asked. InputError where its weights can't be read, or the tokenizer is not its own."""
    model = read_trained(milestone.folder)
    check_vocabulary(encoding, model.config)
    return ModelLM(model, encoding, params.device, params.batch_tokens)


def _read(folder: Path) -> Milestone:
    about = read_json(folder / "model.json")
    tokens = int(about["tokens"])
    return Milestone(folder, int(about["steps"]), tokens, int(tokens * ModelConfig.from_dict(about).flops_per_token()))
