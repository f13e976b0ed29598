"""The dedup stage: documents without those that repeat an earlier one.

In: shards of documents. Out: shards with only the first document of each group of near-duplicates, by FineWeb's method
(Penedo et al. 2024, section 3.4): MinHash over n-grams of normalised words, which finds a pair of Jaccard similarity s
with probability 1 - (1 - s^rows)^bands; groups are closed transitively. Signatures are datasketch's ("affine64").
Optionally also exact duplicates, and lines that many documents share (Llama 3, section 3.1.1).

Memory grows by about 50 bytes per document: signatures stay on disk, and each band is sorted by its own worker.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import regex
from datasketch import MinHash

from lab.curate.dedup import lines
from lab.curate.text import HASH_BASE, SYMBOLS, Text, extend_ngrams, word_hash
from lab.documents import Counts, Document, Reason, read_documents, read_table, shards, sift, write_table
from lab.engine import run as run_shards
from lab.params import DedupParams, EngineParams

_NUMBER = re.compile(r"\d+(?:[.,،٫⎖⎗⎘]\d+)?")
_ACCENT = regex.compile(r"\p{Mn}+")
_SYMBOL = re.compile(f"[{re.escape(SYMBOLS)}]")  # re: regex and str.translate are slower here
# Thai, Lao, Burmese and Khmer put no spaces between words: each letter counts as a word, as ideographs do.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
_BLOCK = 256  # shingles permuted at a time: 0.2 MB at 112 hashes, small enough for the allocator's own free lists


def normalise(text: str) -> str:
    """The form in which texts are compared: lower case, any number as 0, no punctuation, no accents (FineWeb's)."""
    text = _SYMBOL.sub(" ", _NUMBER.sub("0", text.lower()))
    return text if text.isascii() else _ACCENT.sub("", unicodedata.normalize("NFD", text))


def shingles(text: str, n: int) -> np.ndarray:
    """Hashes of the n-grams of a text's words, uint64 [shingles].

    A text of fewer than n words, or of none, is one shingle, so that its copies are still found.
    """
    normal = normalise(text)
    if not normal.isascii():
        normal = _UNSPACED.sub(r" \g<0> ", normal)
    words = Text(normal).hashes
    if not len(words):
        return np.array([word_hash(text)], np.uint64)
    _, keys = extend_ngrams(words, np.arange(len(words)), words, 1, min(n, len(words)))
    return keys


def signatures(texts: Sequence[str], params: DedupParams) -> np.ndarray:
    """MinHash signatures, uint64 [documents, bands * rows]: those that datasketch makes of the `shingles`."""
    multipliers, offsets = _permutations(params.bands * params.rows, params.seed)
    result = np.full((len(texts), len(offsets)), np.iinfo(np.uint64).max)
    for row, text in zip(result, texts, strict=True):
        mixed = _mix(shingles(text, params.ngram))
        for start in range(0, len(mixed), _BLOCK):
            permuted = mixed[start : start + _BLOCK, None] * multipliers + offsets
            np.minimum(row, permuted.min(axis=0), out=row)
    return result


@lru_cache(4)
def _permutations(hashes: int, seed: int) -> np.ndarray:
    return MinHash(num_perm=hashes, seed=seed, scheme="affine64").permutations


def _mix(keys: np.ndarray) -> np.ndarray:
    """MurmurHash3's finalizer, which datasketch applies to keys before it permutes them."""
    for multiplier in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        keys = (keys ^ (keys >> np.uint64(33))) * np.uint64(multiplier)
    return keys ^ (keys >> np.uint64(33))


def duplicates(signatures: np.ndarray, params: DedupParams) -> np.ndarray:
    """For each document the index of the one kept in its place (itself if it is kept), int64 [documents]."""
    kept = np.arange(len(signatures))
    for band in range(params.bands):
        kept = join(kept, *matches(band_keys(signatures, band, params.rows)))
    return kept


def band_keys(signatures: np.ndarray, band: int, rows: int) -> np.ndarray:
    """One 64-bit key for a band's hashes, uint64 [documents]. Equal keys: a pair of near-duplicates."""
    keys = np.zeros(len(signatures), np.uint64)
    for column in range(band * rows, (band + 1) * rows):
        keys = keys * HASH_BASE + signatures[:, column]
    return keys


def matches(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of documents with the same key, each with the next one that has it: two int64 [pairs]."""
    order = np.argsort(keys, kind="stable")
    same = keys[order[1:]] == keys[order[:-1]]
    return order[:-1][same], order[1:][same]


def join(kept: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Merge groups by pairs. `kept`, int64 [documents]: the first document of each one's group."""
    # Union-find, vectorised: each pair links the later of its two roots to the earlier one; then `kept[kept]` until
    # every document points at a root. Several pairs may link one root, of which the least wins: the others come again
    # in the next round, which takes only pairs whose roots still differ.
    kept = kept.copy()
    while len(left):
        first, second = kept[left], kept[right]
        apart = first != second
        left, right, first, second = left[apart], right[apart], first[apart], second[apart]
        np.minimum.at(kept, np.maximum(first, second), np.minimum(first, second))
        while (kept[kept] != kept).any():
            kept = kept[kept]
    return kept


def run(source: Path, out: Path, params: DedupParams, engine: EngineParams) -> dict:
    """Deduplicate the shards of `source` into `out`. EmptyCorpusError if nothing is left.

    Returns Counts (`changed` counts dropped lines), the number of groups of near-duplicates and the size of the
    largest.
    """
    # 1. per shard: signatures and keys of each band; 2. per band: pairs of documents with equal keys; 3. once: groups,
    # and a plan of what becomes of each document; 4. optionally, per shard and then once: lines that many of the kept
    # documents share; 5. per shard: sift the documents by the plan.
    sources = {path.stem: path for path in shards(source)}
    over = partial(run_shards, engine=engine, params=params)
    signed = over("dedup.signatures", partial(_sign, params=params), sources)
    keys = [shard.folder / f"{shard.name}.keys.npy" for shard in signed]
    bands = {f"band-{band:03d}": band for band in range(params.bands)} if params.minhash else {}
    bands |= {"exact": params.bands} if params.exact else {}
    matched = over("dedup.bands", partial(_match, keys=keys), bands, inputs=lambda _: keys)
    pairs = [shard.folder / f"{shard.name}.npy" for shard in matched]
    (grouped,) = over(
        "dedup.groups",
        partial(_group, signed=[shard.folder / shard.name for shard in signed], pairs=pairs, exact=params.exact),
        {"groups": None},
        inputs=lambda _: [*pairs, *keys],
    )
    plans = {name: (path, grouped.folder / f"{name}.parquet") for name, path in sources.items()}
    common: list[Path] = []
    if params.lines:
        counted = over("dedup.lines", lines.count, plans, inputs=list)
        counts = [shard.folder / f"{shard.name}.npy" for shard in counted]
        merge = partial(lines.common, limit=params.max_line_repeats)
        (merged,) = over("dedup.common", merge, {"common": counts}, inputs=list)
        common = [merged.folder / "common.npy"]
    written = over("dedup", _write, {name: (*plan, *common) for name, plan in plans.items()}, inputs=list, out=out)
    total = Counts.total(shard.result for shard in written).require_output("dedup")
    return {**total.as_dict(), **grouped.result}


def _sign(path: Path, folder: Path, name: str, *, params: DedupParams) -> dict:
    """Save signatures [documents, hashes], keys [bands + 1, documents] (the last: of the exact text) and URLs."""
    documents = list(read_documents(path))
    signed = signatures([document.text for document in documents], params)
    exact = np.array([word_hash(document.text) for document in documents], np.uint64)
    np.save(folder / f"{name}.signatures.npy", signed)
    np.save(
        folder / f"{name}.keys.npy",
        np.stack([*(band_keys(signed, band, params.rows) for band in range(params.bands)), exact]),
    )
    urls = pa.table([[document.url for document in documents]], pa.schema([("url", pa.string())]))
    write_table(urls, folder / f"{name}.urls.parquet")
    return {"documents": len(documents)}


def _match(band: int, folder: Path, name: str, *, keys: Sequence[Path]) -> dict:
    """Save the pairs of documents, numbered over all shards, that agree in a band: int64 [2, pairs]."""
    pairs = matches(np.concatenate([np.load(path, mmap_mode="r")[band] for path in keys]))
    np.save(folder / f"{name}.npy", np.stack(pairs))
    return {"pairs": len(pairs[0])}


def _group(_: None, folder: Path, name: str, *, signed: Sequence[Path], pairs: Sequence[Path], exact: bool) -> dict:
    """Save what becomes of each document: for each shard a table of reason (null: keep) and detail."""
    hashes = [np.load(f"{path}.signatures.npy", mmap_mode="r") for path in signed]
    texts = [np.load(f"{path}.keys.npy", mmap_mode="r")[-1] for path in signed]
    starts = np.cumsum([0, *map(len, hashes)])
    kept = np.arange(starts[-1])
    for path in pairs:
        kept = join(kept, *np.load(path))
    removed = np.flatnonzero(kept != np.arange(len(kept)))
    urls = _urls(np.unique(kept[removed]), signed, starts)

    def fate(index: int) -> tuple[str, str]:
        twin = int(kept[index])
        shard, other = np.searchsorted(starts, [index, twin], side="right") - 1
        row, twin_row = index - starts[shard], twin - starts[other]
        if exact and texts[shard][row] == texts[other][twin_row]:
            return "exact_duplicate", f"same text as {urls[twin]}"
        similarity = np.mean(hashes[shard][row] == hashes[other][twin_row])
        return "near_duplicate", f"Jaccard similarity about {similarity:.2f} with {urls[twin]}"

    schema = pa.schema([("reason", pa.string()), ("detail", pa.string())])
    by_shard = np.split(removed, np.searchsorted(removed, starts[1:-1]))
    for path, start, end, indices in zip(signed, starts[:-1], starts[1:], by_shard, strict=True):
        reasons: list[str | None] = [None] * int(end - start)
        details = reasons.copy()
        for index in indices.tolist():
            reasons[index - start], details[index - start] = fate(index)
        write_table(pa.table([reasons, details], schema), folder / f"{path.name}.parquet")
    sizes = np.bincount(kept[removed], minlength=1) + 1
    return {"groups": int(np.count_nonzero(sizes > 1)), "largest_group": int(sizes.max())}


def _urls(indices: np.ndarray, signed: Sequence[Path], starts: np.ndarray) -> dict[int, str]:
    """URLs of documents, numbered over all shards (ascending)."""
    urls: dict[int, str] = {}
    by_shard = np.split(indices, np.searchsorted(indices, starts[1:-1]))
    for path, start, inside in zip(signed, starts[:-1], by_shard, strict=True):
        if len(inside):
            column = read_table(Path(f"{path}.urls.parquet"))["url"]
            urls |= zip(inside.tolist(), column.take(pa.array(inside - start)).to_pylist(), strict=True)
    return urls


def _write(item: tuple[Path, ...], folder: Path, name: str) -> dict:
    """Sift the shard's documents by the plan, and drop common lines if there is a list of them."""
    source, plan, *common = item
    fates = iter(read_table(plan).to_pylist())
    drop = lines.Dropper(np.load(common[0])) if common else None

    def judge(document: Document) -> tuple[Document, Reason | None] | Reason | None:
        fate = next(fates)
        if fate["reason"]:
            return Reason(fate["reason"], fate["detail"])
        return drop(document) if drop else None

    counts = sift(source, folder, name, judge)
    counts.change("duplicate_lines", drop.dropped if drop else 0)
    return counts.as_dict()
