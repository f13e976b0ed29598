"""Byte-level BPE tokenizers: trained on text, kept in a folder, always used through tiktoken.

In: texts. Out: a tiktoken.Encoding, in a folder ranks.tiktoken (a line: base64 of a token's bytes, its rank) and
tokenizer.json (pattern, special tokens, hash). The algorithm is Sennrich et al. 2016 on bytes (Radford et al. 2019,
section 2.2), the split pattern GPT-4's (cl100k_base).
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import tiktoken

from lab.documents import text_bytes
from lab.errors import EmptyCorpusError, InputError
from lab.files import read_json, write_json

END_OF_TEXT = "<|endoftext|>"
MOST_SPACE = 100_000  # characters of white space in a row
LONGEST_PIECE = 1000  # characters between two splits that a tokenizer is trained on
GPT4_PATTERN = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|"
    r"\s+(?!\S)|\s"
)
# The same matches in the trainer's dialect (Oniguruma), where `{1,3}+` is not possessive and `$` ends a line.
TRAINING_PATTERN = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+\z|\s*[\r\n]|\s+(?!\S)|\s"
)
_SPACE = re.compile(r"\s+")
# GPT-2's printable spelling of bytes, in which vocabulary files write tokens (Radford et al. 2019, encoder.py): a byte
# is itself where it is printable in Latin-1, else one of the characters from U+0100 on, in order.
_PRINTABLE = frozenset([*range(33, 127), *range(161, 173), *range(174, 256)])
_OTHERS = [byte for byte in range(256) if byte not in _PRINTABLE]
_SPELLED = [chr(byte if byte in _PRINTABLE else 256 + _OTHERS.index(byte)) for byte in range(256)]
_BYTES = {character: byte for byte, character in enumerate(_SPELLED)}


def train(texts: Iterable[str], vocabulary: int, max_bytes: int) -> tiktoken.Encoding:
    """A tokenizer of exactly `vocabulary` tokens, <|endoftext|> included, from the first `max_bytes` bytes of text."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

    # The trainer's time grows with the square of a piece's length, and merges of endless ones are useless.
    patterns = (TRAINING_PATTERN, rf"[\s\S]{{{LONGEST_PIECE}}}")
    splits = [pre_tokenizers.Split(Regex(pattern), behavior="isolated") for pattern in patterns]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [*splits, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
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
    return encoding_of("lab", GPT4_PATTERN, bytes_of(ids))


def _at_most(texts: Iterable[str], max_bytes: int) -> Iterator[str]:
    for text in texts:
        yield text
        max_bytes -= text_bytes(text)
        if max_bytes <= 0:
            return


def encoding_of(
    name: str, pattern: str, ranks: dict[bytes, int], special_tokens: dict[str, int] | None = None
) -> tiktoken.Encoding:
    """tiktoken's encoding of these ranks; without special tokens it gets <|endoftext|>, after the last rank.

    InputError where a byte has no rank, two tokens have the same, or tiktoken can't compile the pattern.
    """
    if missing := 256 - sum(bytes([byte]) in ranks for byte in range(256)):
        raise InputError(f"tokenizer '{name}': {missing} of the 256 bytes have no rank: not all text has tokens.")
    if len(set(ranks.values())) < len(ranks):
        raise InputError(f"tokenizer '{name}': two tokens have the same rank.")
    special_tokens = special_tokens or {END_OF_TEXT: max(ranks.values()) + 1}
    try:
        return tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks, special_tokens=special_tokens)
    except ValueError as error:
        raise InputError(f"tokenizer '{name}': tiktoken does not take its split pattern: {error}") from None


def encode(encoding: tiktoken.Encoding, text: str) -> list[int]:
    """The ids of a text; names of special tokens are plain text."""
    if len(text) <= MOST_SPACE:
        return encoding.encode_ordinary(text)
    # Very long white space overflows the stack of tiktoken's regular expressions.
    spaces = [match.span() for match in _SPACE.finditer(text) if match.end() - match.start() > MOST_SPACE]
    cuts = [0, *(cut for start, end in spaces for cut in range(start + MOST_SPACE, end, MOST_SPACE)), len(text)]
    return [token for start, end in pairwise(cuts) for token in encoding.encode_ordinary(text[start:end])]


def end_of_text(encoding: tiktoken.Encoding) -> int:
    """Id of the token that separates documents: <|endoftext|>, <|end_of_text|> or the like. InputError without one."""
    for name in (END_OF_TEXT, "<|end_of_text|>", "</s>", "<|im_end|>"):
        if name in encoding._special_tokens:
            return encoding._special_tokens[name]
    raise InputError(
        f"tokenizer '{encoding.name}': no end-of-text among its special tokens {list(encoding._special_tokens)}."
    )


def save(encoding: tiktoken.Encoding, folder: Path) -> None:
    """Write ranks.tiktoken and tokenizer.json into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    ranks = sorted(encoding._mergeable_ranks.items(), key=lambda item: item[1])
    lines = [base64.b64encode(token).decode() + f" {rank}\n" for token, rank in ranks]
    (folder / "ranks.tiktoken").write_text("".join(lines), "ascii")
    special = dict(sorted(encoding._special_tokens.items()))
    settings = {"name": encoding.name, "pattern": encoding._pat_str, "special_tokens": special}
    sizes = {"vocabulary": encoding.n_vocab, "sha256": _hash(settings, "".join(lines))}
    write_json(folder / "tokenizer.json", settings | sizes)


def load(path: Path) -> tiktoken.Encoding:
    """The tokenizer in a folder that `save` wrote. InputError when it is missing, broken, or of another hash."""
    settings = _settings(path)
    ranks_file = path / "ranks.tiktoken"
    ranks = read_ranks(ranks_file)
    if _hash(settings, ranks_file.read_text("ascii")) != settings["sha256"]:
        raise InputError(
            f"{path}: ranks.tiktoken and tokenizer.json do not belong together. Run `dvc repro tokenizer`."
        )
    return encoding_of(settings["name"], settings["pattern"], ranks, settings["special_tokens"])


def tokenizer_hash(path: Path) -> str:
    """sha256 over ranks, pattern and special tokens of a folder that `save` wrote."""
    return _settings(path)["sha256"]


def check_same(path: Path, known: str | None, *, made: str, stage: str) -> None:
    """InputError where the tokenizer in `path` is not the `known` one that something was `made` with by `stage`."""
    if known != (there := tokenizer_hash(path)):
        raise InputError(
            f"{made} with the tokenizer {str(known)[:16]}, but {path} is the tokenizer {there[:16]}. "
            f"Run `dvc repro {stage}`."
        )


def _settings(path: Path) -> dict:
    file = path / "tokenizer.json"
    if not file.exists():
        raise InputError(f"{file}: no such file. Run `dvc repro tokenizer`.")
    return read_json(file)


def _hash(settings: dict, ranks: str) -> str:
    described = json.dumps([settings["pattern"], settings["special_tokens"]], sort_keys=True)
    return hashlib.sha256((described + ranks).encode()).hexdigest()


def read_ranks(path: Path) -> dict[bytes, int]:
    """The ranks in a file of tiktoken's format. InputError where it is missing or something else."""
    try:
        pairs = (line.split() for line in path.read_text("ascii").splitlines() if line)
        return {base64.b64decode(token, validate=True): int(rank) for token, rank in pairs}
    except (OSError, ValueError) as error:  # UnicodeDecodeError and binascii.Error are ValueErrors
        form = "a line: base64 of the token, space, rank"
        raise InputError(f"{path}: not a tiktoken rank file ({form}): {error}") from error


def spell(token: bytes) -> str:
    """GPT-2's spelling: b" the" is "Ġthe"."""
    return "".join(_SPELLED[byte] for byte in token)


def bytes_of(vocabulary: dict[str, int]) -> dict[bytes, int]:
    """The ranks of tokens from a vocabulary of spelled tokens. KeyError where a token is not so spelled."""
    return {bytes(_BYTES[character] for character in token): rank for token, rank in vocabulary.items()}
