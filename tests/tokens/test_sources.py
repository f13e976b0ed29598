"""If these fail, a loss is shown as that of a source whose text it is not of, or there are a thousand sources."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lab.documents import Document, RowWriter
from lab.params import EngineParams, TokenizeParams
from lab.tokens import bpe, shards, tokenize
from lab.tokens.sources import FILE, MOST, OTHER, Origin, Sources, name_sources, read_sources
from tests.tokens.test_bpe import TEXTS


def named(hosts: list[str], languages: list[str] | None = None) -> list[str]:
    spoken = languages or ["en"] * len(hosts)
    return name_sources([Origin(10, language, name) for name, language in zip(hosts, spoken, strict=True)])


def test_languages_come_first_then_ends_of_hosts_as_short_as_tell_apart():
    hosts = ["a.com", "b.org", "c.com"]
    assert named(hosts, ["en", "de", "en"]) == ["en", "de", "en"]
    assert named(hosts) == ["com", "org", "com"]
    assert named(["x.a.org", "b.org", "y.a.org"]) == ["a.org", "b.org", "a.org"]
    assert named(["127.0.0.1", "10.0.0.1"]) == ["127.0.0.1", "10.0.0.1"]
    assert named(["a.com"] * 3) == [OTHER] * 3
    assert named([]) == []


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 400)), max_size=300))
def test_the_sources_are_few_and_none_is_tiny(documents):
    origins = [Origin(tokens, "en", f"h.tld{number}") for tokens, number in documents]
    names = name_sources(origins)
    sizes = {name: sum(o.tokens for o, own in zip(origins, names, strict=True) if own == name) for name in set(names)}
    total = sum(sizes.values())
    assert len(sizes) <= MOST + 1
    assert all(size >= total / 100 for name, size in sizes.items() if name != OTHER)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 5)), min_size=1, max_size=20), st.data())
def test_a_tokens_source_is_that_of_its_document(documents, data):
    names, tokens = zip(*documents, strict=True)
    whole = [name for name, count in documents for _ in range(count)]
    length = data.draw(st.integers(1, len(whole)))
    starts = np.array([data.draw(st.integers(0, len(whole) - length)) for _ in range(3)])
    sources = Sources(names, tokens)
    found = sources.of(starts, length)
    assert [[sources.names[one] for one in row] for row in found] == [whole[start : start + length] for start in starts]


def test_the_stage_tells_the_sources_of_the_validation_shards(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    urls = ["http://a.com/", "http://b.org/", "http://c.com/", "http://d.com/"]
    for split in ("train", "validation"):
        for half in (0, 2):
            with RowWriter(tmp_path / "dataset" / split / f"part-{half:05d}.parquet") as writer:
                for url, text in list(zip(urls, TEXTS, strict=True))[half : half + 2]:
                    writer.write(Document(url, url, "", "a.warc", 0, text, "en"))
    bpe.save(bpe.train(TEXTS, 500, 10_000_000), tmp_path / "tokenizer")
    out = tmp_path / "tokenize"
    tokenize.run(tmp_path / "dataset", tmp_path / "tokenizer", out, TokenizeParams(), EngineParams(workers=1))
    sources, stream = read_sources(out), shards.open_tokens(out, "validation")
    ids, labels = stream[0 : len(stream)], sources.of(np.array([0]), len(stream))[0]
    encoding = bpe.load(tmp_path / "tokenizer")
    org = encoding.decode(ids[labels == list(sources.names).index("org")].tolist())
    assert org == bpe.END_OF_TEXT + TEXTS[1]
    (out / FILE).unlink()
    assert read_sources(out) is None
