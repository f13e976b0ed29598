"""The section `quality` of params.yaml: which filters run, the parameters of each, and what differs by language.

In: FILTERS, and a document's language (ISO 639-1). Out: the parameters that hold for it, as FineWeb-2 has a
configuration for each language (Penedo et al. 2025).
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydantic import Field, TypeAdapter, ValidationError, create_model, field_validator, model_validator

from lab.curate.quality import BY_NAME
from lab.curate.quality.languages import ENGLISH, UNSPACED_LANGUAGES
from lab.curate.quality.thresholds import Rule
from lab.errors import did_you_mean
from lab.params import LanguageCode, Section, explain


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
                problems = (explain(problem, FilterParams, f"quality.languages.{code}") for problem in error.errors())
                raise ValueError("; ".join(problems)) from None
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
