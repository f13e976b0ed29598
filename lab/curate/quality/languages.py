"""What the quality filters go by in a language: its stop words, and the thresholds that differ for it.

In: parameters of the quality stage, and a document's language (ISO 639-1). Out: the parameters for that language, as
FineWeb-2 has a configuration for each (Penedo et al. 2025): what `quality.languages` says of it, and for languages
other than English the stop words of stopwordsiso (github.com/stopwords-iso) unless that says others.
"""

from functools import lru_cache
from pathlib import Path

import pyarrow.compute as pc
import stopwordsiso

from lab.curate.text.words import splitter
from lab.documents import read_table
from lab.params import FilterParams, QualityParams

ENGLISH = "en"


def for_language(params: QualityParams, language: str | None) -> FilterParams:
    """The parameters for documents of a language; None counts as English.

    In a language without known stop words none are asked for.
    """
    language = language or ENGLISH
    if language == ENGLISH and ENGLISH not in params.languages:
        return params
    return _for_language(params.model_dump_json(), language)


@lru_cache(256)
def _for_language(params: str, language: str) -> FilterParams:
    given = QualityParams.model_validate_json(params)
    merged = given.of(language)
    if language == ENGLISH or "stop_words" in given.languages.get(language, {}).get("gopher", {}):
        return merged
    words = stop_words(language)
    changed = {"stop_words": words} if words else {"min_stop_words": None}
    return merged.model_copy(update={"gopher": merged.gopher.model_copy(update=changed)})


@lru_cache
def stop_words(language: str) -> list[str]:
    """The stop words of a language, in the order of the alphabet; none if stopwordsiso has no list of it."""
    return sorted(stopwordsiso.stopwords(language)) if stopwordsiso.has_lang(language) else []


def load_segmenters(shard: Path) -> None:
    """Get ready to split a shard's documents into words. InputError where a language's segmenter is not installed.

    To be called ahead: raised when a document is judged, it would only cost that document.
    """
    for language in pc.unique(read_table(shard, ["language"])["language"]).to_pylist():
        splitter(language)
