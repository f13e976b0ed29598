"""The section `quality` of params.yaml: which filters run, the parameters of each, and what differs by language.

In: FILTERS, and a document's language (ISO 639-1). Out: the parameters that hold for it, as FineWeb-2 has a
configuration for each language (Penedo et al. 2025).
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydantic import Field, TypeAdapter, ValidationError, create_model, field_validator, model_validator

from lab.curate.quality import BY_NAME
from lab.curate.quality.thresholds import Rule
from lab.errors import did_you_mean
from lab.params import LanguageCode, Section, explain

ENGLISH = "en"


def _language(
    top_ngrams: list[float], duplicate_ngrams: list[float], word_length: tuple[int, int], letters: float, ended: float
) -> dict[str, dict[str, Any]]:
    """Limits of 2- to 4-grams, of 5- to 10-grams, of the mean word length, of words with letters, of ended lines."""
    return {
        "repetition": {
            "max_top_ngram_share": {str(n): share for n, share in enumerate(top_ngrams, 2)},
            "max_duplicate_ngram_share": {str(n): share for n, share in enumerate(duplicate_ngrams, 5)},
        },
        "gopher": {
            "min_mean_word_length": word_length[0],
            "max_mean_word_length": word_length[1],
            "min_alphabetic_word_share": letters,
        },
        "c4": {"max_word_length": None, "min_words_per_line": None} | ({} if ended else {"min_sentences": None}),
        "fineweb": {"min_terminal_punctuation_share": ended, "max_short_line_share": None},
    }


# FineWeb-2's thresholds for languages without spaces between words (Penedo et al. 2025; huggingface/fineweb-2,
# configs/{cmn_Hani,jpn_Jpan,tha_Thai}.yml). It has no C4 filter: off are those of its rules that take words to stand
# between spaces, and for Thai, which does not mark the ends of sentences, those that look for such marks.
UNSPACED_LANGUAGES = {
    "zh": _language([0.256, 0.201, 0.171], [0.198, 0.182, 0.167, 0.154, 0.14, 0.127], (1, 5), 0.735, 0.106),
    "ja": _language([0.121, 0.129, 0.145], [0.307, 0.283, 0.264, 0.248, 0.234, 0.223], (1, 5), 0.759, 0.167),
    "th": _language([0.221, 0.197, 0.162], [0.185, 0.168, 0.152, 0.137, 0.124, 0.111], (2, 10), 0.9, 0.0),
}


class _Filters(Section):
    filters: list[str] = Field(list(BY_NAME), description="those that run, in this order; [] for none")

    @property
    def rules(self) -> dict[str, list[Rule]]:
        """Filter -> its rules, of the filters that run, in their order."""
        return {name: getattr(self, name).rules() for name in self.filters}

    @field_validator("filters")
    @classmethod
    def _check_names(cls, names: list[str]) -> list[str]:
        for place, name in enumerate(names):
            if name not in BY_NAME:
                known = f"{did_you_mean(name, BY_NAME, 1)}filters: {', '.join(BY_NAME)}"
                raise ValueError(f"there is no filter {name!r}; {known}")
            if name in names[:place]:
                raise ValueError(f"{name!r} is named twice")
        return names

    @model_validator(mode="before")
    @classmethod
    def _refuse_switches(cls, values: Any) -> Any:
        """Before `filters`, each filter had a key `enabled`: such files get an error that says what to write."""
        sections = values if isinstance(values, dict) else {}
        switches = {name: of["enabled"] for name, of in sections.items() if isinstance(of, dict) and "enabled" in of}
        if switches:
            listed = sections.get("filters")
            names = [name for name in (listed if isinstance(listed, list) else BY_NAME) if switches.get(name, True)]
            raise ValueError(
                f"`enabled` is no key of a filter ({', '.join(switches)}): remove it, and name the filters that run: "
                f"filters: [{', '.join(names)}]"
            )
        return values


FilterParams: Any = create_model(
    "FilterParams",
    __base__=_Filters,
    __module__=__name__,
    **{name: (module.Params, module.Params()) for name, module in BY_NAME.items()},
)


class QualityParams(FilterParams):
    """`languages`: what differs by language, {de: {gopher: {max_mean_word_length: 12}}}. Its keys are those above."""

    languages: dict[str, dict[str, Any]] = Field(
        UNSPACED_LANGUAGES,
        description="what differs by language; these are FineWeb-2's, without C4's rules for words between spaces",
    )

    @model_validator(mode="after")
    def _check_languages(self) -> "QualityParams":
        for code in self.languages:
            try:
                TypeAdapter(LanguageCode).validate_python(code)
                self.of(code)
            except ValidationError as error:
                raise ValueError(explain(error, FilterParams, f"quality.languages.{code}")) from None
        return self

    def of(self, language: str) -> FilterParams:
        """The parameters with what differs for a language."""
        common = self.model_dump(mode="json", exclude={"languages"})
        return FilterParams.model_validate(merged(common, self.languages.get(language, {})))


def for_language(params: QualityParams, language: str | None) -> FilterParams:
    """The parameters for documents of a language; None counts as English."""
    language = language or ENGLISH
    if language == ENGLISH and ENGLISH not in params.languages:
        return params
    return _for_language(params.model_dump_json(), language)


@lru_cache(256)
def _for_language(params: str, language: str) -> FilterParams:
    common = QualityParams.model_validate_json(params)
    merged_params = common.of(language)
    if language == ENGLISH:
        return merged_params
    differing = {name: common.languages.get(language, {}).get(name, {}) for name in BY_NAME}
    return merged_params.model_copy(
        update={name: getattr(merged_params, name).in_language(language, keys) for name, keys in differing.items()}
    )


def merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Nested dicts with others laid over them."""
    result = dict(values)
    for key, change in ((str(key), change) for key, change in changes.items()):
        both = isinstance(change, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], change) if both else change
    return result
