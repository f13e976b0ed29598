"""If this fails, changed code leaves outputs in place that it would not make, or two lists of stages disagree."""

import ast
import re
from importlib import import_module
from inspect import signature
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides
from ruamel.yaml import YAML

from lab import params_yaml, pipeline
from lab.params_yaml import Params
from lab.pipeline import STAGES, Stage
from stages import dvc
from stages import params as params_writer
from tests.conftest import ROOT

NAMES = [stage.name for stage in STAGES]
DVC = YAML(typ="safe", pure=True).load((ROOT / "dvc.yaml").read_text("utf-8"))["stages"]


def test_dvc_yaml_is_what_the_pipeline_says():
    assert (ROOT / "dvc.yaml").read_text("utf-8") == dvc.render(), "run `python -m stages.dvc`"


def test_params_yaml_is_what_the_data_classes_say():
    path = ROOT / "params.yaml"
    assert path.read_text("utf-8") == params_writer.render(params_yaml.load(path)), "run `python -m stages.params`"


def test_params_yaml_holds_the_defaults():
    """A fresh clone and the library, used without a params.yaml, decide alike."""
    assert params_yaml.load(ROOT / "params.yaml") == Params()


def test_values_that_a_user_changed_stay_when_params_yaml_is_written_anew(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("language: {keep: [de, en]}\ntrain: {budget: 600 seconds}\nquality: {gopher: {min_words: 7}}\n")
    path.write_text(params_writer.render(params_yaml.load(path)))
    changed = params_yaml.load(path)
    assert changed.language.keep == ["de", "en"] and changed.train.budget == "600 seconds"
    assert changed.quality.gopher.min_words == 7 and changed.dedup == Params().dedup


@pytest.mark.parametrize(
    "override", ["train.seed=2", "quality.gopher.min_words=null", "train.budget='600 seconds'", "model.layers=3"]
)
def test_an_override_changes_its_own_line_of_params_yaml_only(tmp_path, override):
    """Else two experiments never merge, and a diff does not show the decision."""
    path = tmp_path / "params.yaml"
    before = (ROOT / "params.yaml").read_text("utf-8")
    path.write_text(before)
    apply_overrides(path, [override])
    after = path.read_text("utf-8")
    assert len(before.splitlines()) == len(after.splitlines())
    assert sum(a != b for a, b in zip(before.splitlines(), after.splitlines(), strict=True)) == 1


LISTS = ["quality.filters=[]", "quality.filters=[c4,gopher]", "quality.gopher.stop_words=[]", "evaluate.suites=[gpt2]"]


@pytest.mark.parametrize("override", [*LISTS, "quality.repetition.max_top_ngram_share=null", "language.keep=[de,en]"])
def test_a_list_can_be_overridden(tmp_path, override):
    """DVC writes an empty list behind a comment in such a way that it can't be read again."""
    path = tmp_path / "params.yaml"
    before = params_writer.render(Params())
    path.write_text(before)
    apply_overrides(path, [override])
    assert params_yaml.read(path) != YAML(typ="safe").load(before)
    comments = {line.partition("#")[2] for line in before.splitlines() if "#" in line}
    assert comments == {line.partition("#")[2] for line in path.read_text("utf-8").splitlines() if "#" in line}


@pytest.mark.parametrize("stage", STAGES, ids=NAMES)
def test_a_stage_is_a_function_of_its_sources_output_parameters_and_engine(stage: Stage):
    module, function = stage.function.split(":")
    parameters = list(signature(getattr(import_module(module), function)).parameters.values())
    required = [parameter for parameter in parameters if parameter.default is parameter.empty]
    assert [p.name for p in required[-3:]] == ["out", "params", "engine"]
    assert len(required) == len(stage.reads) + 3


@pytest.mark.parametrize("stage", STAGES, ids=NAMES)
def test_a_stage_reads_only_what_earlier_stages_make(stage: Stage):
    assert set(stage.reads) <= set(NAMES[: NAMES.index(stage.name)])
    assert set(stage.sections) <= set(Params.model_fields)


@pytest.mark.parametrize("stage", STAGES, ids=NAMES)
def test_every_dependency_exists_or_is_made(stage: Stage):
    outputs = {out if isinstance(out, str) else next(iter(out)) for s in DVC.values() for out in _outputs(s)}
    for dependency in DVC[stage.name]["deps"]:
        assert dependency in outputs or (ROOT / dependency).exists(), dependency


def test_changed_code_runs_again_what_it_makes():
    """Of a few files it is known which stages must run again; the walk over imports finds them, in functions too."""
    depends = {stage.name: set(dvc.boxes(dvc.code_of(stage))) for stage in STAGES}
    assert "lab/sample" in depends["crawl"] and "lab/curate/urls" in depends["url_filter"]
    assert {"lab/curate/text", "lab/curate/quality"} <= depends["quality"]
    assert {"lab/model", "lab/train"} <= depends["train"] and "lab/curate/quality" not in depends["train"]
    assert all("lab/documents.py" in depends[name] for name in ("extract", "quality", "dedup", "dataset"))


def test_no_other_file_lists_the_stages():
    """A stage that is added must not be forgotten somewhere: whoever needs the order imports it."""
    lists = []
    for path in [*(ROOT / "lab").rglob("*.py"), *(ROOT / "stages").rglob("*.py"), *(ROOT / "bench").rglob("*.py")]:
        if path == ROOT / "lab/pipeline.py":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Tuple | ast.List | ast.Set | ast.Dict):
                items = node.keys if isinstance(node, ast.Dict) else node.elts
                strings = {item.value for item in items if isinstance(item, ast.Constant)}
                if len(strings & set(NAMES)) > len(NAMES) / 2:
                    lists.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert lists == []


def test_the_readme_has_every_stage_in_order():
    rows = re.findall(r"^\| (\w+) \| ([^|]*) \| ([^|]*) \|$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    table = [row for row in rows if row[0] in NAMES]
    assert table == [(stage.name, ", ".join(stage.reads) or "-", stage.gives) for stage in STAGES]


def test_dvc_keeps_what_stages_made_for_experiments_that_share_them():
    """DVC's run cache leaves out stages with an uncached output that is neither metric nor plot."""
    left_out = [
        name
        for name, stage in DVC.items()
        if any(isinstance(o, dict) and not next(iter(o.values())).get("cache", True) for o in stage.get("outs", ()))
    ]
    assert left_out == ["report"]  # the last: nothing shares it


def test_experiments_are_shown_with_few_metrics():
    """`dvc exp show` has a column for each number of a metrics file: those of loss and scores are what one compares."""
    metrics = {next(iter(out)) for stage in DVC.values() for out in stage.get("metrics", [])}
    assert metrics == {"reports/train.json", "reports/scores.json"}


def test_the_pipeline_imports_nothing():
    tree = ast.parse(Path(pipeline.__file__).read_text("utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(node) for node in imports] == ["from dataclasses import dataclass"]


def _outputs(stage: dict) -> list:
    return stage["outs"] + stage.get("metrics", []) + stage.get("plots", [])
