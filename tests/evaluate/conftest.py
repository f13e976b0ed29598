"""A small corpus as the sample crawl would give it, and two small random models that were "trained" on it."""

import ast
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from lab.documents import Document, RowWriter
from lab.model import ModelConfig, Transformer, huggingface
from lab.sample.town import town_pages
from lab.sample.town_sites import town_page
from lab.tokens import bpe

CONTEXT = 96  # tokens: short, so that windows and truncation are met
MODULES = [
    "argparse",
    "logging",
    "subprocess",
    "random",
    "difflib",
    "textwrap",
    "threading",
    "zipfile",
    "tarfile",
    "csv",
]
HELD_OUT = 4  # every fourth page

STYLES = {
    "gpt2": dict(norm="layernorm", position="learned", activation="gelu", bias=True, tied_embeddings=True, kv_heads=4),
    "llama": dict(norm="rmsnorm", position="rope", activation="swiglu", kv_heads=2),
}


@dataclass(frozen=True)
class Corpus:
    folder: Path
    train: list[str]
    held_out: list[str]


def write_dataset(folder: Path, pages: list[tuple[str, str]]) -> Corpus:
    """(url, text) pages, every fourth of them held out."""
    splits = {
        "train": [page for number, page in enumerate(pages) if number % HELD_OUT],
        "validation": pages[::HELD_OUT],
    }
    for name, part in splits.items():
        with RowWriter(folder / name / "part-00000.parquet") as file:
            for url, text in part:
                file.write(Document(url, url, "", "", 0, text))
    return Corpus(folder, *([text for _, text in part] for part in splits.values()))


def town() -> list[tuple[str, str]]:
    pages = []
    for page in town_pages(5, 160):
        text = "\n".join(block.text for block in page.blocks)
        pages.append((town_page(page, {}).url, text))
    return pages


def docstrings() -> list[tuple[str, str]]:
    """Text that people wrote: the standard library's long docstrings, paragraphs on one line as on a web page."""
    pages = []
    for module in MODULES:
        tree = ast.parse(Path(importlib.util.find_spec(module).origin).read_text("utf-8"))
        nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)]
        for number, node in enumerate(nodes):
            text = ast.get_docstring(node) or ""
            if len(text) > 300:
                paragraphs = (" ".join(part.split()) for part in text.split("\n\n"))
                pages.append((f"https://python.docs.example/{module}/{number}", "\n".join(paragraphs)))
    return pages


@pytest.fixture(scope="session")
def corpus(tmp_path_factory) -> Corpus:
    return write_dataset(tmp_path_factory.mktemp("dataset"), town() + docstrings())


@pytest.fixture(scope="session")
def models(corpus, tmp_path_factory) -> dict[str, Path]:
    """Exported folders of a GPT-2-style and a Llama-style model whose predictions are far from uniform."""
    encoding = bpe.train(corpus.train, 600, 10_000_000)
    torch.manual_seed(1)
    folders = {}
    for name, style in STYLES.items():
        shape = dict(layers=2, width=64, heads=4, ffn=96, vocabulary=encoding.n_vocab, context=CONTEXT)
        model = Transformer(ModelConfig(**shape, **style))
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() > 1:
                    parameter.mul_(4)
        folders[name] = tmp_path_factory.mktemp("models") / name
        huggingface.save(model, encoding, folders[name])
    return folders


@pytest.fixture(autouse=True)
def _hugging_face_home(tmp_path_factory, monkeypatch):
    """Nothing of a test stays in the user's cache."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path_factory.getbasetemp() / "datasets"))
