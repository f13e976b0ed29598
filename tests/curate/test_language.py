"""Language: without these the corpus is in the wrong languages."""

import pytest

from lab.curate.language import LanguageIdentifier, judge, model_path
from lab.documents import Document
from lab.errors import InputError
from lab.params import LanguageParams

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


def test_missing_model_is_named():
    with pytest.raises(InputError, match=r"none\.bin"):
        model_path("none.bin")
