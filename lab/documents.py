"""Documents: their Arrow schema, and how a shard of them is read, sifted and written.

A shard is one Parquet file (zstd). A stage writes what it keeps to `<shard>.parquet` and what it removes, with the
reason and the measured value, to `removed/<shard>.parquet`: in = out + the sum of the reasons, always.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, fields
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lab.errors import EmptyCorpusError, InputError

BATCH_ROWS = 512
LONGEST_DETAIL = 500  # characters: an error may quote a whole page
# Of Parquet files. zstd finds what repeats in small columns as well as dictionaries do, and no two texts are the same.
_FORMAT = {"compression": "zstd", "version": "2.6", "use_dictionary": False, "write_statistics": False}
_BROKEN = (pa.ArrowException, OSError, UnicodeDecodeError)  # a bit that fell over may show as any

SCHEMA = pa.schema(
    [
        ("id", pa.string()),  # the WARC record's id, or file:offset where it has none
        ("url", pa.string()),
        ("date", pa.string()),  # of the crawl, as the WARC gives it (ISO 8601)
        ("file", pa.string()),  # the WARC file, as the manifest names it
        ("offset", pa.int64()),  # of the record in that file, in bytes
        ("text", pa.string()),
        ("language", pa.string()),  # ISO 639 code of the most probable language; null before that stage
        ("language_score", pa.float32()),
    ]
)
REMOVED_SCHEMA = SCHEMA.append(pa.field("reason", pa.string())).append(pa.field("detail", pa.string()))


class Reason(str):
    """Why something was removed: a label that can be counted, with what was measured against which limit.

    >>> reason = Reason("duplicate_line_share", 0.41, ">", 0.30)
    >>> reason == "duplicate_line_share", reason.detail
    (True, '0.41 > 0.3')
    """

    detail: str

    def __new__(cls, label: str, measured: object = None, relation: str = "", limit: object = None) -> "Reason":
        self = super().__new__(cls, label)
        shown = [f"{value:.4g}" if isinstance(value, float) else str(value) for value in (measured, limit)]
        detail = "" if measured is None else " ".join([shown[0], *([relation, shown[1]] if relation else [])])
        self.detail = detail[:LONGEST_DETAIL]
        return self

    def __reduce__(self) -> tuple:
        return _restored_reason, (str(self), self.detail)


def _restored_reason(label: str, detail: str) -> Reason:
    reason = Reason(label)
    reason.detail = detail
    return reason


@dataclass(slots=True)
class Document:
    """One page's text and where it came from. Fields as in `SCHEMA`."""

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
    """What went into a stage, what came out, and why the rest did not. Adds up over shards."""

    documents_in: int = 0
    documents_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    removed: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)  # things altered in kept documents, by kind

    def remove(self, reason: str, count: int = 1) -> None:
        if count:
            self.removed[str(reason)] = self.removed.get(str(reason), 0) + count

    def change(self, kind: str, count: int = 1) -> None:
        if count:
            self.changed[kind] = self.changed.get(kind, 0) + count

    @classmethod
    def total(cls, parts: Iterable["Counts | dict"]) -> "Counts":
        """The sum over shards, reasons in alphabetical order. Refuses to lose a document."""
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
        """Itself, or EmptyCorpusError when nothing is left for the next stage."""
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
    found = sorted(Path(folder).glob("*.parquet"))
    if not found:
        raise InputError(f"{folder}: no shards (*.parquet) here. Run `dvc repro` to make them.")
    return found


def read_rows(path: Path, columns: list[str] | None = None) -> Iterator[dict]:
    """The rows of one shard as dicts, batch by batch."""
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
    """One shard whole, for shards of small rows."""
    try:
        with pq.ParquetFile(path) as file:
            return file.read(columns)
    except _BROKEN as error:
        raise _unreadable(path, error) from error


def write_table(table: pa.Table, path: Path) -> None:
    """The whole of one shard at once. Same rows, same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, **_FORMAT)


_FIELDS = [f.name for f in fields(Document)]


def read_documents(path: Path) -> Iterator[Document]:
    """The documents of one shard, in order; also of a `removed` shard, without its reasons."""
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

    def write(self, row: "dict | Document", **more: object) -> None:
        if not isinstance(row, dict):
            row = {name: getattr(row, name) for name in _FIELDS}
        self._rows.append({**row, **more} if more else row)
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


Verdict = tuple[Document, Reason | None] | Reason | None  # a Reason to remove, None to keep; with a changed document


def sift(source: Path, folder: Path, name: str, judge: Callable[[Document], Verdict]) -> Counts:
    """Write the documents of `source` to `folder/name.parquet`, or to `folder/removed/name.parquet` with a reason.

    When `judge` raises, the document is removed under the reason "error", with the exception as its detail: one bad
    page never stops a run.
    """
    return sift_batches(source, folder, name, lambda documents: [_guarded(judge, document) for document in documents])


def _guarded(judge: Callable[[Document], Verdict], document: Document) -> Verdict:
    try:
        return judge(document)
    except Exception as error:
        return Reason("error", f"{type(error).__name__}: {error}")


def sift_batches(source: Path, folder: Path, name: str, judge_all: Callable[[list[Document]], list[Verdict]]) -> Counts:
    """The same for what is judged several documents at a time: `judge_all` gives a verdict for each.

    When it raises, the documents of that batch are judged one by one.
    """
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
                    # The text as it came in: a person looking at what a filter threw away wants to see what it saw.
                    removed.write(document, reason=str(reason), detail=getattr(reason, "detail", ""))
                    counts.remove(reason)
    return counts
