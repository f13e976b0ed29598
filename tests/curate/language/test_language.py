"""Language: without these the corpus is in the wrong languages."""

import pytest

from lab.curate.language.stage import LanguageIdentifier, _by_library, filter_documents, judge, model_path
from lab.documents import Document, RowWriter
from lab.errors import InputError, ParameterError
from lab.params import EngineParams, LanguageParams

GERMAN = "Die Sonne scheint heute,\nund wir gehen in den Garten, um Äpfel zu pflücken."
ENGLISH = "The sun shines today, and we walk into the garden to pick some apples."


def test_score_names_the_language_across_lines():
    language, score = LanguageIdentifier().score(GERMAN)
    assert language == "de" and 0.9 < score <= 1
    assert (language, score) == LanguageIdentifier().score(GERMAN.replace("\n", " "))


@pytest.mark.parametrize(
    ("keep", "least", "detail"),
    [(["en"], 0.85, "de not in en"), (["de"], 1.0, "de 0.9673 < 1"), (["de", "en"], 0.85, None)],
)
def test_reasons(keep, least, detail):
    params = LanguageParams(keep=keep, min_score=least)
    (judged, reason), (other, _) = judge([Document("1", "u", "", "f", 0, text) for text in (GERMAN, ENGLISH)], params)
    assert (judged.language, other.language) == ("de", "en")
    assert (reason and reason.detail) == detail


def test_a_language_that_the_model_does_not_know_is_refused_with_the_nearest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with RowWriter(tmp_path / "in" / "part-00000.parquet") as file:
        file.write(Document("1", "u", "", "f", 0, ENGLISH))
    with pytest.raises(ParameterError, match=r"language\.keep: 'eng' is none of the 176 .*did you mean.*'en'"):
        filter_documents(tmp_path / "in", tmp_path / "out", LanguageParams(keep=["eng"]), EngineParams(workers=1))


def test_the_library_knows_the_same_languages():
    """By which models are read that ours can't."""
    predict, labels = _by_library(model_path("lid.176.ftz"))
    assert sorted(labels) == sorted(LanguageIdentifier().labels)
    assert predict([GERMAN])[0][0] == "de"


def test_missing_model_is_named():
    with pytest.raises(InputError, match=r"none\.bin"):
        model_path("none.bin")
