"""Byte-level BPE tokenizers: trained on the corpus, or well-known ones by name or file; always used through tiktoken.

In: documents, or a name or path. Out: a folder with ranks.tiktoken (tiktoken's format: base64 of a token's bytes, its
rank) and tokenizer.json (pattern, special tokens, hash), which `load` makes a tiktoken.Encoding of. The algorithm is
Sennrich et al. 2016 on bytes (Radford et al. 2019, section 2.2), the split pattern GPT-4's (cl100k_base).
"""

import base64
import binascii
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import tiktoken

from lab.documents import read_documents, shards, text_bytes
from lab.errors import EmptyCorpusError, InputError
from lab.files import read_json, write_json
from lab.params import TokenizerParams

END_OF_TEXT = "<|endoftext|>"
MOST_SPACE = 100_000  # characters of white space in a row
LONGEST_PIECE = 1000  # characters between two splits that a tokenizer is trained on
# Words of several merges, runs of spaces, digits, other scripts, and letters that normalisers change.
PROBE = "The mill's 2 wheels – „wo?“ – turn:\n\n  def f(x):\treturn x  # 東京 🗝 naïve e\u0301 1234567 ﬁ \u00a0end"
NAMED = ("gpt2", "cl100k_base", "o200k_base")
GPT4_PATTERN = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|"
    r"\s+(?!\S)|\s"
)
# The same matches in the trainer's dialect (Oniguruma), where `{1,3}+` is not possessive and `$` ends a line.
TRAINING_PATTERN = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+\z|\s*[\r\n]|\s+(?!\S)|\s"
)
_SPACE = re.compile(r"\s+")
GPT2_FILES = [
    "https://openaipublic.blob.core.windows.net/gpt-2/encodings/main/vocab.bpe",
    "https://openaipublic.blob.core.windows.net/gpt-2/encodings/main/encoder.json",
]


def make(dataset: Path, out: Path, params: TokenizerParams) -> dict:
    """Write the tokenizer that `params.kind` asks for into `out`; returns the stage's metrics.

    Raises InputError when its ranks can't be had, EmptyCorpusError when there is too little text to train on.
    """
    if params.kind == "train":
        encoding = train(_texts(dataset / "train"), params.vocabulary, params.max_bytes)
    elif params.kind in NAMED:
        encoding = by_name(params.kind)
    else:
        encoding = from_file(Path(params.kind))
    save(encoding, out)
    held_out = dataset / "validation"
    metrics = {"vocabulary": encoding.n_vocab, "sha256": tokenizer_hash(out), **_measured(encoding, _texts(held_out))}
    if params.kind != "gpt2" and gpt2_is_at_hand():
        metrics["gpt2_bytes_per_token"] = _measured(by_name("gpt2"), _texts(held_out))["bytes_per_token"]
    return metrics


def encode(encoding: tiktoken.Encoding, text: str) -> list[int]:
    """The ids of a text, in which a special token's name is text as any other."""
    if len(text) <= MOST_SPACE:
        return encoding.encode_ordinary(text)
    # Space without end overflows the stack of tiktoken's regular expressions.
    runs = [found.span() for found in _SPACE.finditer(text) if found.end() - found.start() > MOST_SPACE]
    cuts = [0, *(cut for start, end in runs for cut in range(start + MOST_SPACE, end, MOST_SPACE)), len(text)]
    return [token for start, end in pairwise(cuts) for token in encoding.encode_ordinary(text[start:end])]


def train(texts: Iterable[str], vocabulary: int, max_bytes: int) -> tiktoken.Encoding:
    """A tokenizer of exactly `vocabulary` tokens, <|endoftext|> included, from the first `max_bytes` bytes of text."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(TRAINING_PATTERN), behavior="isolated"),
            # Merges of what has no end teach nothing, and the trainer's time grows with the square of its length.
            pre_tokenizers.Split(Regex(rf"[\s\S]{{{LONGEST_PIECE}}}"), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - 1, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=True
    )
    tokenizer.train_from_iterator(_at_most(texts, max_bytes), trainer)
    ids = tokenizer.get_vocab()
    if len(ids) < vocabulary - 1:
        raise EmptyCorpusError(
            f"tokenizer: the train split has text for {len(ids) + 1} tokens only, not the {vocabulary} of "
            "tokenizer.vocabulary. Lower it, or curate more text."
        )
    return _encoding("lab", GPT4_PATTERN, _bytes_of(ids), {END_OF_TEXT: vocabulary - 1})


def by_name(name: str) -> tiktoken.Encoding:
    """One of tiktoken's own, downloaded once by tiktoken. InputError when that fails."""
    try:
        return tiktoken.get_encoding(name)
    except OSError as error:  # requests' exceptions are OSErrors
        raise InputError(
            f"tokenizer.kind: the ranks of '{name}' are not in tiktoken's cache and can't be downloaded ({error}). "
            "Go online once, or point TIKTOKEN_CACHE_DIR to a folder that has them."
        ) from error


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
        ranks = _read_ranks(path)
        return _encoding(path.stem, GPT4_PATTERN, ranks, {END_OF_TEXT: max(ranks.values(), default=0) + 1})
    return _from_hugging_face(path)


def save(encoding: tiktoken.Encoding, folder: Path) -> None:
    """Write ranks.tiktoken and tokenizer.json into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    ranks = sorted(encoding._mergeable_ranks.items(), key=lambda item: item[1])
    lines = [base64.b64encode(token).decode() + f" {rank}\n" for token, rank in ranks]
    (folder / "ranks.tiktoken").write_text("".join(lines), "ascii")
    settings = {
        "name": encoding.name,
        "pattern": encoding._pat_str,
        "special_tokens": dict(sorted(encoding._special_tokens.items())),
        "vocabulary": encoding.n_vocab,
    }
    write_json(folder / "tokenizer.json", {**settings, "sha256": _hash(settings, "".join(lines))})


def load(path: Path) -> tiktoken.Encoding:
    """The tokenizer in a folder that `save` wrote. InputError when it is missing, broken, or not what its hash says."""
    settings = _settings(path)
    ranks_file = Path(path) / "ranks.tiktoken"
    ranks = _read_ranks(ranks_file)
    described = {key: settings[key] for key in ("name", "pattern", "special_tokens", "vocabulary")}
    if _hash(described, ranks_file.read_text("ascii")) != settings["sha256"]:
        raise InputError(
            f"{path}: ranks.tiktoken and tokenizer.json do not belong together. Run `dvc repro tokenizer`."
        )
    return _encoding(settings["name"], settings["pattern"], ranks, settings["special_tokens"])


def tokenizer_hash(path: Path) -> str:
    """sha256 over ranks, pattern and special tokens of a folder that `save` wrote."""
    return _settings(path)["sha256"]


def gpt2_is_at_hand() -> bool:
    """Whether tiktoken has GPT-2's ranks in its cache, so that nothing need be downloaded."""
    default = os.path.join(tempfile.gettempdir(), "data-gym-cache")
    cache = os.environ.get("TIKTOKEN_CACHE_DIR") or os.environ.get("DATA_GYM_CACHE_DIR") or default
    return all((Path(cache) / hashlib.sha1(url.encode()).hexdigest()).exists() for url in GPT2_FILES)


def _texts(split: Path) -> Iterator[str]:
    for shard in shards(split):
        for document in read_documents(shard):
            yield document.text


def _at_most(texts: Iterable[str], max_bytes: int) -> Iterator[str]:
    for text in texts:
        yield text
        max_bytes -= text_bytes(text)
        if max_bytes <= 0:
            return


def _measured(encoding: tiktoken.Encoding, texts: Iterable[str]) -> dict:
    used: set[int] = set()
    tokens = size = 0
    for text in texts:
        ids = encode(encoding, text)
        tokens += len(ids)
        size += text_bytes(text)
        used.update(ids)
    return {
        "bytes_per_token": round(size / tokens, 4),  # on held-out text
        "vocabulary_used": round(len(used) / encoding.n_vocab, 4),  # share of the tokens that held-out text has
    }


def _encoding(name: str, pattern: str, ranks: dict[bytes, int], special_tokens: dict[str, int]) -> tiktoken.Encoding:
    missing = 256 - sum(bytes([byte]) in ranks for byte in range(256))
    if missing:
        raise InputError(f"tokenizer '{name}': {missing} of the 256 bytes have no rank: not all text has tokens.")
    if len(set(ranks.values())) < len(ranks):
        raise InputError(f"tokenizer '{name}': two tokens have the same rank.")
    try:
        return tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks, special_tokens=special_tokens)
    except ValueError as error:
        raise InputError(f"tokenizer '{name}': tiktoken does not take its split pattern: {error}") from None


def _hash(settings: dict, ranks: str) -> str:
    described = json.dumps([settings["pattern"], settings["special_tokens"]], sort_keys=True)
    return hashlib.sha256((described + ranks).encode()).hexdigest()


def _settings(path: Path) -> dict:
    file = Path(path) / "tokenizer.json"
    if not file.exists():
        raise InputError(f"{file}: no such file. Run `dvc repro tokenizer`.")
    return read_json(file)


def _read_ranks(path: Path) -> dict[bytes, int]:
    try:
        pairs = (line.split() for line in path.read_text("ascii").splitlines() if line)
        return {base64.b64decode(token, validate=True): int(rank) for token, rank in pairs}
    except (OSError, ValueError, UnicodeDecodeError, binascii.Error) as error:
        raise InputError(
            f"{path}: not a tiktoken rank file (a line: base64 of the token, space, rank): {error}"
        ) from error


def _bytes_of(ids: dict[str, int]) -> dict[bytes, int]:
    """Tokens in GPT-2's printable spelling (a character a byte) to their bytes."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    byte_of = {chr(byte): byte for byte in printable} | {chr(256 + n): byte for n, byte in enumerate(others)}
    return {bytes(byte_of[character] for character in token): rank for token, rank in ids.items()}


def _from_hugging_face(path: Path) -> tiktoken.Encoding:
    """InputError also where tiktoken can't give the ids that the file gives: normalisers, several split patterns."""
    try:
        described = json.loads(path.read_text("utf-8"))
        vocabulary = described["model"]["vocab"]
        special = {token["content"]: token["id"] for token in described["added_tokens"]}
        ranks = _bytes_of({token: rank for token, rank in vocabulary.items() if token not in special})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not the tokenizer.json of a byte-level BPE ({error!r}).") from error
    if not special:
        special = {END_OF_TEXT: max(ranks.values(), default=0) + 1}
    name = path.parent.name or path.stem
    encoding = _encoding(name, _pattern_in(described.get("pre_tokenizer")), ranks, special)
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


def end_of_text(encoding: tiktoken.Encoding) -> int:
    """Id of the token that separates documents: <|endoftext|>, <|end_of_text|> or the like. InputError without one."""
    for name in (END_OF_TEXT, "<|end_of_text|>", "</s>", "<|im_end|>"):
        if name in encoding._special_tokens:
            return encoding._special_tokens[name]
    raise InputError(
        f"tokenizer '{encoding.name}': no end-of-text among its special tokens {list(encoding._special_tokens)}."
    )
