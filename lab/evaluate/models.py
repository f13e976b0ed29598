"""Models that others made, to be scored beside ours: evaluate.models.

In: a Hugging Face name or a folder in its layout. Out: one of lm-eval's models: our adapter where the architecture and
the tokenizer are ours to read (GPT-2, Llama, byte-level BPE), else lm-eval's own `hf`.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from lm_eval.api.model import LM

from lab.errors import InputError, LabError, ParameterError
from lab.evaluate.adapter import LabLM
from lab.params import EvaluateParams
from lab.tokens.foreign import PROBE

READ = ["*.json", "*.safetensors", "*.txt", "*.model", "*.tiktoken"]  # files of a repository; pickles are never read


def labels(names: Sequence[str]) -> dict[str, str]:
    """Model -> what it is called in tables: its name on the hub, or the folder's own. ParameterError for the same."""
    found = {name: Path(name).resolve().name if _is_folder(name) else name for name in names}
    for label in found.values():
        if list(found.values()).count(label) > 1:
            raise ParameterError(f"evaluate.models: two models are called '{label}'. Rename one of the folders.")
    return found


def open_model(name: str, params: EvaluateParams) -> LM:
    """The model, ready to be asked. InputError where it can't be had or read, saying what to do."""
    folder = Path(name) if _is_folder(name) else fetch_model(name, params.data_dir)
    try:
        model = LabLM(folder, params.device, params.batch_tokens)
    except LabError as error:
        return _reference(name, folder, params, str(error))
    if not _reads_alike(folder, model):
        return _reference(name, folder, params, "its tokenizer is none of ours")
    return model


def fetch_model(name: str, data_dir: str | None = None) -> Path:
    """The folder of a model of the hub, downloaded once; with `data_dir`, only looked up there."""
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
    """Whether our tokenizer gives the ids of the folder's own, with what that puts before a text and without."""
    from transformers import AutoTokenizer

    try:
        theirs = AutoTokenizer.from_pretrained(str(folder))
        return all(
            theirs(PROBE, **how)["input_ids"] == model.tok_encode(PROBE, **how)
            for how in ({}, {"add_special_tokens": False})
        )
    except Exception:  # whatever a tokenizer's reader may raise: `hf` will say what is wrong
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
    except Exception as error:  # whatever transformers raises of a folder that it can't read
        raise InputError(f"evaluate.models: {name} can't be read: {reason}; {error}") from error
    model.batch_size_per_gpu = max(1, params.batch_tokens // model.max_length)
    return model
