"""Text into token shards."""

from math import e, log2


def bits_per_byte(loss: float, bytes_per_token: float) -> float:
    """A loss in nats per token as bits per byte of text; nan where tokens stand for no bytes."""
    return loss * log2(e) / bytes_per_token if bytes_per_token else float("nan")
