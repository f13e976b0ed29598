"""Dedup: without these, copies are trained on twice, or pages that only look alike are thrown away."""

import random
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
from datasketch import MinHash, MinHashLSH
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.curate.dedup.stage import band_keys, duplicates, join, matches, normalise, run, shingles, signatures
from lab.curate.text import Text, word_hash
from lab.documents import Document, RowWriter, read_documents, read_rows
from lab.errors import EmptyCorpusError
from lab.params import DedupParams, EngineParams

PARAMS = DedupParams()
WORDS = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in "lmnrst"]


def prose(seed: int, words: int = 120) -> str:
    chance = random.Random(seed)
    return " ".join(chance.choice(WORDS) for _ in range(words))


def spelt(number: int) -> str:
    """A number in letters, since every numeral counts as the same."""
    return str(number).translate(str.maketrans("0123456789", "abcdefghij"))


def pair(similarity: float, shingle_count: int, seed: int) -> tuple[str, str, float]:
    """Two texts of different words, and the exact Jaccard similarity of their sets of words."""
    shared = round(shingle_count * similarity)
    alone = (shingle_count - shared) // 2
    words = [f"{spelt(seed)}x{spelt(number)}" for number in range(shared + 2 * alone)]
    texts = [*words[: shared + alone]], [*words[:shared], *words[shared + alone :]]
    return " ".join(texts[0]), " ".join(texts[1]), shared / len(words)


# Normalising and shingles.


@pytest.mark.parametrize(
    "text, normal",
    [
        ("Hello, World!", "hello  world "),
        ("In 1999 and 3.14", "in 0 and 0"),
        ("Café Zürich", "cafe zurich"),
        ("a_b-c", "a b c"),
        ("«Привет»", " привет "),
        ("٣٤", "0"),
    ],
)
def test_normalise(text, normal):
    assert normalise(text).split() == normal.split()


@given(st.text(max_size=80))
def test_case_accents_marks_and_numbers_do_not_tell_texts_apart(text):
    assert normalise(normalise(text)).split() == normalise(text).split()


def test_copies_in_other_dress_have_the_same_shingles():
    one = "The café opened in 1987, and 212 people came; nobody left early."
    other = "the cafe opened in 2024 and 9 people came   nobody left early"
    assert set(shingles(one, 5).tolist()) == set(shingles(other, 5).tolist())


@pytest.mark.parametrize(
    "words",
    [
        "ประเทศ ไทย เป็น เมือง ที่ สวยงาม มาก และ มี ผู้คน อาศัย อยู่ จำนวน หลาย ล้าน คน อาหาร อร่อย ภาษา ตลาด",
        "កម្ពុជា ជា ប្រទេស នៅ អាស៊ី ដែល មាន ភាសា ខ្មែរ និង ប្រវត្តិ យូរ ណាស់",
    ],
)
def test_near_duplicates_are_found_in_scripts_without_spaces(words):
    draw = random.Random(1)
    phrases = ["".join(draw.choices(words.split(), k=10)) for _ in range(20)]
    others = [phrase[:12] + "ใหม่" + phrase[12:] if place in (3, 12) else phrase for place, phrase in enumerate(phrases)]
    third = ["".join(draw.choices(words.split(), k=10)) for _ in range(20)]
    params = DedupParams()
    signed = signatures([" ".join(parts) for parts in (phrases, others, third)], params)
    assert duplicates(signed, params).tolist() == [0, 0, 2]


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=40), st.integers(1, 6))
def test_shingles_are_the_ngrams_of_words(words, n):
    n = min(n, len(words))
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    keys = shingles(" ".join(words), n).tolist()
    assert len(set(zip(grams, keys, strict=True))) == len(set(grams)) == len(set(keys))


def test_short_and_wordless_texts_have_one_shingle_of_their_own():
    assert len(shingles("two words", 5)) == 1 and len(shingles("", 5)) == 1
    assert shingles("!!!", 5).tolist() == [word_hash("!!!")] != shingles("???", 5).tolist()


# Signatures and the promise.


@pytest.mark.parametrize("bands, rows, seed", [(14, 8, 1), (3, 2, 7)])
def test_signatures_are_datasketchs(bands, rows, seed):
    params = DedupParams(bands=bands, rows=rows, seed=seed)
    texts = [prose(1), prose(2, 3000), "one", "", "京都 にて。"]
    for text, signature in zip(texts, signatures(texts, params), strict=True):
        reference = MinHash(bands * rows, seed=seed, scheme="affine64", hashfunc=int)
        reference.update_batch(shingles(text, params.ngram).tolist())
        assert signature.dtype == np.uint64
        assert (signature == reference.hashvalues).all()


def test_the_same_pairs_as_datasketchs_index():
    texts = [prose(seed) for seed in range(30)]
    texts += [text.rsplit(" ", 2 + n)[0] + " " + prose(90 + n, 2 + n) for n, text in enumerate(texts)]
    index = MinHashLSH(num_perm=112, params=(14, 8))
    kept = duplicates(signatures(texts, PARAMS), PARAMS)
    expected = []
    for number, text in enumerate(texts):
        sketch = MinHash(112, seed=1, scheme="affine64", hashfunc=int)
        sketch.update_batch(shingles(text, 5).tolist())
        expected.append(bool(index.query(sketch)))
        index.insert(number, sketch)
    assert (kept != np.arange(len(texts))).tolist() == expected
    assert 5 < sum(expected) < 30


@pytest.mark.parametrize("similarity", [0.5, 0.6, 0.7, 0.8, 0.9])
def test_pairs_are_found_with_the_promised_probability(similarity):
    params, pairs = DedupParams(ngram=1), 400
    texts = [pair(similarity, 100, seed) for seed in range(pairs)]
    exact = texts[0][2]
    first, second = (signatures([pair[side] for pair in texts], params) for side in (0, 1))
    keys = [(band_keys(first, band, 8), band_keys(second, band, 8)) for band in range(14)]
    matched = int(np.any([a == b for a, b in keys], axis=0).sum())
    promised = 1 - (1 - exact**8) ** 14
    assert abs(matched - pairs * promised) <= 4 * sqrt(pairs * promised * (1 - promised)) + 1
    assert abs(np.mean(first == second) - exact) < 0.02  # signatures estimate the similarity


# Groups.


@given(st.integers(1, 25).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.tuples(*[st.integers(0, n - 1)] * 2)))))
def test_groups_are_the_connected_components_under_their_first(case):
    documents, edges = case
    label = list(range(documents))
    for _ in range(documents):
        for a, b in edges:
            label[a] = label[b] = min(label[a], label[b])
    left, right = (np.array([edge[side] for edge in edges], np.int64) for side in (0, 1))
    assert join(np.arange(documents), left, right).tolist() == label
    stepwise = np.arange(documents)
    for a, b in edges:
        stepwise = join(stepwise, np.array([a]), np.array([b]))
    assert stepwise.tolist() == label


@given(st.lists(st.integers(0, 4)))
def test_matches_chain_all_that_have_a_key(keys):
    kept = join(np.arange(len(keys)), *matches(np.array(keys, np.uint64)))
    assert kept.tolist() == [keys.index(key) for key in keys]


def test_groups_are_transitive_even_where_the_ends_have_little_in_common():
    words = prose(5, 300).split()
    texts = [" ".join(words[start : start + 200]) for start in range(0, 81, 8)]
    kept = duplicates(signatures(texts, PARAMS), PARAMS)
    first, last = (set(shingles(text, 5).tolist()) for text in (texts[0], texts[-1]))
    assert len(first & last) / len(first | last) < 0.5
    assert kept.tolist() == [0] * len(texts)


@given(st.lists(st.text(max_size=60), max_size=8))
@settings(max_examples=50)
def test_no_text_crashes_and_equal_texts_are_always_found(texts):
    kept = duplicates(signatures([*texts, *texts], PARAMS), PARAMS)
    assert len(kept) == 2 * len(texts)
    assert (kept[: len(texts)] == kept[len(texts) :]).all() and (kept <= np.arange(len(kept))).all()


# The stage.


def write(folder: Path, texts: list[str], shards: int) -> Path:
    size = -(-len(texts) // shards)
    for shard in range(shards):
        with RowWriter(folder / f"part-{shard:05d}.parquet") as writer:
            for number in range(shard * size, min((shard + 1) * size, len(texts))):
                writer.write(Document(f"{number}", f"http://a.example/{number}", "", "w", number, texts[number]))
    return folder


def outcome(out: Path) -> tuple[dict[str, str], dict[str, tuple[str, str]]]:
    """Texts that are kept, and reason and detail of those that are not, by id."""
    kept = {d.id: d.text for path in sorted(out.glob("*.parquet")) for d in read_documents(path)}
    rows = [row for path in sorted((out / "removed").glob("*.parquet")) for row in read_rows(path)]
    return kept, {row["id"]: (row["reason"], row["detail"]) for row in rows}


@pytest.fixture
def texts() -> list[str]:
    """Twenty originals; ten near-duplicates, of which two share an original, and an exact copy."""
    originals = [prose(seed, 200) for seed in range(20)]
    near = [f"{original} and {number} more" for number, original in enumerate(originals[:9])]
    return [*originals, *near, originals[3] + " so", originals[15]]


def test_stage_keeps_the_first_of_each_group_and_names_it(tmp_path, monkeypatch, texts):
    monkeypatch.chdir(tmp_path)
    source = write(tmp_path / "in", texts, 3)
    metrics = run(source, tmp_path / "out", DedupParams(exact=True), EngineParams(workers=1))
    kept, removed = outcome(tmp_path / "out")
    assert list(kept) == [str(number) for number in range(20)]
    assert removed["30"] == ("exact_duplicate", "same text as http://a.example/15")
    reason, detail = removed["29"]
    assert reason == "near_duplicate" and detail.endswith("with http://a.example/3")
    assert 0.9 < float(detail.split()[3]) <= 1
    assert metrics["removed"] == {"exact_duplicate": 1, "near_duplicate": 10}
    assert (metrics["groups"], metrics["largest_group"]) == (10, 3)
    assert metrics["documents_in"] == 31 and metrics["documents_out"] == 20


def test_outcome_does_not_depend_on_the_shards(tmp_path, monkeypatch, texts):
    monkeypatch.chdir(tmp_path)
    outcomes = []
    for shards in (1, 4, 7):
        source, out = write(tmp_path / f"in-{shards}", texts, shards), tmp_path / f"out-{shards}"
        metrics = run(source, out, DedupParams(exact=True, lines=True), EngineParams(workers=1))
        outcomes.append((outcome(out), metrics))
    assert outcomes[0] == outcomes[1] == outcomes[2]


def test_ways_can_be_switched_off(tmp_path, monkeypatch, texts):
    monkeypatch.chdir(tmp_path)
    source, engine = write(tmp_path / "in", texts, 2), EngineParams(workers=1)
    metrics = run(source, tmp_path / "exact", DedupParams(minhash=False, exact=True), engine)
    assert metrics["removed"] == {"exact_duplicate": 1}
    metrics = run(source, tmp_path / "none", DedupParams(minhash=False), engine)
    assert metrics["removed"] == {} and (metrics["groups"], metrics["largest_group"]) == (0, 1)


def test_empty_input(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EmptyCorpusError, match="dedup"):
        run(write(tmp_path / "in", [], 1), tmp_path / "out", PARAMS, EngineParams(workers=1))


def test_words_of_dedup_are_those_of_the_filters():
    assert shingles("one two three", 1).tolist() == Text("one two three").hashes.tolist()
