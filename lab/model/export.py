"""The stage `export`: the trained model as a Hugging Face folder with weights, tokenizer and model card.

In: what training left, and the tokenizer. A model whose choices are neither all GPT-2's nor all Llama's is written in a
layout of our own, which lab.model.huggingface.load, and so evaluation, reads; the card says so.
"""

import hashlib
import shutil
from pathlib import Path

import tiktoken
from safetensors import SafetensorError
from safetensors.torch import load_file

from lab.errors import InputError, ParameterError
from lab.files import read_json
from lab.model import huggingface
from lab.model.config import ModelConfig
from lab.model.transformer import Transformer
from lab.params import EngineParams, ExportParams
from lab.tokens import bpe


def run(train: Path, tokenizer: Path, out: Path, params: ExportParams, engine: EngineParams) -> dict:
    """Write `out`, whole or not at all; returns the stage's metrics.

    Raises InputError where weights, model.json and tokenizer are missing or do not belong together.
    """
    about = read_json(train / "model.json")
    made = f"{train}/model.json: the model was trained"
    bpe.check_same(tokenizer, about.get("tokenizer"), made=made, stage="train")
    model, encoding = read_trained(train), bpe.load(tokenizer)
    temporary = out.with_name(f".{out.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    card = model_card(model.config, encoding, about)
    try:
        huggingface.save(model, encoding, temporary, dtype=params.dtype, card=card, mixed=True)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    shutil.rmtree(out, ignore_errors=True)
    temporary.rename(out)
    weights, layout = out / "model.safetensors", huggingface.layout_of(model.config, mixed=True)
    with open(weights, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "architecture": layout.class_name,
        "loads_in_transformers": layout is not huggingface.OWN,
        "parameters": model.config.parameters(),
        "dtype": params.dtype,
        "bytes": sum(path.stat().st_size for path in sorted(out.rglob("*")) if path.is_file()),
        "weight_bytes": weights.stat().st_size,
        "sha256": digest,  # of model.safetensors
    }


def read_trained(folder: Path) -> Transformer:
    """The model in a folder that training wrote. InputError where weights and description do not belong together."""
    path = folder / "model.safetensors"
    model = Transformer(ModelConfig.from_dict(read_json(folder / "model.json")))
    try:
        weights = load_file(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file. Run `dvc repro train`.") from None
    except SafetensorError as error:
        raise InputError(f"{path}: not a whole safetensors file ({error}). Run `dvc repro -f train`.") from None
    shapes = {name: weight.shape for name, weight in model.named_parameters()}
    if shapes != {name: weight.shape for name, weight in weights.items()}:
        raise InputError(f"{path}: these are not the weights that model.json describes. Run `dvc repro -f train`.")
    model.load_state_dict(weights, strict=False)  # a tied head has one name only
    return model.eval()


def model_card(config: ModelConfig, encoding: tiktoken.Encoding, about: dict) -> str:
    """README.md."""
    try:
        name = huggingface.layout_of(config).class_name
        how = f"`transformers.AutoModelForCausalLM.from_pretrained(folder)` loads it, as {name}."
    except ParameterError as error:
        how = f"`lab.model.huggingface.load(folder)` loads it; transformers can't: {error}"
    rows = "".join(f"| {name} | {value} |\n" for name, value in config.as_dict().items() if value is not None)
    return f"""---
library_name: transformers
pipeline_tag: text-generation
---

# A base model

A decoder-only language model of {config.parameters():,} parameters, trained from scratch on {about["tokens"]:,} tokens
in {about["steps"]:,} steps. It continues text; it was not taught to follow instructions. {how}

The tokenizer `{encoding.name}` has {encoding.n_vocab:,} tokens and is here twice, with the same ids: as tokenizer.json
for transformers, and in tiktoken/ for tiktoken. Each document of the training text begins with the token
`{encoding.decode([bpe.end_of_text(encoding)])}` ({bpe.end_of_text(encoding)}).

| choice | value |
|---|---|
{rows}"""
