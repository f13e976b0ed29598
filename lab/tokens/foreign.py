"""Other people's byte-level BPE tokenizers, by tiktoken's name or from a file.

In: a name, tiktoken ranks, a Hugging Face tokenizer.json, or a folder. Out: a tiktoken.Encoding that gives the same ids
as theirs, or an InputError that says why there is none.
"""

import hashlib
import json
import os
import tempfile
from pathlib import Path

import tiktoken

from lab.errors import InputError
from lab.tokens.bpe import GPT4_PATTERN, encoding_of, load, read_ranks
from lab.tokens.spelling import bytes_of

NAMED = ("gpt2", "cl100k_base", "o200k_base")
GPT2_FILES = [
    "https://openaipublic.blob.core.windows.net/gpt-2/encodings/main/vocab.bpe",
    "https://openaipublic.blob.core.windows.net/gpt-2/encodings/main/encoder.json",
]
RANKS_URL = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"  # of the others
# Words of several merges, runs of spaces, digits, other scripts, and letters that normalisers change.
PROBE = "The mill's 2 wheels – „wo?“ – turn:\n\n  def f(x):\treturn x  # 東京 🗝 naïve e\u0301 1234567 ﬁ \u00a0end"


def by_name(name: str) -> tiktoken.Encoding:
    """One of tiktoken's own, downloaded once by tiktoken. InputError when that fails."""
    try:
        return tiktoken.get_encoding(name)
    except OSError as error:  # requests' exceptions are OSErrors
        raise InputError(
            f"tokenizer.kind: the ranks of '{name}' are not in tiktoken's cache and can't be downloaded ({error}). "
            "Go online once, or point TIKTOKEN_CACHE_DIR to a folder that has them."
        ) from error


def cache_folder() -> Path:
    """Where tiktoken keeps what it has downloaded."""
    default = os.path.join(tempfile.gettempdir(), "data-gym-cache")
    return Path(os.environ.get("TIKTOKEN_CACHE_DIR") or os.environ.get("DATA_GYM_CACHE_DIR") or default)


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
    return _from_hugging_face(path)


def _from_hugging_face(path: Path) -> tiktoken.Encoding:
    """InputError also where tiktoken can't give the ids that the file gives: normalisers, several split patterns."""
    try:
        described = json.loads(path.read_text("utf-8"))
        vocabulary = described["model"]["vocab"]
        special = {token["content"]: token["id"] for token in described["added_tokens"]}
        ranks = bytes_of({token: rank for token, rank in vocabulary.items() if token not in special})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not the tokenizer.json of a byte-level BPE ({error!r}).") from error
    name = path.parent.name or path.stem
    encoding = encoding_of(name, _pattern_in(described.get("pre_tokenizer")), ranks, special)
    _check_reads_alike(path, encoding)
    return encoding


def _check_reads_alike(path: Path, encoding: tiktoken.Encoding) -> None:
    """InputError where the file's own tokenizer gives other ids."""
    from tokenizers import Tokenizer

    try:
        theirs = Tokenizer.from_file(str(path))
    except Exception as error:  # of one class, Exception itself
        raise InputError(f"{path}: not a tokenizer.json that `tokenizers` reads ({error}).") from None
    for probe in (PROBE, PROBE.strip()[::-1]):
        if theirs.encode(probe, add_special_tokens=False).ids != encoding.encode_ordinary(probe):
            raise InputError(
                f"{path}: this tokenizer can't be had through tiktoken: it changes its text (a normaliser, a space put "
                "before it), or splits it by more than one pattern. Take another, or tiktoken ranks of it."
            )


def _pattern_in(pre_tokenizer: dict | None) -> str:
    """The split pattern of a Hugging Face pre-tokenizer; GPT-2's where ByteLevel splits by itself."""
    steps = (pre_tokenizer or {}).get("pretokenizers") or [pre_tokenizer or {}]
    for step in steps:
        if step.get("type") == "Split" and "Regex" in step.get("pattern", {}):
            return step["pattern"]["Regex"]
    return r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"""
