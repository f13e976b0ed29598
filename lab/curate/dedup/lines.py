"""Line-level deduplication: boilerplate that many documents share, such as a cookie notice, is removed from all.

In: documents. Out: the same without lines that occur in more than a limit of documents, as in Llama 3's data pipeline
(Dubey et al. 2024, section 3.1.1: more than 6 times in a bucket of 30 million documents; here in the whole corpus).
Blank lines stay. Memory grows by 16 bytes per distinct line while the counts are added up.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from lab.curate.text import word_hash
from lab.documents import Document, Reason, read_documents, read_table

_BLANK = 0


def line_hashes(text: str) -> list[int]:
    """A hash of each line of text.split("\\n") without spaces at its ends; 0 for a blank line."""
    return [word_hash(line) if line else _BLANK for line in map(str.strip, text.split("\n"))]


def count(item: tuple[Path, Path], folder: Path, name: str) -> dict:
    """Save a shard's distinct lines and the number of its documents that hold each: uint64 [2, lines].

    `item`: the shard, and a table whose `reason` is null where a document is kept.
    """
    source, plan = item
    kept = read_table(plan)["reason"].is_null().to_pylist()
    hashes = [np.zeros(0, np.uint64)]
    for document, is_kept in zip(read_documents(source), kept, strict=True):
        if is_kept:
            hashes.append(np.unique(np.array(line_hashes(document.text), np.uint64)))
    lines, counts = np.unique(np.concatenate(hashes), return_counts=True)
    np.save(folder / f"{name}.npy", np.stack([lines, counts.astype(np.uint64)])[:, lines != _BLANK])
    return {"lines": len(lines)}


def common(counts: Sequence[Path], folder: Path, name: str, *, limit: int) -> dict:
    """Save the hashes of lines in more than `limit` documents, uint64 [lines], ascending."""
    lines, documents = np.concatenate([np.load(path) for path in counts], axis=1)
    distinct, places = np.unique(lines, return_inverse=True)
    frequent = distinct[np.bincount(places, documents, minlength=len(distinct)) > limit]
    np.save(folder / f"{name}.npy", frequent)
    return {"lines": len(frequent)}


class Dropper:
    """Drops common lines from documents. `dropped`: how many, from documents that are kept."""

    def __init__(self, common_lines: np.ndarray):
        self._common = set(common_lines.tolist())
        self.dropped = 0

    def __call__(self, document: Document) -> tuple[Document, Reason | None]:
        """The document without common lines; with the Reason "line_duplicates" if no text is left."""
        lines = document.text.split("\n")
        kept = [line for line, key in zip(lines, line_hashes(document.text), strict=True) if key not in self._common]
        if len(kept) == len(lines):
            return document, None
        text = "\n".join(kept).strip()
        if not text:
            return document, Reason("line_duplicates", len(lines) - len(kept), "of", len(lines))
        self.dropped += len(lines) - len(kept)
        return replace(document, text=text), None
