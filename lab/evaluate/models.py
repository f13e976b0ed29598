"""The models that are scored beside the exported one: others' (evaluate.models) and those of a training's steps.

In: a Hugging Face name or a folder in its layout; data/train with steps/<step>/, which train.evaluate_every keeps. Out:
lm-eval's models, one at a time: our adapter where the architecture and the tokenizer are ours to read (GPT-2, Llama,
byte-level BPE), else lm-eval's own `hf`.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tiktoken
from lm_eval.api.model import LM

from lab.errors import InputError, LabError, ParameterError
from lab.evaluate.adapter import LabLM, ModelLM
from lab.files import read_json
from lab.model.config import ModelConfig
from lab.model.export import read_trained
from lab.model.huggingface import check_vocabulary
from lab.params import EvaluateParams
from lab.tokens.foreign import PROBE

READ = ["*.json", "*.safetensors", "*.txt", "*.model", "*.tiktoken"]  # files of a repository; pickles are never read


@dataclass(frozen=True)
class Milestone:
    """A model after so many steps, tokens and FLOPs."""

    folder: Path
    step: int
    tokens: int
    flops: int

    def as_dict(self) -> dict[str, int]:
        return {"step": self.step, "tokens": self.tokens, "flops": self.flops}


def find_milestones(train: Path) -> tuple[list[Milestone], Milestone]:
    """The intermediate models in order, and the last one. InputError where training left nothing."""
    folders = sorted(path for path in train.glob("steps/*") if path.is_dir())
    return [_read_milestone(folder) for folder in folders], _read_milestone(train)


def open_milestone(milestone: Milestone, encoding: tiktoken.Encoding, params: EvaluateParams) -> ModelLM:
    """The model for lm-eval. InputError where its weights can't be read, or the tokenizer is another model's."""
    model = read_trained(milestone.folder)
    check_vocabulary(encoding, model.config)
    return ModelLM(model, encoding, params.device, params.batch_tokens)


def labels(names: Sequence[str]) -> dict[str, str]:
    """Model -> its label in tables: its name on the hub, or its folder's name. ParameterError where two are equal."""
    by_name = {name: Path(name).resolve().name if _is_folder(name) else name for name in names}
    for label in by_name.values():
        if list(by_name.values()).count(label) > 1:
            raise ParameterError(f"evaluate.models: two models are called '{label}'. Rename one of the folders.")
    return by_name


def open_model(name: str, params: EvaluateParams) -> LM:
    """Another model for lm-eval. InputError, with what to do, where it is not available or can't be read."""
    folder = Path(name) if _is_folder(name) else fetch_model(name, params.data_dir)
    try:
        model = LabLM(folder, params.device, params.batch_tokens)
    except LabError as error:
        return _reference(name, folder, params, str(error))
    if not _reads_alike(folder, model):
        return _reference(name, folder, params, "its tokenizer is none of ours")
    return model


def fetch_model(name: str, data_dir: str | None = None) -> Path:
    """The folder of a model on the hub, downloaded once; with `data_dir`, it must be in there already."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    cache = Path(data_dir) / "hub" if data_dir else None
    try:
        return Path(
            snapshot_download(name, allow_patterns=READ, cache_dir=cache, local_files_only=data_dir is not None)
        )
    except (OSError, ValueError, HfHubHTTPError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        where = f"in evaluate.data_dir ({data_dir})" if data_dir else "to be had from huggingface.co"
        raise InputError(
            f"evaluate.models: '{name}' is neither a folder nor {where} ({reason}). On a machine with a net run "
            f"`python -m lab.evaluate.fetch FOLDER --models {name}`, copy FOLDER here and set evaluate.data_dir to it."
        ) from error


def _is_folder(name: str) -> bool:
    return Path(name).is_dir()


def _reads_alike(folder: Path, model: LabLM) -> bool:
    """Whether our tokenizer gives the same ids as the folder's, with its beginning-of-text token and without."""
    from transformers import AutoTokenizer

    try:
        theirs = AutoTokenizer.from_pretrained(str(folder))
        return all(
            theirs(PROBE, **options)["input_ids"] == model.tok_encode(PROBE, **options)
            for options in ({}, {"add_special_tokens": False})
        )
    except Exception:  # a tokenizer's reader may raise anything; `hf` will say what is wrong
        return False


def _reference(name: str, folder: Path, params: EvaluateParams, reason: str) -> LM:
    """lm-eval's `hf` model. InputError where it can't read the folder either."""
    print(f"evaluate: {name} is scored by lm-eval's own reader of models: {reason}", file=sys.stderr)
    try:
        from lm_eval.models.huggingface import HFLM
    except ImportError as error:
        raise InputError(
            f"evaluate.models: {name} needs lm-eval's `hf` model, which needs a package that is not here ({error}): "
            "pip install accelerate."
        ) from error
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        model = HFLM(
            pretrained=str(folder),
            device=None if params.device == "auto" else params.device,
            dtype="float32",
            batch_size=8,
        )
    except Exception as error:  # transformers may raise anything for a folder that it can't read
        raise InputError(f"evaluate.models: {name} can't be read: {reason}; {error}") from error
    model.batch_size_per_gpu = max(1, params.batch_tokens // model.max_length)
    return model


def _read_milestone(folder: Path) -> Milestone:
    about = read_json(folder / "model.json")
    tokens = int(about["tokens"])
    return Milestone(folder, int(about["steps"]), tokens, int(tokens * ModelConfig.from_dict(about).flops_per_token()))
