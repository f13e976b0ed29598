"""If these fail, a typo in params.yaml costs a user a night instead of being refused before anything runs."""

import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from lab import params_yaml
from lab.curate.quality import gopher as gopher_filter
from lab.errors import InputError, ParameterError
from lab.params import PiiParams, Section
from lab.params_yaml import Params
from tests.conftest import ROOT


def refusal(tmp_path: Path, text: str) -> str:
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises((ParameterError, InputError)) as refused:
        params_yaml.load(tmp_path / "params.yaml")
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_the_projects_params_are_the_defaults_and_name_every_key():
    """DVC sees only what the file holds: a key left to its default would change without any stage running again."""
    assert params_yaml.load(ROOT / "params.yaml") == Params()
    written = YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text())

    def keys(value: object, prefix: str = "") -> set[str]:
        if not isinstance(value, dict):
            return {prefix}
        return {prefix}.union(*(keys(inner, f"{prefix}.{key}") for key, inner in value.items()))

    assert keys(written) == keys(Params().model_dump(mode="json"))


def test_unknown_key_names_the_nearest(tmp_path):
    message = refusal(tmp_path, "quality:\n  gopher:\n    min_wrods: 3\n")
    assert "quality.gopher.min_wrods" in message and "'min_words'" in message


def test_unknown_section(tmp_path):
    assert "traim: there is no such key; did you mean 'train'?" in refusal(tmp_path, "traim: {}\n")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("language: {min_score: 1.5}", ["language.min_score", "1.5", "less than or equal to 1"]),
        ("train: {seed: x}", ["train.seed", "'x'", "integer"]),
        ("train: {budget: 20000 steps}", ["train.budget", "'20000 steps'", "'600 seconds'"]),
        ("train: {beta1: 1.0}", ["train.beta1", "1.0", "less than 1"]),
        ("train: {devices: -2}", ["train.devices", "-2", "greater than 0"]),
        ("model: {context: 1}", ["model.context", "1", "greater than or equal to 2"]),
        ("extract: {engine: magic}", ["extract.engine", "'magic'", "resiliparse", "trafilatura"]),
        ("crawl: {source: warc}", ["crawl.source", "crawl.paths"]),
        ("crawl: {source: commoncrawl, files: null}", ["crawl.files", "crawl.max_bytes"]),
        ("language: {keep: []}", ["language.keep"]),
        ("quality: {gopher: {max_hash_ratio: .nan}}", ["quality.gopher.max_hash_ratio: nan", "finite"]),
        ("quality: {gopher: {max_mean_word_length: .inf}}", ["quality.gopher.max_mean_word_length: inf", "finite"]),
        ("quality: {repetition: {max_top_ngram_share: {2: .nan}}}", ["max_top_ngram_share.2: nan", "finite"]),
        ("quality: {languages: {de: {gopher: {max_hash_ratio: .nan}}}}", ["quality.languages.de.gopher", "finite"]),
        ("train: {learning_rate: .inf}", ["train.learning_rate: inf", "finite"]),
        ("quality: {repetition: {max_top_ngram_share: {0: 0.2}}}", ["max_top_ngram_share.0: 0", "greater than 0"]),
        ("quality: {repetition: {max_duplicate_ngram_share: {'-1': 0.2}}}", ["_share.-1: '-1'", "greater than 0"]),
        ("quality: {gopher: {min_words: 100, max_words: 10}}", ["quality.gopher: min_words is 100", "max_words, 10"]),
        ("quality: {gopher: {min_mean_word_length: 11}}", ["quality.gopher: min_mean_word_length is 11", "length, 10"]),
        (
            "quality: {languages: {de: {gopher: {max_words: 9}}}}",
            ["quality.languages.de.gopher: min_words", "_words, 9"],
        ),
        ("quality: {filters: [gohper]}", ["quality.filters:", "no filter 'gohper'; did you mean 'gopher'?", "c4"]),
        ("quality: {filters: [c4, gopher, c4]}", ["quality.filters: 'c4' is named twice"]),
        ("quality: {gopher: {enabled: false}}", ["quality: `enabled`", "gopher", "filters: [repetition, c4, fineweb"]),
        ("quality: {filters: [gopher, c4], c4: {enabled: false}}", ["(c4)", "filters: [gopher]"]),
        ("pii: {phone_region: UK}", ["pii.phone_region: 'UK'", "GB"]),
        ("pii: {phone_region: de}", ["pii.phone_region: 'de'", "DE"]),
        ("a: [", ["not YAML"]),
    ],
)
def test_bad_values_say_what_is_allowed(tmp_path, text, parts):
    message = refusal(tmp_path, text)
    for part in parts:
        assert part in message


@pytest.mark.parametrize("gopher", [{"min_words": 7, "max_words": 7}, {"min_words": 7, "max_words": None}])
def test_a_minimum_may_be_its_maximum_or_stand_alone(gopher):
    assert gopher_filter.Params.model_validate(gopher).min_words == 7


def floats(model: type[Section], place: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where the floats of a model and of those within it are."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from floats(field.annotation, (*place, name))
        elif "float" in str(field.annotation) and "Literal" not in str(field.annotation):
            yield (*place, name, "2") if "dict" in str(field.annotation) else (*place, name)


def test_no_number_is_infinite_or_nan():
    """Nothing compares with nan: a threshold that is nan would let all pass."""
    places = list(floats(Params))
    assert len(places) > 30
    for place in places:
        for value in (math.nan, math.inf):
            values: object = value
            for part in reversed(place):
                values = {part: values}
            with pytest.raises(ParameterError, match="finite number"):
                params_yaml.check(values, "here")


def test_a_country_is_looked_up_only_where_one_is_given():
    assert PiiParams(phone_region="GB").phone_region == "GB"
    code = "import sys; from lab import params_yaml; params_yaml.check({'pii': {'phone_region': %s}}, ''); print(%s)"
    for region, loaded in ((None, "False"), ("GB", "True")):
        script = code % (repr(region), "'phonenumbers' in sys.modules")
        found = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
        assert found.stdout.strip() == loaded


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        params_yaml.load(tmp_path / "params.yaml")
