"""Documents: their Arrow schema, and how shards of them are read, sifted and written.

A shard is one Parquet file (zstd). A stage writes what it keeps to `<shard>.parquet` and what it removes, with the
reason and the measured value, to `removed/<shard>.parquet`. Always: in = out + the sum of the reasons.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, fields
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from lab.errors import EmptyCorpusError, InputError

BATCH_ROWS = 512
LONGEST_DETAIL = 500  # characters: an error may quote a whole page
LONGEST_EXCERPT = 80  # characters, ellipses included
# zstd compresses repetitive small columns as well as dictionaries do, and no two texts are the same.
_FORMAT = {"compression": "zstd", "version": "2.6", "use_dictionary": False, "write_statistics": False}
_BROKEN = (pa.ArrowException, OSError, UnicodeDecodeError)  # a flipped bit may raise any of these

SCHEMA = pa.schema(
    [
        ("id", pa.string()),  # the WARC record's id, or file:offset if it has none
        ("url", pa.string()),
        ("date", pa.string()),  # of the crawl, as in the WARC (ISO 8601)
        ("file", pa.string()),  # the WARC file, as the manifest names it
        ("offset", pa.int64()),  # of the record in that file, in bytes
        ("text", pa.string()),
        ("language", pa.string()),  # ISO 639 code of the most probable language; null before that stage
        ("language_score", pa.float32()),
    ]
)
REMOVED_SCHEMA = SCHEMA.append(pa.field("reason", pa.string())).append(pa.field("detail", pa.string()))


class Reason(str):
    """Why something was removed: a label to count by, and in `detail` the measured value and its limit.

    >>> reason = Reason("duplicate_line_share", 0.41, ">", 0.30)
    >>> reason == "duplicate_line_share", reason.detail
    (True, '0.41 > 0.3')
    """

    detail: str

    def __new__(cls, label: str, measured: object = None, relation: str = "", limit: object = None) -> "Reason":
        self = super().__new__(cls, label)
        value, bound = (f"{number:.4g}" if isinstance(number, float) else str(number) for number in (measured, limit))
        detail = "" if measured is None else " ".join([value, *([relation, bound] if relation else [])])
        self.detail = detail[:LONGEST_DETAIL]
        return self

    def __reduce__(self) -> tuple:
        return Reason, (str(self),), {"detail": self.detail}


@dataclass(slots=True)
class Document:
    """A page's text and where it comes from. Fields as in `SCHEMA`."""

    id: str
    url: str
    date: str
    file: str
    offset: int
    text: str
    language: str | None = None
    language_score: float | None = None


@dataclass
class Counts:
    """What went into a stage, what came out, and why the rest was removed. Adds up over shards."""

    documents_in: int = 0
    documents_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    removed: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)  # changes in kept documents, by kind

    def remove(self, reason: str, count: int = 1) -> None:
        if count:
            self.removed[str(reason)] = self.removed.get(str(reason), 0) + count

    def change(self, kind: str, count: int = 1) -> None:
        if count:
            self.changed[kind] = self.changed.get(kind, 0) + count

    @classmethod
    def total(cls, parts: Iterable["Counts | dict"]) -> "Counts":
        """The sum over shards, reasons in alphabetical order. AssertionError if a document is lost."""
        total = cls()
        for part in parts:
            part = part if isinstance(part, Counts) else cls(**part)
            total.documents_in += part.documents_in
            total.documents_out += part.documents_out
            total.bytes_in += part.bytes_in
            total.bytes_out += part.bytes_out
            for reason, count in part.removed.items():
                total.remove(reason, count)
            for kind, count in part.changed.items():
                total.change(kind, count)
        total.removed = dict(sorted(total.removed.items()))
        total.changed = dict(sorted(total.changed.items()))
        assert total.documents_in == total.documents_out + sum(total.removed.values()), total
        return total

    def require_output(self, stage: str) -> "Counts":
        """Itself. EmptyCorpusError if nothing is left for the next stage."""
        if self.documents_out == 0:
            worst = max(self.removed, key=lambda reason: self.removed[reason], default="there was no input")
            raise EmptyCorpusError(
                f"{stage}: none of {self.documents_in} documents is left (most frequent reason: {worst}). "
                f"Loosen the section '{stage}' of params.yaml, or crawl more; data/{stage}/removed/ shows what went."
            )
        return self

    def as_dict(self) -> dict:
        return asdict(self)


def shards(folder: Path) -> list[Path]:
    """The shards of a stage's output, in order. InputError if there are none."""
    paths = sorted(Path(folder).glob("*.parquet"))
    if not paths:
        raise InputError(f"{folder}: no shards (*.parquet) here. Run `dvc repro` to make them.")
    return paths


def read_rows(path: Path, columns: list[str] | None = None) -> Iterator[dict]:
    """The rows of one shard as dicts, batch by batch; `columns` that it does not have are left out."""
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH_ROWS, columns=columns):
                yield from batch.to_pylist()
    except _BROKEN as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:200]
    return InputError(f"{path}: not a readable shard ({reason}). Remove it and run `dvc repro` to make it again.")


def read_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    """One whole shard, for shards of small rows."""
    try:
        with pq.ParquetFile(path) as file:
            return file.read(columns)
    except _BROKEN as error:
        raise _unreadable(path, error) from error


def write_table(table: pa.Table, path: Path) -> None:
    """Write one whole shard. Same rows, same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, **_FORMAT)


_FIELDS = [f.name for f in fields(Document)]


def read_documents(path: Path) -> Iterator[Document]:
    """The documents of one shard, in order; of a `removed` shard without the reasons."""
    for row in read_rows(path, _FIELDS):
        try:
            document = Document(**row)
        except TypeError as error:  # a column is missing
            raise _unreadable(path, error) from error
        yield document


class RowWriter(AbstractContextManager):
    """Writes rows (dicts or Documents) to one Parquet file, batch by batch. Same rows, same bytes."""

    def __init__(self, path: Path, schema: pa.Schema = SCHEMA):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.schema = schema
        self._rows: list[dict] = []
        self._names = schema.names
        self._file = pq.ParquetWriter(path, schema, **_FORMAT)

    def write(self, row: "dict | Document", **columns: object) -> None:
        if not isinstance(row, dict):
            row = {name: getattr(row, name) for name in _FIELDS}
        self._rows.append({**row, **columns} if columns else row)
        if len(self._rows) >= BATCH_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._file.write_table(pa.Table.from_pylist(self._rows, schema=self.schema))
            self._rows = []

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            if kind is None:
                self._flush()
        finally:
            self._file.close()


def text_bytes(text: str) -> int:
    """Length in UTF-8, in bytes."""
    return len(text.encode("utf-8", "surrogatepass"))


def text_digest(text: str) -> bytes:
    """A 64-bit hash of a text, the same in every process: for choices and samples that only their keys decide."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def host(url: str) -> str:
    """The host of a URL in lower case; "" if it has none.

    Not in the spelling of block lists (punycode, no dot at the end): lab.curate.urls.spelling.host_of.
    """
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def excerpt(text: str, place: int = 0) -> str:
    """At most LONGEST_EXCERPT characters of a text around `place`, an ellipsis wherever something is left out.

    >>> excerpt("a" * 100 + "{" + "b" * 100, 100)[35:45]
    'aaaaa{bbbb'
    """
    if len(text) <= LONGEST_EXCERPT:
        return text
    start = min(max(place - LONGEST_EXCERPT // 2, 0), len(text) - LONGEST_EXCERPT)
    end = start + LONGEST_EXCERPT
    before, after = "…" if start else "", "…" if end < len(text) else ""
    return before + text[start + len(before) : end - len(after)] + after


Verdict = tuple[Document, Reason | None] | Reason | None  # a Reason removes, None keeps; or with the changed document


def sift(source: Path, folder: Path, name: str, judge: Callable[[Document], Verdict]) -> Counts:
    """Write each document of `source` to `folder/name.parquet`, or with its reason to `folder/removed/name.parquet`.

    If `judge` raises, the document is removed with the reason "error" and the exception as its detail: one bad page
    never stops a run.
    """
    return sift_batches(source, folder, name, lambda documents: [_guarded(judge, document) for document in documents])


def _guarded(judge: Callable[[Document], Verdict], document: Document) -> Verdict:
    try:
        return judge(document)
    except Exception as error:
        return Reason("error", f"{type(error).__name__}: {error}")


def sift_batches(source: Path, folder: Path, name: str, judge_all: Callable[[list[Document]], list[Verdict]]) -> Counts:
    """The same by batches: `judge_all` returns a verdict per document. If it raises, they are judged one by one."""
    counts = Counts()
    with (
        RowWriter(folder / f"{name}.parquet") as kept,
        RowWriter(folder / "removed" / f"{name}.parquet", REMOVED_SCHEMA) as removed,
    ):
        documents = read_documents(source)
        while batch := list(islice(documents, BATCH_ROWS)):
            try:
                verdicts = judge_all(batch)
            except Exception:
                verdicts = [_guarded(lambda document: judge_all([document])[0], document) for document in batch]
            for document, verdict in zip(batch, verdicts, strict=True):
                counts.documents_in += 1
                counts.bytes_in += text_bytes(document.text)
                outcome, reason = verdict if isinstance(verdict, tuple) else (document, verdict)
                if reason is None:
                    kept.write(outcome)
                    counts.documents_out += 1
                    counts.bytes_out += text_bytes(outcome.text)
                else:
                    # The text before any change: what the filter saw is what a person wants to look at.
                    removed.write(document, reason=str(reason), detail=getattr(reason, "detail", ""))
                    counts.remove(reason)
    return counts
