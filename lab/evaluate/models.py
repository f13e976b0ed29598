"""The models that are scored beside the exported one: others' (evaluate.models) and those of a training's steps.

In: a Hugging Face name or a folder in its layout; data/train with steps/<step>/, which train.evaluate_every keeps. Out:
lm-eval's models, one at a time: our adapter where the architecture and the tokenizer are ours to read (GPT-2, Llama,
byte-level BPE), else lm-eval's own `hf`.
"""

import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from textwrap import shorten

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


def find_milestones(train: Path) -> dict[Path, dict[str, int]]:
    """Folders of the intermediate models in order and, last, of the trained one -> step, tokens and FLOPs so far."""
    milestones = {}
    for folder in [*sorted(path for path in train.glob("steps/*") if path.is_dir()), train]:
        about = read_json(folder / "model.json")
        tokens, flops_per_token = int(about["tokens"]), ModelConfig.from_dict(about).flops_per_token()
        milestones[folder] = {"step": int(about["steps"]), "tokens": tokens, "flops": int(tokens * flops_per_token)}
    return milestones


def open_milestone(folder: Path, encoding: tiktoken.Encoding, params: EvaluateParams) -> ModelLM:
    """The model for lm-eval. InputError where its weights can't be read, or the tokenizer is another model's."""
    model = read_trained(folder)
    check_vocabulary(encoding, model.config)
    return ModelLM(model, encoding, params.device, params.batch_tokens)


def labels(names: Sequence[str]) -> dict[str, str]:
    """Model -> its label in tables: its name on the hub, or its folder's name. ParameterError where two are equal."""
    by_name = {name: Path(name).resolve().name if Path(name).is_dir() else name for name in names}
    for label, count in Counter(by_name.values()).items():
        if count > 1:
            raise ParameterError(f"evaluate.models: two models are called '{label}'. Rename one of the folders.")
    return by_name


def open_model(name: str, params: EvaluateParams) -> LM:
    """Another model for lm-eval. InputError, with what to do, where it is not available or can't be read."""
    folder = Path(name) if Path(name).is_dir() else fetch_model(name, params.data_dir)
    try:
        model = LabLM(folder, params.device, params.batch_tokens)
        if _reads_alike(folder, model):
            return model
        reason = "its tokenizer is none of ours"
    except LabError as error:
        reason = str(error)
    return _reference(name, folder, params, reason)


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
        reason = shorten(f"{type(error).__name__}: {error}", 200, placeholder="…")
        where = f"in evaluate.data_dir ({data_dir})" if data_dir else "to be had from huggingface.co"
        raise InputError(
            f"evaluate.models: '{name}' is neither a folder nor {where} ({reason}). On a machine with a net run "
            f"`python -m lab.evaluate.fetch FOLDER --models {name}`, copy FOLDER here and set evaluate.data_dir to it."
        ) from error


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
        device = None if params.device == "auto" else params.device
        model = HFLM(pretrained=str(folder), device=device, dtype="float32", batch_size=8)
    except Exception as error:  # transformers may raise anything for a folder that it can't read
        raise InputError(f"evaluate.models: {name} can't be read: {reason}; {error}") from error
    model.batch_size_per_gpu = max(1, params.batch_tokens // model.max_length)
    return model
