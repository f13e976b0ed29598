"""Language: without these the corpus is in the wrong languages."""

import pytest

from lab.curate.language import LanguageIdentifier, judge, model_path
from lab.documents import Document
from lab.errors import InputError
from lab.params import LanguageParams

GERMAN = "Die Sonne scheint heute,\nund wir gehen in den Garten, um Äpfel zu pflücken."


def test_score_names_the_language_across_lines():
    language, score = LanguageIdentifier().score(GERMAN)
    assert language == "de" and 0.9 < score <= 1
    assert (language, score) == LanguageIdentifier().score(GERMAN.replace("\n", " "))


def test_reasons():
    document = Document("1", "u", "", "f", 0, GERMAN)
    assert judge(document, LanguageParams(keep=["en"]))[1].detail == "de not in en"
    assert judge(document, LanguageParams(keep=["de"], min_score=1.0))[1] == "language_score"
    assert judge(document, LanguageParams(keep=["de", "en"]))[1] is None


def test_missing_model_is_named():
    with pytest.raises(InputError, match=r"none\.bin"):
        model_path("none.bin")
