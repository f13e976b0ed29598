"""The extract stage: the main text of each page that the URL filter kept.

In: index shards; the kept records are read from their WARCs by offset. Out: documents. Main content is Resiliparse's
(without comments and post meta) or trafilatura's (`favor_precision`, FineWeb's choice).
"""

import codecs
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import groupby
from pathlib import Path

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import bytes_to_str, detect_encoding, map_encoding_to_html5
from resiliparse.parse.html import HTMLTree

from lab import engine
from lab.crawl.warc import Record, read_records
from lab.documents import REMOVED_SCHEMA, Counts, Document, Reason, RowWriter, read_rows, shards, text_bytes
from lab.params import EngineParams, ExtractParams

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([a-zA-Z0-9_.:-]{2,40})", re.IGNORECASE)


class PageTimeout(Exception):
    """A page took longer than `max_seconds`."""


def decode(html: bytes, encoding: str | None = None) -> str:
    """Text of a page's bytes. In order: BOM, `encoding` (the HTTP header's), meta tag, what the bytes look like."""
    for mark, name in _BOMS:
        if html.startswith(mark):
            return html[len(mark) :].decode(name, "replace")
    meta = _META.search(html[:4096])
    for name in (encoding, meta and meta[1].decode("ascii")):
        if name and (known := _known(name)):
            try:
                return html.decode(known)
            except UnicodeDecodeError:
                continue
    try:
        return html.decode("utf-8")
    except UnicodeDecodeError:
        return bytes_to_str(html, _known(encoding or "") or detect_encoding(html, from_html_meta=True))


def _known(name: str) -> str | None:
    """Python's codec for a charset label, by WHATWG's table (latin-1 means windows-1252); None if there is none."""
    try:
        return codecs.lookup(map_encoding_to_html5(name, False) or name).name
    except (LookupError, ValueError):
        return None


def extract_text(html: bytes | str, *, encoding: str | None = None, engine: str = "resiliparse") -> str:
    """Main text of a page, a block a line; "" where there is none."""
    text = decode(html, encoding) if isinstance(html, bytes) else html
    if engine == "trafilatura":
        import trafilatura

        return trafilatura.extract(text, favor_precision=True, include_comments=False, deduplicate=False) or ""
    tree = HTMLTree.parse(text)
    return extract_plain_text(
        tree, main_content=True, list_bullets=False, alt_texts=False, comments=False, post_meta=False
    ).strip()


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise PageTimeout in the main thread once `seconds` are over; no limit in other threads, which get no signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise PageTimeout

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def judge(record: Record, params: ExtractParams) -> tuple[str, Reason | None]:
    """The text of a record and why it is refused, or None."""
    if len(record.body) > params.max_bytes:
        return "", Reason("max_bytes", len(record.body), ">", params.max_bytes)
    try:
        with time_limit(params.max_seconds):
            text = extract_text(record.body, encoding=record.charset, engine=params.engine)
    except PageTimeout:
        return "", Reason("timeout", "over", ">", params.max_seconds)
    except Exception as error:
        return "", Reason("error", f"{type(error).__name__}: {error}")
    text = text.replace("\x00", "").encode("utf-8", "replace").decode()
    if len(text) < params.min_characters:
        return text, Reason("empty", len(text), "<", params.min_characters)
    return text, None


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
            records = read_records(file, [row["offset"] for row in rows])
            for row, (_, record) in zip(rows, records, strict=True):
                counts.documents_in += 1
                if isinstance(record, Reason):
                    text, reason = "", record
                else:
                    counts.bytes_in += len(record.body)
                    text, reason = judge(record, params)
                document = Document(row["record_id"], row["url"], row["date"], file, row["offset"], text)
                if reason is None:
                    kept.write(document)
                    counts.documents_out += 1
                    counts.bytes_out += text_bytes(text)
                else:
                    removed.write(document, reason=str(reason), detail=reason.detail)
                    counts.remove(reason)
    return counts.as_dict()
