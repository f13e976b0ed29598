"""A tiktoken encoding as Hugging Face's fast tokenizer, with the same ids for every text.

tiktoken stores tokens but no merges; the merge that made a token is recovered by merging its bytes with the tokens of
lower rank. Any longer text makes the same merge: where a token's ends are token borders, no byte outside took part.
"""

import json
import re
from itertools import pairwise

import tiktoken

from lab.tokens.bpe import end_of_text, spell


def tokenizer_json(encoding: tiktoken.Encoding) -> str:
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    ranks = encoding._mergeable_ranks
    vocabulary = {spell(token): rank for token, rank in ranks.items()}
    pairs = [(spell(left), spell(right)) for left, right in merges(ranks)]
    # tiktoken takes a piece that is a token as it is, without merging.
    tokenizer = Tokenizer(models.BPE(vocabulary, pairs, ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(oniguruma(encoding._pat_str)), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = sorted(encoding._special_tokens.items(), key=lambda item: item[1])
    described = json.loads(tokenizer.to_str())
    # The library would number added tokens itself, and some vocabularies have gaps.
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    described["added_tokens"] = [{"id": number, "content": name, **flags} for name, number in special]
    described["model"]["vocab"] |= dict(special)
    return json.dumps(described, ensure_ascii=False, indent=2) + "\n"


def tokenizer_config(encoding: tiktoken.Encoding, context: int) -> dict:
    name = encoding.decode([end_of_text(encoding)])
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": context,
        "bos_token": name,
        "eos_token": name,
        "unk_token": None,
        "add_prefix_space": False,
        "clean_up_tokenization_spaces": False,
    }


def merges(ranks: dict[bytes, int]) -> list[tuple[bytes, bytes]]:
    """The two parts of each token of more than a byte, in the order of ranks; without tokens that no merge makes."""
    ordered = sorted(ranks.items(), key=lambda item: item[1])
    merged = (_merge(token, ranks, rank) for token, rank in ordered if len(token) > 1)
    return [(parts[0], parts[1]) for parts in merged if len(parts) == 2]


def _merge(token: bytes, ranks: dict[bytes, int], limit: int) -> list[bytes]:
    """The token's bytes after all merges into tokens of a rank below `limit`, lowest first, leftmost first."""
    parts = [bytes([byte]) for byte in token]
    while len(parts) > 2:
        lowest, place = min((ranks.get(left + right, limit), at) for at, (left, right) in enumerate(pairwise(parts)))
        if lowest >= limit:
            break
        parts[place : place + 2] = [parts[place] + parts[place + 1]]
    return parts


def oniguruma(pattern: str) -> str:
    """A split pattern of tiktoken (Rust's fancy-regex) in the tokenizers library's dialect, with the same matches.

    There `$` also matches before a line's end, and `{m,n}+` is not possessive.
    """
    pattern = re.sub(r"(?<!\\)\$", r"\\z", pattern)
    atom = r"(\\[pP]\{\w+\}|\[(?:\\.|[^\]\\])*\]|\\.|[^\\\](){}|*+?])"
    return re.sub(atom + r"(\{\d+(?:,\d*)?\})\+", r"(?>\1\2)", pattern)
