"""A faster cache for Resiliparse's DOM nodes while one page is processed.

Resiliparse keeps the Python object of each visited node in a WeakValueDictionary, written in Python, which is a third
of the cost of visiting a node. Inside `remembered()` a plain dictionary takes its place; it keeps the nodes alive, so
that visiting one again is a look-up. Each thread has its own, because Resiliparse's Rust code lets a node be freed only
by the thread that created it.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from resiliparse.parse.html import ElementNode, Node, node


class _Memory(threading.local):
    """The operations that Resiliparse uses, `get` and setting an item: by default on the weak dictionary."""

    def __init__(self, weak: dict) -> None:
        self.use(weak)

    def use(self, nodes: dict) -> None:
        self.get, self._set = nodes.get, nodes.__setitem__

    def __setitem__(self, key: object, value: object) -> None:
        self._set(key, value)


_weak = node._node_cache  # type: ignore[attr-defined]
_memory = node._node_cache = _Memory(_weak)  # type: ignore[attr-defined]


@contextmanager
def remembered() -> Iterator[None]:
    """Keep every node that this thread visits in a plain dictionary until the end."""
    _memory.use({})
    try:
        yield
    finally:
        _memory.use(_weak)


def text_of(element: Node) -> str:
    """All text inside a node."""
    return element.text_content or ""


def name_of(element: ElementNode) -> str:
    """An element's class and id, joined by a space."""
    return f"{element.class_name or ''} {element.id or ''}"
