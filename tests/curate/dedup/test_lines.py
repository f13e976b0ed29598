"""Line-level dedup: without these, menus and footers stay, or lines of prose go that few documents share."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lab.curate.dedup.lines import Dropper, line_hashes
from lab.curate.dedup.stage import run as run_stage
from lab.curate.text import word_hash
from lab.documents import Document, RowWriter, read_documents, read_rows
from lab.params import DedupParams, EngineParams

FOOTER = "Subscribe to our newsletter"
LINES = DedupParams(minhash=False, lines=True, max_line_repeats=2)


def document(number: int, text: str) -> Document:
    return Document(f"{number}", f"http://a.example/{number}", "", "w", number, text)


def run(tmp_path: Path, texts: list[str], params: DedupParams, shards: int = 2) -> tuple[dict, list[str], list[dict]]:
    size = -(-len(texts) // shards)
    for shard in range(shards):
        with RowWriter(tmp_path / "in" / f"part-{shard}.parquet") as writer:
            for number in range(shard * size, min((shard + 1) * size, len(texts))):
                writer.write(document(number, texts[number]))
    metrics = run_stage(tmp_path / "in", tmp_path / "out", params, EngineParams(workers=1))
    kept = [d.text for path in sorted((tmp_path / "out").glob("*.parquet")) for d in read_documents(path)]
    removed = [row for path in sorted((tmp_path / "out/removed").glob("*.parquet")) for row in read_rows(path)]
    return metrics, kept, removed


def test_lines_of_more_than_the_limit_of_documents_go(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    texts = [f"Story {number}.\n  {FOOTER} \n\nIts end {number // 2}." for number in range(3)]
    metrics, kept, _ = run(tmp_path, texts, LINES)
    assert kept == [f"Story {number}.\n\nIts end {number // 2}." for number in range(3)]
    assert metrics["changed"] == {"duplicate_lines": 3} and metrics["removed"] == {}


def test_at_the_limit_they_stay_and_a_document_counts_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    texts = [f"{FOOTER}\nOne.\n{FOOTER}\n{FOOTER}", f"Two.\n{FOOTER}", "Three."]
    metrics, kept, _ = run(tmp_path, texts, LINES)
    assert kept == texts and metrics["changed"] == {}


def test_removed_documents_do_not_count(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    texts = [f"Same text.\n{FOOTER}"] * 5 + [f"Other.\n{FOOTER}"]
    params = LINES.model_copy(update={"exact": True})
    metrics, kept, _ = run(tmp_path, texts, params)
    assert kept == [texts[0], texts[5]] and metrics["removed"] == {"exact_duplicate": 4}


def test_a_document_of_nothing_but_common_lines_is_removed_with_its_text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    texts = [f"Story {number}.\n{FOOTER}" for number in range(3)] + [f"{FOOTER}\n\n{FOOTER}"]
    metrics, kept, removed = run(tmp_path, texts, LINES)
    assert metrics["removed"] == {"line_duplicates": 1} and len(kept) == 3
    assert [(row["text"], row["detail"]) for row in removed] == [(texts[3], "2 of 3")]
    # What it dropped from the document that went is not counted as a change of one that stays.
    assert metrics["changed"] == {"duplicate_lines": 3}


@given(st.lists(st.sampled_from(["", " ", "a", " a ", "b", "c\u2028d"]), max_size=12), st.sets(st.sampled_from("ab")))
def test_dropper_takes_only_the_lines_named(lines, common):
    drop = Dropper(np.array([word_hash(line) for line in common], np.uint64))
    text = "\n".join(lines)
    kept, reason = drop(document(0, text))
    expected = "\n".join(line for line in lines if line.strip() not in common)
    if not any(line.strip() in common for line in lines):
        assert kept.text == text and reason is None
    elif not expected.strip():
        assert reason == "line_duplicates" and kept.text == text
    else:
        assert kept.text == expected.strip() and reason is None
        assert drop.dropped == sum(line.strip() in common for line in lines)


@given(st.text(max_size=100))
def test_there_is_a_hash_for_each_line(text):
    assert len(line_hashes(text)) == text.count("\n") + 1
