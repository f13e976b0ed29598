"""If these fail, documents vanish without being counted, or the same corpus gives other bytes."""

import pickle
from pathlib import Path
from random import Random

import pytest

from lab.documents import (
    Counts,
    Document,
    Reason,
    RowWriter,
    excerpt,
    host,
    read_documents,
    read_rows,
    shards,
    sift,
    sift_batches,
)
from lab.errors import EmptyCorpusError, InputError


def documents(count: int) -> list[Document]:
    return [Document(f"id{n}", f"https://a.example/{n}", "", "a.warc.gz", n, f"Text ünd {n}.") for n in range(count)]


def write(path: Path, count: int = 1200) -> Path:
    with RowWriter(path) as out:
        for document in documents(count):
            out.write(document)
    return path


def test_what_is_written_is_read_back_and_the_bytes_are_the_same(tmp_path):
    first, second = write(tmp_path / "a.parquet"), write(tmp_path / "b.parquet")
    assert list(read_documents(first)) == documents(1200)
    assert first.read_bytes() == second.read_bytes()


def test_sift_keeps_removes_and_counts(tmp_path):
    source = write(tmp_path / "in.parquet", 10)

    def judge(document: Document) -> Reason | None:
        number = int(document.id[2:])
        if number == 3:
            raise ValueError("odd page")
        return Reason("too_big", number / 10, ">", 0.5) if number > 5 else None

    counts = sift(source, tmp_path, "part", judge)
    assert counts.removed == {"error": 1, "too_big": 4}
    assert counts.documents_in == 10 and counts.documents_out == 5
    gone = list(read_rows(tmp_path / "removed" / "part.parquet"))
    assert [(row["id"], row["reason"], row["detail"]) for row in gone][:2] == [
        ("id3", "error", "ValueError: odd page"),
        ("id6", "too_big", "0.6 > 0.5"),
    ]


def test_a_batch_that_fails_costs_only_the_document_that_it_fails_for(tmp_path):
    source = write(tmp_path / "in.parquet", 10)

    def judge_all(batch: list[Document]) -> list[Reason | None]:
        if any(document.id == "id3" for document in batch):
            raise ValueError("odd page")
        return [Reason("first") if document.id == "id0" else None for document in batch]

    counts = sift_batches(source, tmp_path, "part", judge_all)
    assert counts.removed == {"error": 1, "first": 1} and counts.documents_out == 8
    gone = {row["id"]: row["detail"] for row in read_rows(tmp_path / "removed" / "part.parquet")}
    assert gone == {"id0": "", "id3": "ValueError: odd page"}


def test_removed_documents_show_the_text_that_the_filter_saw(tmp_path):
    source = write(tmp_path / "in.parquet", 1)
    changed = Document("id0", "", "", "", 0, "less")
    sift(source, tmp_path, "part", lambda document: (changed, Reason("short")))
    assert next(read_documents(tmp_path / "removed" / "part.parquet")).text == "Text ünd 0."


def test_counts_that_do_not_add_up_are_refused():
    with pytest.raises(AssertionError):
        Counts.total([Counts(documents_in=3, documents_out=1, removed={"a": 1})])


def test_an_empty_corpus_says_which_filter_emptied_it():
    with pytest.raises(EmptyCorpusError, match=r"language: none of 5 documents is left .*most frequent reason: other"):
        Counts.total([{"documents_in": 5, "removed": {"other": 4, "score": 1}}]).require_output("language")


@pytest.mark.parametrize(
    ("url", "expected"),
    [("http://U@Ex.ample:8/p", "ex.ample"), ("https://A.example./x", "a.example."), ("urn:x", ""), ("http://[::1", "")],
)
def test_host_of_any_url(url, expected):
    assert host(url) == expected


@pytest.mark.parametrize("place", [0, 3, 50, 99])
def test_an_excerpt_holds_its_place_and_says_where_it_was_cut(place):
    text = "".join(chr(0x100 + number) for number in range(100))
    short = excerpt(text, place)
    assert len(short) == 80 and text[place] in short and short.strip("…") in text
    assert short.startswith("…") != text.startswith(short[0]) and short.endswith("…") != text.endswith(short[-1])


def test_a_reason_survives_the_way_between_processes():
    reason = pickle.loads(pickle.dumps(Reason("share", 0.41, ">", 0.3)))
    assert reason == "share" and reason.detail == "0.41 > 0.3"


def test_missing_or_broken_shards_are_named(tmp_path):
    with pytest.raises(InputError, match="no shards"):
        shards(tmp_path)
    (tmp_path / "part-00000.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(InputError, match=r"part-00000\.parquet"):
        list(read_documents(tmp_path / "part-00000.parquet"))


def test_a_flipped_bit_is_a_clear_error_or_none(tmp_path):
    path = tmp_path / "part-00000.parquet"
    with RowWriter(path) as writer:
        for number in range(200):
            text = f"The {number}th page of the town's chronicle, of {number * number} lines."
            writer.write(Document(f"{number}", f"http://a.example/{number}", "", "a.warc", number, text))
    whole, random = path.read_bytes(), Random(1)
    refused = 0
    for _ in range(150):
        broken = bytearray(whole)
        broken[random.randrange(len(whole))] ^= 1 << random.randrange(8)
        path.write_bytes(broken)
        try:
            list(read_documents(path))
        except InputError as error:
            assert path.name in str(error) and "\n" not in str(error)
            refused += 1
    assert refused > 30
