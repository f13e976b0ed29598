"""Models as Hugging Face folders: ours written so that transformers loads them, and theirs read.

In and out: config.json, safetensors (one file, or shards with an index), tokenizer.json, in a layout of
lab.model.layouts or, for models that fit none, our own. A folder of ours also holds tiktoken/, the tokenizer as
lab.tokens.bpe saves it. Nothing is pickled.
"""

from collections.abc import Iterator
from pathlib import Path

import tiktoken
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from lab.errors import InputError, ParameterError
from lab.files import read_json, write_json, written_whole
from lab.model.config import ModelConfig
from lab.model.fast_tokenizer import tokenizer_config, tokenizer_json
from lab.model.layouts import GPT2, LLAMA, Layout, Weight
from lab.model.transformer import Transformer
from lab.tokens import bpe, foreign

TOKENIZER = "tiktoken"
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def _own_weights(config: ModelConfig) -> list[Weight]:
    with torch.device("meta"):
        return [Weight(name, (name,)) for name, _ in Transformer(config).named_parameters()]


# Our names and fields as they are, which transformers does not know.
OWN = Layout(
    "pretraining-lab", "Transformer", lambda config: None, ModelConfig.as_dict, ModelConfig.from_dict, _own_weights
)


def layout_of(config: ModelConfig, *, mixed: bool = False) -> Layout:
    """Hugging Face's layout for a model; where none fits, our own (`mixed`), or ParameterError naming the fields."""
    misfits = {layout: layout.misfit(config) for layout in (GPT2, LLAMA)}
    if fitting := [layout for layout, misfit in misfits.items() if misfit is None]:
        return fitting[0]
    if mixed:
        return OWN
    reasons = "; ".join(f"{layout.class_name} has no {misfit}" for layout, misfit in misfits.items())
    raise ParameterError(f"transformers has no model with these choices: {reasons}. Change one of these.")


def save(
    model: Transformer,
    tokenizer: tiktoken.Encoding,
    folder: Path,
    *,
    dtype: str = "float32",
    card: str = "",
    mixed: bool = False,
) -> None:
    """Write the folder. `card`: the text of README.md; `mixed`: as of `layout_of`.

    Raises ParameterError for an unknown dtype or layout, InputError where the tokenizer has more tokens than the model.
    """
    config = model.config
    if dtype not in DTYPES:
        raise ParameterError(f"export.dtype: '{dtype}' is none of: {', '.join(DTYPES)}.")
    check_vocabulary(tokenizer, config)
    layout = layout_of(config, mixed=mixed)
    folder.mkdir(parents=True, exist_ok=True)
    end = bpe.end_of_text(tokenizer)
    tokens = {"bos_token_id": end, "eos_token_id": end}
    weights = dict(_theirs(model, layout.weights(config), DTYPES[dtype]))
    with written_whole(folder / "model.safetensors") as temporary:
        save_file(weights, temporary, metadata={"format": "pt"})
    (folder / "tokenizer.json").write_text(tokenizer_json(tokenizer), "utf-8")
    write_json(folder / "tokenizer_config.json", tokenizer_config(tokenizer, config.context))
    bpe.save(tokenizer, folder / TOKENIZER)
    write_json(folder / "generation_config.json", tokens | {"pad_token_id": end})
    (folder / "README.md").write_text(card, "utf-8")
    described = {"architectures": [layout.class_name], "model_type": layout.model_type} | layout.describe(config)
    write_json(folder / "config.json", described | tokens | {"torch_dtype": dtype})


def check_vocabulary(tokenizer: tiktoken.Encoding, config: ModelConfig) -> None:
    """InputError where the tokenizer has more tokens than the model."""
    if tokenizer.n_vocab > config.vocabulary:
        raise InputError(
            f"the tokenizer has {tokenizer.n_vocab} tokens, the model {config.vocabulary}: they are not of one run."
        )


def load(folder: Path, *, dtype: torch.dtype = torch.float32) -> tuple[Transformer, tiktoken.Encoding]:
    """Model and tokenizer of a folder that `save` wrote, or of any GPT-2 or Llama in Hugging Face's layout.

    Raises InputError, naming the file, where one is missing, broken, or of an unsupported model.
    """
    config, weights = _read_config(folder / "config.json")
    with torch.device("meta"):
        model = Transformer(config)
    model.to(dtype).to_empty(device="cpu")
    model.tie_and_fill()
    with torch.no_grad():
        _fill(model, weights, folder)
    return model.eval(), load_tokenizer(folder)


def load_tokenizer(folder: Path) -> tiktoken.Encoding:
    """The tokenizer of such a folder."""
    saved = Path(folder) / TOKENIZER
    return bpe.load(saved) if saved.exists() else foreign.from_file(Path(folder) / "tokenizer.json")


def _read_config(path: Path) -> tuple[ModelConfig, list[Weight]]:
    values = read_json(path)
    if not isinstance(values, dict):
        raise InputError(f"{path}: should be a model's configuration, not a {type(values).__name__}.")
    if values.get("quantization_config") is not None:
        raise InputError(f"{path}: a quantized model, which is not supported.")
    layouts = {layout.model_type: layout for layout in (GPT2, LLAMA, OWN)}
    model_type = values.get("model_type")
    if model_type not in layouts:
        raise InputError(f"{path}: model_type {model_type!r} is not supported; supported are {', '.join(layouts)}.")
    layout = layouts[model_type]
    try:
        config = layout.understand(values)
    except KeyError as error:
        raise InputError(f"{path}: {error} is missing.") from None
    except (AttributeError, TypeError, ValueError, ZeroDivisionError) as error:
        raise InputError(f"{path}: a value is not what it should be ({error}).") from None
    except (InputError, ParameterError) as error:
        raise InputError(f"{path}: {error}") from None
    return config, layout.weights(config)


def _theirs(model: Transformer, weights: list[Weight], dtype: torch.dtype) -> Iterator[tuple[str, Tensor]]:
    ours = dict(model.named_parameters())
    for weight in weights:
        whole = torch.zeros(weight.rows) if weight.ours is None else ours[weight.ours].detach()
        whole = (whole.T if weight.transposed else whole).to("cpu", dtype)
        pieces = whole.split(weight.rows) if len(weight.theirs) > 1 else [whole]
        yield from ((name, piece.clone().contiguous()) for name, piece in zip(weight.theirs, pieces, strict=True))


def _fill(model: Transformer, weights: list[Weight], folder: Path) -> None:
    """Copy their weights into the model's."""
    files = _weight_files(folder)
    ours = dict(model.named_parameters())
    for weight in weights:
        pieces = [_read(files, name, folder) for name in weight.theirs]
        whole = torch.cat(pieces) if len(pieces) > 1 else pieces[0]
        whole, target = whole.T if weight.transposed else whole, ours[weight.ours]
        where = f"{folder}: {weight.theirs[0]}"
        if whole.shape != target.shape:
            raise InputError(f"{where} is {list(whole.shape)}, config.json says {list(target.shape)}.")
        if whole.dtype not in DTYPES.values():
            raise InputError(f"{where} is {whole.dtype}, none of {', '.join(DTYPES)}.")
        target.copy_(whole)


def _weight_files(folder: Path) -> dict[str, safe_open]:
    """Name of a weight -> the open file that holds it."""
    index = folder / "model.safetensors.index.json"
    names = sorted(set(read_json(index)["weight_map"].values())) if index.exists() else ["model.safetensors"]
    files = {}
    for path in (folder / name for name in names):
        try:
            file = safe_open(path, framework="pt")
        except FileNotFoundError:
            raise InputError(f"{path}: no such file. Only safetensors are read, never pickles.") from None
        except SafetensorError as error:
            raise InputError(f"{path}: not a whole safetensors file ({error}).") from None
        files |= dict.fromkeys(file.keys(), file)
    return files


def _read(files: dict[str, safe_open], name: str, folder: Path) -> Tensor:
    # OpenAI's GPT-2 checkpoints were saved from the model without its head, so names lack the prefix.
    for spelled in (name, name.removeprefix("transformer.")):
        if spelled in files:
            return files[spelled].get_tensor(spelled)
    raise InputError(f"{folder}: the weights lack '{name}', which config.json asks for.")
