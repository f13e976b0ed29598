"""Resiliparse's memory of the DOM nodes that Python has met, kept in a faster way while a page is worked on.

Resiliparse keeps one Python object for each node met, in a weak dictionary that is written in Python, which is a third
of what it costs to come to a node. Inside `remembered()` a plain dictionary does the same, and holds on to the nodes,
so that to come back to one costs a look-up. Each thread has its own: a node may only be let go of by the thread that
met it, or else Resiliparse's Rust side refuses.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from resiliparse.parse.html import node


class _Memory(threading.local):
    """What Resiliparse asks of its memory: `get`, and to set an item. The weak dictionary outside of `remembered`."""

    def __init__(self, weak: dict) -> None:
        self.use(weak)

    def use(self, nodes: dict) -> None:
        self.get, self._set = nodes.get, nodes.__setitem__

    def __setitem__(self, key: object, value: object) -> None:
        self._set(key, value)


_weak = node._node_cache
_memory = node._node_cache = _Memory(_weak)


@contextmanager
def remembered() -> Iterator[None]:
    """Hold on to every node that this thread meets, until the end."""
    _memory.use({})
    try:
        yield
    finally:
        _memory.use(_weak)
