"""A small run as its stages would have written it, in the formats that they exchange."""

import base64
import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from lab.documents import SCHEMA, Counts, Document, Reason, RowWriter, sift
from lab.files import write_json

STORY = (
    "The ferry to the island leaves at nine in the morning and comes back before the evening bell. "
    "Last week the captain told the children how the lighthouse was built, stone by stone, by people of the town. "
    "They listened for an hour and asked about storms, about whales and about the price of a ticket. "
)
HOSTILE_TEXT = "<script>document.title='broken'</script> <img src=http://evil.example/x.png onerror=alert(1)> " + STORY
HOSTILE_URL = 'javascript:alert("<script>alert(1)</script>")'


def _schema(**columns: pa.DataType) -> pa.Schema:
    return pa.schema(list(columns.items()))


TEXT = pa.string()
INDEX_SCHEMA = _schema(
    url=TEXT, status=pa.int32(), mime=TEXT, date=TEXT, file=TEXT, offset=pa.int64(), length=pa.int64(), record_id=TEXT
)
REMOVED_INDEX = INDEX_SCHEMA.append(pa.field("reason", TEXT)).append(pa.field("detail", TEXT))
TRUTH = _schema(
    kind=TEXT,
    url=TEXT,
    expected=TEXT,
    expected_reason=TEXT,
    certain=pa.bool_(),
    similarity=pa.float64(),
    original=TEXT,
    contains=TEXT,
)


@dataclass(frozen=True)
class Planted:
    """A page of the fake web: what it is, and the stage and reason that remove it (None: kept)."""

    url: str
    text: str
    kind: str = ""
    stage: str | None = None
    reason: str = ""
    expected: str = "keep"
    expected_reason: str | None = None
    certain: bool = True
    similarity: float | None = None
    original: str | None = None
    contains: str | None = None


def web() -> list[Planted]:
    """A hundred plain pages and some of each planted kind."""
    pages = [
        Planted(f"https://harbour{i % 7}.town.example/{i}", f"Story {i}. " + STORY * (1 + i % 5)) for i in range(100)
    ]
    pages.append(Planted(HOSTILE_URL, HOSTILE_TEXT, stage="quality", reason="curly_bracket"))
    for i in range(6):
        german = f"Die Fähre {i} zur Insel fährt um neun Uhr ab und kommt vor der Abendglocke zurück. " * 3
        mail = f"Write to captain{i}@ferry.example or visit 93.184.216.{i + 10}. " + STORY
        pages += [
            Planted(f"https://blocked.example/{i}", "", "blocked_host", "url_filter", "blocked_domain", "url_filter"),
            Planted(f"https://de.example/{i}", german, "language:de", "language", "language", "language"),
            Planted(f"https://mail.example/{i}", mail, "email", expected="scrub"),
            Planted(f"https://loud.example/{i}", "LOUD! " * 90, "repeated_lines", "quality", "top_2_gram", "quality"),
            Planted(f"https://broken.example/{i}", "", "broken_record", "unindexed", "", "index"),
        ]
        for similarity, caught in ((0.6, 1), (0.8, 5), (1.0, 6)):
            pages.append(
                Planted(
                    f"https://copy.mirror.example/{similarity}/{i}",
                    f"Story {i}. " + STORY,
                    f"near_duplicate:{similarity}",
                    *(("dedup", "near_duplicate") if i < caught else (None, "")),
                    expected="dedup",
                    certain=similarity == 1.0,
                    similarity=similarity,
                    original=f"https://harbour{i}.town.example/{i}",
                )
            )
    return pages


def write_run(root: Path) -> tuple[Path, Path]:
    """Write data/ and reports/ of the fake web's run below `root`, and return both."""
    data, reports = root / "data", root / "reports"
    pages = web()
    write_json(data / "crawl" / "manifest.json", {"source": "sample", "files": []})
    write_json(reports / "crawl.json", {"source": "sample", "files": 2, "records": len(pages)})
    with RowWriter(data / "crawl" / "truth.parquet", TRUTH) as truth:
        for page in filter(lambda page: page.kind, pages):
            truth.write({name: getattr(page, name) for name in TRUTH.names})
    _write_index(data, reports, [page for page in pages if page.stage != "unindexed"])
    _write_documents(data, reports, pages)
    _write_tokens(data, reports)
    _write_training(data, reports)
    _write_scores(data, reports)
    return data, reports


def _write_index(data: Path, reports: Path, pages: list[Planted]) -> None:
    parts = [("part-00000", pages[::2]), ("part-00001", pages[1::2])]
    index, filtered = Counts(), Counts()
    for name, part in parts:
        with (
            RowWriter(data / "index" / f"{name}.parquet", INDEX_SCHEMA) as listed,
            RowWriter(data / "url_filter" / f"{name}.parquet", INDEX_SCHEMA) as kept,
            RowWriter(data / "url_filter" / "removed" / f"{name}.parquet", REMOVED_INDEX) as removed,
        ):
            for number, page in enumerate(part):
                row = dict.fromkeys(INDEX_SCHEMA.names) | {"url": page.url, "status": 200, "mime": "text/html"}
                row |= {"offset": number, "length": 900, "record_id": f"<urn:{page.url}>"}
                listed.write(row)
                filtered.documents_in += 1
                if page.stage == "url_filter":
                    removed.write(row, reason=page.reason, detail="blocked.example in adult")
                    filtered.remove(page.reason)
                else:
                    kept.write(row)
                    filtered.documents_out += 1
    index.documents_in = len(pages) + 6
    index.documents_out = len(pages)
    index.remove("malformed", 6)
    write_json(reports / "index.json", Counts.total([index]).as_dict())
    write_json(reports / "url_filter.json", Counts.total([filtered]).as_dict())


def _write_documents(data: Path, reports: Path, pages: list[Planted]) -> None:
    by_url = {page.url: page for page in pages}
    indexed = [page for page in pages if page.stage not in ("unindexed", "url_filter")]
    counts = {"documents_in": len(indexed), "documents_out": len(indexed), "bytes_in": 0}
    for name, part in (("part-00000", indexed[::2]), ("part-00001", indexed[1::2])):
        with RowWriter(data / "extract" / f"{name}.parquet") as kept:
            for page in part:
                kept.write(Document(page.url, page.url, "2026-01-01T00:00:00Z", "sample.warc.gz", 0, page.text))
    text = sum(len(page.text.encode()) for page in indexed)
    write_json(reports / "extract.json", counts | {"bytes_out": text, "removed": {}, "changed": {}})
    before = "extract"
    for stage in ("language", "quality", "dedup", "pii"):

        def judge(document: Document, stage: str = stage):
            page = by_url[document.url]
            if stage == "pii" and page.kind == "email":
                words = ["email@example.com" if "@" in word else word for word in document.text.split(" ")]
                document.text = " ".join("22.214.171.124." if word[:3] == "93." else word for word in words)
                return document, None
            return Reason(page.reason, 0.41, ">", 0.2) if page.stage == stage else None

        parts = [sift(path, data / stage, path.stem, judge) for path in sorted((data / before).glob("*.parquet"))]
        write_json(reports / f"{stage}.json", Counts.total(parts).as_dict())
        before = stage
    with RowWriter(data / "dataset" / "train" / "part-00000.parquet", SCHEMA) as train:
        train.write(Document("1", "https://harbour1.town.example/1", "", "", 0, STORY))
    write_json(reports / "dataset.json", {"train": {"documents": 120}, "validation": {"documents": 8}})


def _write_tokens(data: Path, reports: Path) -> None:
    vocabulary = [bytes([i]) for i in range(256)] + [b" the", b" island", b"\n\n"]
    ranks = b"\n".join(base64.b64encode(token) + b" " + str(i).encode() for i, token in enumerate(vocabulary))
    (data / "tokenizer").mkdir(parents=True)
    (data / "tokenizer" / "ranks.tiktoken").write_bytes(ranks)
    end = len(vocabulary)
    write_json(data / "tokenizer" / "tokenizer.json", {"name": "trained", "special_tokens": {"<|endoftext|>": end}})
    write_json(reports / "tokenizer.json", {"vocabulary": end + 1, "bytes_per_token": 3.9})
    lengths = [0, 1, 5, 40, 41, 300]
    ids = [token for length in lengths for token in [*([256] * length), end]]
    (data / "tokenize" / "train").mkdir(parents=True)
    np.array(ids, dtype="<u2").tofile(data / "tokenize" / "train" / "shard-00000.bin")
    shard = {"path": "train/shard-00000.bin", "tokens": len(ids)}
    split = {"tokens": len(ids), "documents": len(lengths), "shards": [shard]}
    index = {"dtype": "uint16", "tokenizer": "ab" * 32, "vocabulary": end + 1, "eot": end, "splits": {"train": split}}
    write_json(data / "tokenize" / "index.json", index)
    write_json(reports / "tokenize.json", {"train_tokens": len(ids)})


def _write_training(data: Path, reports: Path) -> None:
    (reports / "train").mkdir(parents=True)
    with (reports / "train" / "curve.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["step", "tokens", "loss", "validation_loss", "learning_rate"])
        for step in range(1, 301):
            loss = 2.6 + 5.7 * step**-0.45
            validated = f"{loss + 0.08:.4f}" if step % 50 == 0 else ""
            rows.writerow([step, step * 8192, f"{loss:.4f}", validated, min(step / 30, 1) * 3e-3])
    (data / "train").mkdir(parents=True)
    (data / "train" / "model.safetensors").write_bytes(b"weights")
    sample = {"prompt": "The ferry", "text": " leaves at nine <b>and</b> comes back."}
    (data / "train" / "samples.jsonl").write_text(json.dumps(sample) + "\n")
    write_json(reports / "train.json", {"parameters": 3_211_264, "validation_loss": 3.12, "unigram_entropy": 6.44})


def _write_scores(data: Path, reports: Path) -> None:
    scores = {
        "lab_continuation": {"acc": 0.61, "acc_stderr": 0.028, "chance": 0.25, "items": 300, "version": 1},
        "lab_agreement": {"acc": 0.78, "acc_stderr": 0.024, "chance": 0.5, "items": 300, "version": 1},
        "lab_entities": {"acc": 0.31, "acc_stderr": None, "chance": 0.25, "items": 300},
        "lab_bits": {"bits_per_byte": 1.21, "chance": None, "items": 40},
    }
    write_json(reports / "evaluate.json", {"scores": scores})
    values = {"all": {"value": 0.61, "error": 0.028}, "clean": {"value": 0.5859, "error": 0.031}, "overlapping": None}
    about = {"items": 300, "ngram": 13, "short": 0, "overlapping": 43, "share": 0.143, "covered": 0.02}
    write_json(reports / "contamination.json", {"tasks": {"lab_continuation": {**about, "scores": {"acc": values}}}})
    write_json(reports / "export.json", {"dtype": "float32"})
    (data / "evaluate").mkdir(parents=True)
    answers = [" to the island.", " <script>alert(1)</script>", " of cheese.", " nine."]
    with (data / "evaluate" / "lab_continuation.jsonl").open("w") as file:
        for i in range(8):
            pairs = [[f"{i}: The ferry goes", answer] for answer in answers]
            likelihoods = [[-12.5 - n * (1 if i % 2 else -1), False] for n in range(4)]
            row = {"doc_id": i, "arguments": pairs, "filtered_resps": likelihoods, "target": "0", "acc": float(i % 2)}
            file.write(json.dumps(row) + "\n")
        file.write("not json\n")
