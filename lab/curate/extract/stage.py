"""The extract stage: the main text of each page that the URL filter kept.

In: index shards, and the WARC files from which their records are read by offset. Out: documents. Engines: the lab's own
(lab.curate.extract.content), Resiliparse's main content (without comments and post meta), or trafilatura
(`favor_precision`, as in FineWeb). What a page may cost: lab.curate.extract.limits.
"""

import re
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from resiliparse.extract.html2text import extract_plain_text

from lab.crawl.records import Record, read_records
from lab.curate.extract.content import FEW, VERY_FEW, Extracted, has_more, main_content, parse
from lab.curate.extract.decoding import decode
from lab.curate.extract.limits import PageTimeout, over_limit, time_limit
from lab.documents import REMOVED_SCHEMA, Counts, Document, Reason, RowWriter, read_rows, text_bytes
from lab.engine import run_stage
from lab.params import EngineParams, ExtractParams

DEFAULT_ENGINE = ExtractParams().engine
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\xad\ufeff]")


@dataclass(frozen=True)
class Judged:
    """A page's text, the reason to remove it (None: keep), and the fallback that gave it (None: none was needed)."""

    text: str
    reason: Reason | None = None
    fallback: str | None = None


def extract_text(html: bytes | str, *, encoding: str | None = None, engine: str = DEFAULT_ENGINE) -> str:
    """The main text of a page, one block per line; "" if there is none.

    `encoding`: of bytes, by the HTTP header. `engine`: lab, resiliparse or trafilatura.
    """
    return extract(decode(html, encoding) if isinstance(html, bytes) else html, engine).text


def extract(html: str, engine: str, tags: int | None = None, discussions: bool = True) -> Extracted:
    """The same for decoded HTML, with the fallback that gave the text: one of main_content's, or "trafilatura".

    `tags`: the number of "<" in it, if known. `discussions`: whether comments are kept where they are the page.
    """
    if tags is None:
        tags = html.count("<")
    if engine == "trafilatura":
        return Extracted(_clean(_trafilatura(html, favor_precision=True)), None)
    if engine == "resiliparse":
        return Extracted(_clean(_resiliparse(html, tags)), None)
    content = main_content(html, tags, discussions)
    if len(content.text) < VERY_FEW and has_more(html, tags, content.text):
        other = _trafilatura(html, fast=True)
        if len(other) > max(FEW, 2 * len(content.text)):
            content = Extracted(other, "trafilatura")
    return Extracted(_clean(content.text), content.fallback)


def _trafilatura(html: str, **options: Any) -> str:
    import trafilatura

    return trafilatura.extract(html, include_comments=False, deduplicate=False, **options) or ""


def _resiliparse(html: str, tags: int) -> str:
    tree, deep = parse(html, tags)
    return extract_plain_text(
        tree, main_content=not deep, list_bullets=False, alt_texts=False, comments=False, post_meta=False
    ).strip()


def _clean(text: str) -> str:
    """Remove control characters, soft hyphens and lone surrogates; no-break spaces become spaces."""
    text = _CONTROLS.sub("", text).replace("\xa0", " ")
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def judge(record: Record, params: ExtractParams) -> Judged:
    """The text of a record, or the reason to remove it."""
    if len(record.body) > params.max_bytes:
        return Judged("", Reason("max_bytes", "over", ">", params.max_bytes))
    try:
        with time_limit(params.max_seconds):
            html = decode(record.body, record.charset)
            tags = html.count("<")
            if (reason := over_limit(html, tags, params)) is not None:
                return Judged("", reason)
            content = extract(html, params.engine, tags, params.discussions == "keep")
    except PageTimeout:
        return Judged("", Reason("clock", "over", ">", params.max_seconds))
    except Exception as error:
        return Judged("", Reason("error", f"{type(error).__name__}: {error}"))
    if len(content.text) < params.min_characters:
        return Judged(content.text, Reason("empty", len(content.text), "<", params.min_characters))
    return Judged(content.text, None, content.fallback)


def run(index: Path, crawl: Path, out: Path, params: ExtractParams, engine: EngineParams) -> dict:
    """Extract the pages of every shard of `index` into `out`; Counts, in which `changed` counts fallbacks.

    `crawl`: the manifest's folder. The rows of `index` name the WARC files themselves; the manifest's hashes make sure
    that shards extracted before an interruption are from the same files. EmptyCorpusError if there is no text.
    """
    return run_stage("extract", _extract_shard, index, out, params, engine, inputs=[crawl / "manifest.json"])


def _extract_shard(source: Path, folder: Path, name: str, *, params: ExtractParams) -> dict:
    counts = Counts()
    with (
        RowWriter(folder / f"{name}.parquet") as kept,
        RowWriter(folder / "removed" / f"{name}.parquet", REMOVED_SCHEMA) as removed,
    ):
        for file, group in groupby(read_rows(source), key=lambda row: row["file"]):
            rows = list(group)
            records = read_records(file, [(row["offset"], row["inner"]) for row in rows], params.max_bytes)
            for row, (_, record) in zip(rows, records, strict=True):
                counts.documents_in += 1
                if isinstance(record, Reason):
                    judged = Judged("", record)
                else:
                    counts.bytes_in += len(record.body)
                    judged = judge(record, params)
                document = Document(row["record_id"], row["url"], row["date"], file, row["offset"], judged.text)
                if judged.reason is None:
                    kept.write(document)
                    counts.documents_out += 1
                    counts.bytes_out += text_bytes(judged.text)
                    if judged.fallback:
                        counts.change(f"fallback_{judged.fallback}")
                else:
                    removed.write(document, reason=str(judged.reason), detail=judged.reason.detail)
                    counts.remove(judged.reason)
    return counts.as_dict()
