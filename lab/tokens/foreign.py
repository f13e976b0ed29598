"""Published byte-level BPE tokenizers, by tiktoken's name or from a file, as tiktoken.Encodings with the same ids."""

import hashlib
import json
import os
import tempfile
from pathlib import Path

import tiktoken

from lab.errors import InputError
from lab.tokens.bpe import GPT4_PATTERN, bytes_of, encoding_of, load, read_ranks

NAMED = ("gpt2", "cl100k_base", "o200k_base")
GPT2_FILES = [
    "https://openaipublic.blob.core.windows.net/gpt-2/encodings/main/vocab.bpe",
    "https://openaipublic.blob.core.windows.net/gpt-2/encodings/main/encoder.json",
]
RANKS_URL = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"  # of the others
# Words of several merges, runs of spaces, digits, other scripts, and letters that normalisers change.
PROBE = "The mill's 2 wheels – „wo?“ – turn:\n\n  def f(x):\treturn x  # 東京 🗝 naïve e\u0301 1234567 ﬁ \u00a0end"


def by_name(name: str) -> tiktoken.Encoding:
    """One of tiktoken's own, which tiktoken downloads once. InputError when that fails."""
    try:
        return tiktoken.get_encoding(name)
    except OSError as error:  # requests' exceptions are OSErrors
        raise InputError(
            f"tokenizer.kind: the ranks of '{name}' are not in tiktoken's cache and can't be downloaded ({error}). "
            "Go online once, or point TIKTOKEN_CACHE_DIR to a folder that has them."
        ) from error


def cache_folder() -> Path:
    """Where tiktoken keeps what it has downloaded."""
    chosen = os.environ.get("TIKTOKEN_CACHE_DIR") or os.environ.get("DATA_GYM_CACHE_DIR")
    return Path(chosen or Path(tempfile.gettempdir(), "data-gym-cache"))


def is_cached(name: str) -> bool:
    """Whether tiktoken has the ranks of one of NAMED in its cache, so that nothing is downloaded."""
    urls = GPT2_FILES if name == "gpt2" else [RANKS_URL.format(name)]
    return all((cache_folder() / hashlib.sha1(url.encode()).hexdigest()).is_file() for url in urls)


def from_file(path: Path) -> tiktoken.Encoding:
    """From tiktoken ranks (GPT-4's pattern), a folder that `save` wrote, or a Hugging Face tokenizer.json."""
    if path.is_dir():
        return load(path) if (path / "ranks.tiktoken").exists() else from_file(path / "tokenizer.json")
    if not path.exists():
        raise InputError(
            f"tokenizer.kind: '{path}' is neither a file nor one of: train, {', '.join(NAMED)}. Give tiktoken ranks, "
            "a Hugging Face tokenizer.json, or a folder with either."
        )
    if path.suffix != ".json":
        return encoding_of(path.stem, GPT4_PATTERN, read_ranks(path))
    try:
        described = json.loads(path.read_text("utf-8"))
        vocabulary = described["model"]["vocab"]
        special = {token["content"]: token["id"] for token in described["added_tokens"]}
        ranks = bytes_of({token: rank for token, rank in vocabulary.items() if token not in special})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not the tokenizer.json of a byte-level BPE ({error!r}).") from error
    pattern = _pattern_in(described.get("pre_tokenizer"))
    encoding = encoding_of(path.parent.name or path.stem, pattern, ranks, special)
    _check_same_ids(path, encoding)
    return encoding


def _check_same_ids(path: Path, encoding: tiktoken.Encoding) -> None:
    """InputError where the file's own tokenizer gives other ids: normalisers, several split patterns."""
    from tokenizers import Tokenizer

    try:
        theirs = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises Exception itself
        raise InputError(f"{path}: not a tokenizer.json that `tokenizers` reads ({error}).") from None
    for probe in (PROBE, PROBE.strip()[::-1]):
        if theirs.encode(probe, add_special_tokens=False).ids != encoding.encode_ordinary(probe):
            raise InputError(
                f"{path}: this tokenizer can't be had through tiktoken: it changes its text (a normaliser, a space put "
                "before it), or splits it by more than one pattern. Take another, or tiktoken ranks of it."
            )


def _pattern_in(pre_tokenizer: dict | None) -> str:
    """The split pattern of a Hugging Face pre-tokenizer; GPT-2's where ByteLevel splits by itself."""
    described = pre_tokenizer or {}
    for step in described.get("pretokenizers") or [described]:
        if step.get("type") == "Split" and "Regex" in step.get("pattern", {}):
            return step["pattern"]["Regex"]
    return r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"""
