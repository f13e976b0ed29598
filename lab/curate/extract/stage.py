"""The extract stage: the main text of each page that the URL filter kept.

In: index shards; the kept records are read from their WARCs by offset. Out: documents. The engine is the lab's own
(lab.curate.extract.content), Resiliparse's main content (without comments and post meta) or trafilatura's
(`favor_precision`, FineWeb's choice). Native code can't be interrupted, so what it gets is bounded (bytes, tags,
depth); what Python does is stopped after `max_seconds` of CPU.
"""

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

from resiliparse.extract.html2text import extract_plain_text

from lab import engine
from lab.crawl.records import Record, read_records
from lab.curate.extract.content import FEW, VERY_FEW, Extracted, has_more, main_content, parse
from lab.curate.extract.decoding import decode
from lab.documents import REMOVED_SCHEMA, Counts, Document, Reason, RowWriter, read_rows, shards, text_bytes
from lab.params import EngineParams, ExtractParams

DEFAULT_ENGINE = ExtractParams().engine
_AGAIN = 0.1  # seconds
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\xad\ufeff]")


class PageTimeout(Exception):
    """A page took longer than `max_seconds`."""


@dataclass(frozen=True)
class Judged:
    """A page's text, why it is refused (or None), and the fallback that was needed for it (or None)."""

    text: str
    reason: Reason | None = None
    fallback: str | None = None


def extract_text(html: bytes | str, *, encoding: str | None = None, engine: str = DEFAULT_ENGINE) -> str:
    """Main text of a page, a block a line; "" where there is none.

    `encoding`: what the HTTP header says of bytes. `engine`: lab, resiliparse or trafilatura.
    """
    return extract(decode(html, encoding) if isinstance(html, bytes) else html, engine).text


def extract(html: str, engine: str, tags: int | None = None) -> Extracted:
    """The same of decoded HTML, and which fallback gave it: one of main_content's, or "trafilatura".

    `tags`: how many "<" it holds, where that is known.
    """
    if tags is None:
        tags = html.count("<")
    if engine == "trafilatura":
        return Extracted(_clean(_trafilatura(html, favor_precision=True)), None)
    if engine == "resiliparse":
        return Extracted(_clean(_resiliparse(html, tags)), None)
    found = main_content(html, tags)
    if len(found.text) < VERY_FEW and has_more(html, tags, found.text):
        other = _trafilatura(html, fast=True)
        if len(other) > max(FEW, 2 * len(found.text)):
            found = Extracted(other, "trafilatura")
    return Extracted(_clean(found.text), found.fallback)


def _trafilatura(html: str, **options: bool) -> str:
    import trafilatura

    return trafilatura.extract(html, include_comments=False, deduplicate=False, **options) or ""


def _resiliparse(html: str, tags: int) -> str:
    tree, deep = parse(html, tags)
    return extract_plain_text(
        tree, main_content=not deep, list_bullets=False, alt_texts=False, comments=False, post_meta=False
    ).strip()


def _clean(text: str) -> str:
    """Without control characters, soft hyphens and lone surrogates; no-break spaces are spaces."""
    text = _CONTROLS.sub("", text).replace("\xa0", " ")
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise PageTimeout in the main thread after `seconds` of CPU, so that a busy machine does not decide what is kept.

    A call into native code is stopped when it returns. No limit in other threads, which get no signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise PageTimeout

    before = signal.signal(signal.SIGPROF, stop)
    # Again and again: Python drops an exception that a callback of the garbage collector happens to meet.
    signal.setitimer(signal.ITIMER_PROF, seconds, _AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        # What was on its way may still arrive, and would end the process by default.
        signal.signal(signal.SIGPROF, before if callable(before) else signal.SIG_IGN)


def judge(record: Record, params: ExtractParams) -> Judged:
    """The text of a record, or why it is refused."""
    if len(record.body) > params.max_bytes:
        return Judged("", Reason("max_bytes", "over", ">", params.max_bytes))
    try:
        with time_limit(params.max_seconds):
            html = decode(record.body, record.charset)
            if (tags := html.count("<")) > params.max_tags:
                return Judged("", Reason("max_tags", tags, ">", params.max_tags))
            found = extract(html, params.engine, tags)
    except PageTimeout:
        return Judged("", Reason("timeout", "over", ">", params.max_seconds))
    except Exception as error:
        return Judged("", Reason("error", f"{type(error).__name__}: {error}"))
    if len(found.text) < params.min_characters:
        return Judged(found.text, Reason("empty", len(found.text), "<", params.min_characters))
    return Judged(found.text, None, found.fallback)


def extract_index(source: Path, out: Path, params: ExtractParams, engine_params: EngineParams) -> Counts:
    """Extract the pages of every index shard of `source` into `out`. EmptyCorpusError if there is no text."""
    found = engine.run(
        "extract",
        partial(_extract_shard, params=params),
        {path.stem: path for path in shards(source)},
        engine=engine_params,
        params=params,
        out=out,
    )
    return Counts.total(shard.result for shard in found).require_output("extract")


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
