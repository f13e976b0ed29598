"""If these fail, a typo in params.yaml costs a user a night instead of being refused before anything runs."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from lab import params
from lab.errors import ParameterError
from tests.conftest import ROOT


def refusal(tmp_path: Path, text: str) -> str:
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(ParameterError) as refused:
        params.load(tmp_path / "params.yaml")
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_the_projects_params_are_the_defaults_and_name_every_key():
    """DVC sees only what the file holds: a key left to its default would change without any stage running again."""
    assert params.load(ROOT / "params.yaml") == params.Params()
    written = YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text())

    def keys(value: object, prefix: str = "") -> set[str]:
        if not isinstance(value, dict):
            return {prefix}
        return {prefix}.union(*(keys(inner, f"{prefix}.{key}") for key, inner in value.items()))

    assert keys(written) == keys(params.Params().model_dump(mode="json"))


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
        ("train: {beta1: 1.0}", ["train.beta1", "1.0", "less than 1"]),
        ("train: {devices: -2}", ["train.devices", "-2", "greater than 0"]),
        ("model: {context: 1}", ["model.context", "1", "greater than or equal to 2"]),
        ("extract: {engine: magic}", ["extract.engine", "'magic'", "resiliparse", "trafilatura"]),
        ("crawl: {source: warc}", ["crawl.source", "crawl.paths"]),
        ("crawl: {source: commoncrawl, files: null}", ["crawl.files", "crawl.max_bytes"]),
        ("language: {keep: []}", ["language.keep"]),
        ("a: [", ["not YAML"]),
    ],
)
def test_bad_values_say_what_is_allowed(tmp_path, text, parts):
    message = refusal(tmp_path, text)
    for part in parts:
        assert part in message


def test_missing_file(tmp_path):
    with pytest.raises(ParameterError, match="no such file"):
        params.load(tmp_path / "params.yaml")
