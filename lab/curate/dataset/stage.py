"""The dataset stage: the documents as a dataset to train on and to hand on.

In: shards of documents. Out: train/ and validation/, shards of `documents_per_shard` documents in the order of the
crawl, README.md (a dataset card as the Hugging Face Hub reads it) and preview.jsonl. Which split a document goes to is
decided by a hash of its id (or host) and the seed, so it stays there when documents join or leave the corpus.
"""

import heapq
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from lab.curate.dataset import card
from lab.documents import Counts, Document, RowWriter, host, read_documents, shards, text_bytes, text_digest
from lab.engine import run as run_shards
from lab.errors import EmptyCorpusError
from lab.params import DatasetParams, EngineParams

TRAIN, VALIDATION = SPLITS = ("train", "validation")
PREVIEW_CHARACTERS = 1000  # of each document


@dataclass(frozen=True)
class Piece:
    """`count` of a split's documents in a source shard, after the first `skip` of them."""

    source: Path
    skip: int
    count: int


def run(source: Path, out: Path, params: DatasetParams, engine: EngineParams) -> dict:
    """Split the shards of `source` into `out`; Counts, and for each split its documents, bytes and shards.

    EmptyCorpusError if a split gets no document.
    """
    # A first pass counts the documents of each split in each source shard. From these counts follows which of them go
    # to which new shard, so that a second pass writes all new shards independently, in parallel.
    sources = {path.stem: path for path in shards(source)}
    over = partial(run_shards, engine=engine, params=params)
    surveys = [shard.result for shard in over("dataset.survey", partial(_survey, params=params), sources)]
    total = Counts.total(survey["counts"] for survey in surveys).require_output("dataset")
    splits: dict[str, dict[str, int]] = {}
    plans: dict[str, tuple[str, tuple[Piece, ...]]] = {}
    for split in SPLITS:
        documents = [survey["documents"].get(split, 0) for survey in surveys]
        pieces = cut(list(sources.values()), documents, params.documents_per_shard)
        plans |= {f"{split}-{number:05d}": (split, plan) for number, plan in enumerate(pieces)}
        size = sum(survey["bytes"].get(split, 0) for survey in surveys)
        splits[split] = {"documents": sum(documents), "bytes": size, "shards": len(pieces)}
    _require_both(splits, params)
    out.mkdir(parents=True, exist_ok=True)
    for stale in [path for split in SPLITS for path in (out / split).glob("*.parquet")]:
        stale.unlink()
    write = partial(_write, params=params)
    over("dataset", write, plans, inputs=lambda plan: [piece.source for piece in plan[1]], out=out)
    facts = card.Facts.total(survey["facts"] for survey in surveys)
    (out / "README.md").write_text(card.render(splits, facts, params), encoding="utf-8")
    candidates = (tuple(row) for survey in surveys for row in survey["preview"])
    preview = [f"{line}\n" for _, line in heapq.nsmallest(params.preview_documents, candidates)]
    (out / "preview.jsonl").write_text("".join(preview), encoding="utf-8")
    return {**total.as_dict(), **splits}


def split_of(document: Document, params: DatasetParams) -> str:
    """The split of a document, whatever else is in the corpus."""
    key = document.id if params.by == "document" else host(document.url) or document.url
    share = _hash(f"{params.seed}\n{key}") / 2**64
    return VALIDATION if share < params.validation_share else TRAIN


def cut(sources: Sequence[Path], documents: Sequence[int], size: int) -> list[tuple[Piece, ...]]:
    """Shards of `size` documents (the last of fewer) of a split, which has `documents[i]` in `sources[i]`."""
    plans: list[list[Piece]] = []
    room = 0
    for source, count in zip(sources, documents, strict=True):
        skip = 0
        while skip < count:
            if not room:
                plans.append([])
                room = size
            taken = min(room, count - skip)
            plans[-1].append(Piece(source, skip, taken))
            skip, room = skip + taken, room - taken
    return [tuple(plan) for plan in plans]


def _survey(path: Path, folder: Path, name: str, *, params: DatasetParams) -> dict:
    """What a source shard holds of each split, the card's facts, and candidates for the preview."""
    counts, facts = Counts(), card.Facts()
    documents: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    preview: list[tuple[int, str]] = []
    for document in read_documents(path):
        size, split = text_bytes(document.text), split_of(document, params)
        counts.documents_in += 1
        counts.bytes_in += size
        documents[split] += 1
        sizes[split] += size
        facts.add(document)
        if split == TRAIN:
            preview.append((_hash(f"preview\n{document.id}"), _preview_line(document)))
            if len(preview) > 4 * params.preview_documents:
                preview = heapq.nsmallest(params.preview_documents, preview)
    counts.documents_out, counts.bytes_out = counts.documents_in, counts.bytes_in
    return {
        "counts": counts.as_dict(),
        "documents": documents,
        "bytes": sizes,
        "facts": facts.as_dict(),
        "preview": heapq.nsmallest(params.preview_documents, preview),
    }


def _write(plan: tuple[str, tuple[Piece, ...]], folder: Path, name: str, *, params: DatasetParams) -> dict:
    split, pieces = plan
    written = 0
    with RowWriter(folder / split / f"part-{name.removeprefix(f'{split}-')}.parquet") as writer:
        for piece in pieces:
            for document in _take(piece, split, params):
                writer.write(document)
                written += 1
    assert written == sum(piece.count for piece in pieces), plan
    return {"documents": written}


def _take(piece: Piece, split: str, params: DatasetParams) -> Iterator[Document]:
    documents = (document for document in read_documents(piece.source) if split_of(document, params) == split)
    return islice(documents, piece.skip, piece.skip + piece.count)


def _require_both(splits: dict[str, dict[str, int]], params: DatasetParams) -> None:
    for split, sizes in splits.items():
        if not sizes["documents"]:
            other = splits[TRAIN if split == VALIDATION else VALIDATION]["documents"]
            raise EmptyCorpusError(
                f"dataset: the {split} split has no document (the other has {other}). With so few, "
                f"validation_share {params.validation_share:g} by {params.by} is left to chance: set "
                "dataset.validation_share nearer to 0.5 or another dataset.seed, or crawl more."
            )


def _preview_line(document: Document) -> str:
    row: dict[str, object] = {"url": document.url, "date": document.date, "language": document.language}
    row |= {"text": document.text[:PREVIEW_CHARACTERS], "characters": len(document.text)}
    return json.dumps(row, ensure_ascii=False)


def _hash(key: str) -> int:
    return int.from_bytes(text_digest(key), "little")
