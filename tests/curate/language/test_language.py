"""Language: without these the corpus is in the wrong languages."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fasttext
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.curate.language.stage import SHIPPED, LanguageIdentifier, judge, model_path, run
from lab.documents import Document, RowWriter
from lab.errors import InputError, ParameterError
from lab.params import EngineParams, LanguageParams

GERMAN = "Die Sonne scheint heute,\nund wir gehen in den Garten, um Äpfel zu pflücken."
ENGLISH = "The sun shines today, and we walk into the garden to pick some apples."
IDENTIFIER = LanguageIdentifier()


def train(folder: Path, lines: list[str], **settings: object) -> str:
    (folder / "lines.txt").write_text("\n".join(lines) + "\n")
    settings = dict(dim=4, bucket=1000, epoch=50, thread=1, verbose=0) | settings
    fasttext.train_supervised(str(folder / "lines.txt"), **settings).save_model(str(folder / "model.bin"))
    return str(folder / "model.bin")


def test_score_names_the_language_across_lines():
    language, score = IDENTIFIER.score(GERMAN)
    assert language == "de" and 0.9 < score <= 1
    assert (language, score) == IDENTIFIER.score(GERMAN.replace("\n", " "))


@given(st.text(st.characters(), max_size=200))
def test_any_text_has_a_language(text: str):
    """Halves of surrogate pairs, NUL and all kinds of line ends included."""
    language, score = IDENTIFIER.score(text)
    assert language in IDENTIFIER.labels and 0 < score <= 1 and score == round(score, 6)
    assert IDENTIFIER.score(text.replace("\n", "\0")) == (language, score)


def test_threads_agree():
    texts = [ENGLISH[start:] + GERMAN[:start] for start in range(60)] * 5
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(IDENTIFIER.score, texts)) == [IDENTIFIER.score(text) for text in texts]


@pytest.mark.parametrize(
    ("keep", "least", "detail"),
    [(["en"], 0.85, "de not in en"), (["de"], 1.0, "de 0.9673 < 1"), (["de", "en"], 0.85, None)],
)
def test_reasons(keep, least, detail):
    params = LanguageParams(keep=keep, min_score=least)
    (judged, reason), (other, _) = (judge(Document("1", "u", "", "f", 0, text), params) for text in (GERMAN, ENGLISH))
    assert (judged.language, other.language) == ("de", "en")
    assert (reason and reason.detail) == detail


def test_a_language_that_the_model_does_not_know_is_refused_with_the_nearest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with RowWriter(tmp_path / "in" / "part-00000.parquet") as file:
        file.write(Document("1", "u", "", "f", 0, ENGLISH))
    with pytest.raises(ParameterError, match=r"language\.keep: 'eng' is none of the 176 .*did you mean.*'en'"):
        run(tmp_path / "in", tmp_path / "out", LanguageParams(keep=["eng"]), EngineParams(workers=1))


@pytest.mark.parametrize("settings", [{}, {"wordNgrams": 2}, {"loss": "hs"}, {"minn": 2, "maxn": 4}], ids=str)
def test_a_model_of_ones_own(tmp_path, settings):
    path = train(tmp_path, ["__label__en the sun and the moon", "__label__de die Sonne und der Mond"] * 50, **settings)
    identifier = LanguageIdentifier(path)
    assert sorted(identifier.labels) == ["de", "en"]
    assert [identifier.score(text)[0] for text in ("the moon", "der Mond")] == ["en", "de"]


def test_a_text_of_which_the_model_knows_nothing_has_no_language(tmp_path):
    path = train(tmp_path, ["__label__en " + "sun " * 9, "__label__de " + "Sonne " * 9], minCount=9)
    assert LanguageIdentifier(path).score("moon") == ("", 0.0)
    _, reason = judge(Document("1", "u", "", "f", 0, "moon"), LanguageParams(model=path))
    assert reason.detail == "none not in en"


@pytest.mark.parametrize("size", [0, 3, 100, 5000, 500_000, 938_012])
def test_a_broken_file_is_named(tmp_path, size):
    """The library hangs on some of them, and crashes on others."""
    path = tmp_path / "cut.ftz"
    path.write_bytes(SHIPPED.read_bytes()[:size])
    with pytest.raises(InputError, match=r"cut\.ftz: not a fastText"):
        LanguageIdentifier(str(path))


def test_a_model_that_is_no_classifier_is_named(tmp_path):
    (tmp_path / "lines.txt").write_text("the sun and the moon\n" * 50)
    vectors = fasttext.train_unsupervised(str(tmp_path / "lines.txt"), dim=4, bucket=1000, thread=1, verbose=0)
    vectors.save_model(str(tmp_path / "vectors.bin"))
    with pytest.raises(InputError, match=r"vectors\.bin: not a fastText classifier"):
        LanguageIdentifier(str(tmp_path / "vectors.bin"))


def test_missing_model_is_named():
    with pytest.raises(InputError, match=r"none\.bin"):
        model_path("none.bin")


def test_a_text_in_capitals_has_its_language():
    """Old notices and legal texts are in capitals; the model takes English ones for Japanese."""
    text = "The county council announced on Monday that the old bridge over the river will be closed for repairs. " * 3
    language, score = LanguageIdentifier().score(text.upper())
    assert language == "en" and score >= 0.85
    assert (
        LanguageIdentifier().score("NATO UND EU: " + "Der Rat hat gestern über die neue Brücke beraten. " * 3)[0]
        == "de"
    )


def test_the_mark_at_which_the_library_stops_to_read_is_no_end():
    german = "Das ist ein deutscher Text über die Stadt und ihre Bewohner, die gerne hier leben und arbeiten."
    assert IDENTIFIER.score(f"The token </s> ends it. </s>\n{german * 9}")[0] == "de"
