"""GPT-2's printable spelling of bytes, in which vocabulary files write tokens (Radford et al. 2019, encoder.py).

In: bytes, or a token so spelled. Out: the other. A byte is itself where it is printable in Latin-1, else one of the
characters from U+0100 on, in order.
"""

_PRINTABLE = frozenset([*range(33, 127), *range(161, 173), *range(174, 256)])
_OTHERS = [byte for byte in range(256) if byte not in _PRINTABLE]
_SPELLED = [chr(byte if byte in _PRINTABLE else 256 + _OTHERS.index(byte)) for byte in range(256)]
_BYTES = {character: byte for byte, character in enumerate(_SPELLED)}


def spell(token: bytes) -> str:
    """
    >>> spell(b" the")
    'Ġthe'
    """
    return "".join(_SPELLED[byte] for byte in token)


def bytes_of(vocabulary: dict[str, int]) -> dict[bytes, int]:
    """The ranks of tokens, spelled in `vocabulary`. KeyError where a token is not so spelled."""
    return {bytes(_BYTES[character] for character in token): rank for token, rank in vocabulary.items()}
