"""The dataset: without these a document is lost, trained on and validated on, or lands elsewhere on the next run."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from lab.curate.dataset import card
from lab.curate.dataset.stage import Piece, cut, run, split_of
from lab.documents import Counts, Document, RowWriter, host, read_documents
from lab.errors import EmptyCorpusError, InputError
from lab.params import DatasetParams, EngineParams

ONE, TWO = EngineParams(workers=1), EngineParams(workers=2)
PARAMS = DatasetParams(validation_share=0.2, documents_per_shard=40, preview_documents=7)


def document(number: int) -> Document:
    date = f"2026-01-{number % 28 + 1:02d}T00:00:00Z"
    language = ("no", "en", None)[number % 3]
    text = f"Text {number} " * (number % 5) + "é"
    url, file = f"http://h{number % 20}.example/{number}", f"{number % 2}.warc"
    return Document(f"<{number}>", url, date, file, number, text, language, 0.5)


def write(folder: Path, documents: list[Document], per_shard: int = 100) -> Path:
    for start in range(0, max(len(documents), 1), per_shard):
        with RowWriter(folder / f"part-{start // per_shard:05d}.parquet") as writer:
            for one in documents[start : start + per_shard]:
                writer.write(one)
    return folder


def read(folder: Path, split: str) -> list[Document]:
    return [one for path in sorted((folder / split).glob("*.parquet")) for one in read_documents(path)]


@pytest.fixture
def source(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write(tmp_path / "pii", [document(number) for number in range(330)])


def test_every_document_is_in_one_split_in_the_order_of_the_crawl(source, tmp_path):
    metrics = run(source, tmp_path / "out", PARAMS, ONE)
    train, validation = (read(tmp_path / "out", split) for split in ("train", "validation"))
    assert sorted(train + validation, key=lambda one: one.offset) == [document(number) for number in range(330)]
    for split in (train, validation):
        assert [one.offset for one in split] == sorted(one.offset for one in split)
    assert 40 < len(validation) < 95  # 66 expected, 7 the standard deviation
    sizes = {split: metrics[split]["documents"] for split in ("train", "validation")}
    assert sizes == {"train": len(train), "validation": len(validation)}
    assert metrics["train"]["bytes"] == sum(len(one.text.encode()) for one in train)
    counts = Counts(**{key: value for key, value in metrics.items() if key not in ("train", "validation")})
    assert (counts.documents_in, counts.documents_out, counts.removed) == (330, 330, {})
    assert counts.bytes_out == metrics["train"]["bytes"] + metrics["validation"]["bytes"]


def test_shards_are_full_but_the_last(source, tmp_path):
    metrics = run(source, tmp_path / "out", PARAMS, ONE)
    for split in ("train", "validation"):
        paths = sorted((tmp_path / "out" / split).glob("*.parquet"))
        *full, last = [len(list(read_documents(path))) for path in paths]
        assert set(full) <= {40} and 0 < last <= 40
        assert len(paths) == metrics[split]["shards"]


def test_same_bytes_whatever_the_workers_and_the_shards_before(source, tmp_path):
    other = write(tmp_path / "other", [document(number) for number in range(330)], per_shard=37)
    runs = {"a": (source, ONE), "b": (source, TWO), "c": (other, TWO)}
    written = {}
    for name, (folder, engine) in runs.items():
        run(folder, tmp_path / name, PARAMS, engine)
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        written[name] = {path.relative_to(tmp_path / name): path.read_bytes() for path in files}
    assert written["a"] == written["b"] == written["c"]
    assert Path("README.md") in written["a"] and str(tmp_path).encode() not in b"".join(written["a"].values())


def test_a_second_run_leaves_no_shard_of_the_first(source, tmp_path):
    run(source, tmp_path / "out", PARAMS, ONE)
    run(source, tmp_path / "out", PARAMS.model_copy(update={"documents_per_shard": 1000}), ONE)
    assert len(read(tmp_path / "out", "train") + read(tmp_path / "out", "validation")) == 330


def test_by_host_no_site_is_in_both_splits(source, tmp_path):
    run(source, tmp_path / "out", PARAMS.model_copy(update={"by": "host"}), ONE)
    train, validation = ({host(one.url) for one in read(tmp_path / "out", s)} for s in ("train", "validation"))
    assert not train & validation and len(train | validation) == 20


def test_seed_and_share_move_documents_and_other_documents_do_not():
    documents = [document(number) for number in range(2000)]

    def validation(**changes: object) -> set[str]:
        params = PARAMS.model_copy(update=changes)
        return {one.id for one in documents if split_of(one, params) == "validation"}

    assert validation() != validation(seed=2)
    # A larger share only adds: what was held out stays held out.
    assert validation(validation_share=0.1) < validation() < validation(validation_share=0.5)
    assert 0.16 < len(validation()) / len(documents) < 0.24


@pytest.mark.parametrize("url", ["", "http://[::1", "urn:isbn:1"])
def test_documents_whose_url_has_no_host_are_split_by_the_url(url):
    params = PARAMS.model_copy(update={"by": "host"})
    of_url = PARAMS.model_copy(update={"by": "document"})
    for seed in range(20):
        one, changes = replace(document(1), id=url, url=url), {"seed": seed}
        assert split_of(one, params.model_copy(update=changes)) == split_of(one, of_url.model_copy(update=changes))


@given(st.lists(st.integers(0, 30), max_size=12), st.integers(1, 25))
def test_cut_takes_every_document_once(documents, size):
    sources = [Path(f"{number}") for number in range(len(documents))]
    plans = cut(sources, documents, size)
    pieces = [piece for plan in plans for piece in plan]
    taken = [(piece.source, piece.skip + row) for piece in pieces for row in range(piece.count)]
    assert taken == [(path, row) for path, count in zip(sources, documents, strict=True) for row in range(count)]
    sizes = [sum(piece.count for piece in plan) for plan in plans]
    assert all(count == size for count in sizes[:-1]) and all(0 < count <= size for count in sizes[-1:])


def test_cut_example():
    a, b = Path("a"), Path("b")
    assert cut([a, b], [3, 2], 2) == [(Piece(a, 0, 2),), (Piece(a, 2, 1), Piece(b, 0, 1)), (Piece(b, 1, 1),)]


def test_card_tells_what_is_inside(source, tmp_path):
    metrics = run(source, tmp_path / "out", PARAMS, ONE)
    text = (tmp_path / "out/README.md").read_text("utf-8")
    head = YAML(typ="safe", pure=True).load(text.split("---")[1])
    # Norwegian, which an unquoted `no` would turn into false.
    assert head["language"] == ["en", "no"] and head["size_categories"] == ["n<1K"]
    for files in head["configs"][0]["data_files"]:
        assert list((tmp_path / "out").glob(files["path"]))
    assert f"| train | {metrics['train']['documents']:,} | {metrics['train']['bytes']:,} |" in text
    assert "| unknown | 110 | 33.3% |" in text and "`validation_share: 0.2`" in text
    assert "2 WARC files, crawled from 2026-01-01T00:00:00Z to 2026-01-28T00:00:00Z" in text


def test_datasets_loads_both_splits_by_the_card(source, tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    metrics = run(source, tmp_path / "out", PARAMS, ONE)
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert {name: len(split) for name, split in loaded.items()} == {s: metrics[s]["documents"] for s in loaded}
    assert set(loaded) == {"train", "validation"}


def test_preview_is_of_the_train_split(source, tmp_path):
    run(source, tmp_path / "out", PARAMS, ONE)
    rows = [json.loads(line) for line in (tmp_path / "out/preview.jsonl").read_text("utf-8").splitlines()]
    train = {one.url: one for one in read(tmp_path / "out", "train")}
    assert len(rows) == 7 and all(row["text"] == train[row["url"]].text[:1000] for row in rows)
    run(source, tmp_path / "none", PARAMS.model_copy(update={"preview_documents": 0}), ONE)
    assert (tmp_path / "none/preview.jsonl").read_text() == ""


def test_an_empty_split_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    few = write(tmp_path / "few", [document(1), document(2)])
    with pytest.raises(EmptyCorpusError, match=r"validation split has no document.*dataset\.validation_share"):
        run(few, tmp_path / "out", PARAMS.model_copy(update={"validation_share": 0.0001}), ONE)
    with pytest.raises(EmptyCorpusError, match="train split has no document"):
        run(few, tmp_path / "out", PARAMS.model_copy(update={"validation_share": 0.9999}), ONE)
    with pytest.raises(EmptyCorpusError):
        run(write(tmp_path / "none", []), tmp_path / "out", PARAMS, ONE)
    with pytest.raises(InputError):
        run(tmp_path / "missing", tmp_path / "out", PARAMS, ONE)


def test_documents_without_date_or_language():
    facts = card.Facts()
    facts.add(replace(document(1), date="", language=None))
    text = card.render({"train": {"documents": 1, "bytes": 3, "shards": 1}}, facts, PARAMS)
    assert "1 WARC file:" in text and "language: []" in text
