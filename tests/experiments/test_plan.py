"""If these fail, an ablation compares something other than ablations.yaml says, or variants with unequal budgets."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab import params_yaml
from lab.errors import ParameterError
from lab.experiments import budget, graph, overrides
from lab.experiments.plan import find, load, plan
from tests.conftest import ROOT
from tests.experiments.conftest import written

PARAMS = params_yaml.read(ROOT / "params.yaml")
GOOD = {"baseline": "full", "seeds": [1, 2], "variants": {"raw": {"dedup": {"minhash": False}}, "full": {}}}


def refusal(tmp_path: Path, value: object, name: str = "a") -> str:
    with pytest.raises(ParameterError) as refused:
        find(written(tmp_path / "ablations.yaml", value), name)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_seed_by_seed_with_the_baseline_first(tmp_path):
    found = plan("a", find(written(tmp_path / "ablations.yaml", {"a": GOOD}), "a"))
    assert [each.name for each in found] == ["a-full-s1", "a-raw-s1", "a-full-s2", "a-raw-s2"]
    raw = found[3].overrides
    assert (raw["dedup.minhash"], raw["train.seed"], raw["tracking.group"]) == (False, 2, "a")
    assert raw["tracking.tags"] == ["variant:raw", "seed:2"]


def test_wrong_files_are_refused_with_the_place(tmp_path):
    assert "there is no ablation 'b'; there are a" in refusal(tmp_path, {"a": GOOD}, "b")
    assert "a: baseline 'x' is none of its variants: raw, full" in refusal(tmp_path, {"a": GOOD | {"baseline": "x"}})
    assert "a.sedes: there is no such key" in refusal(tmp_path, {"a": GOOD | {"sedes": [1]}})
    assert "a.variants is missing" in refusal(tmp_path, {"a": {"baseline": "x"}}).replace(": is", " is")
    assert "a.budget: 'seconds'" in refusal(tmp_path, {"a": GOOD | {"budget": "seconds"}})
    assert "a.variants.x y" in refusal(tmp_path, {"a": GOOD | {"variants": {"x y": {}, "full": {}}}})
    assert "has a seed twice" in refusal(tmp_path, {"a": GOOD | {"seeds": [1, 1]}})
    joined = {"a": GOOD | {"variants": {"full": {}, "b-c": {}}}, "a-b": GOOD | {"variants": {"full": {}, "c": {}}}}
    assert "two experiments would be called a-b-c-s1" in refusal(tmp_path, joined)
    assert "sweep-a: `lab isoflop` and `lab sweep`" in refusal(tmp_path, {"sweep-a": GOOD})


@pytest.mark.parametrize("name", load(ROOT / "ablations.yaml"))
def test_the_projects_ablations_can_be_run(name):
    """Every variant of each seed is valid, and they spend the same."""
    ablation = find(ROOT / "ablations.yaml", name)
    costs = []
    baseline = None
    for experiment in plan(name, ablation):
        changed = params_yaml.check(overrides.apply(PARAMS, experiment.overrides), experiment.name)
        baseline = baseline or changed
        equal = budget.equal_budget(ablation.budget, changed, baseline)
        final = params_yaml.check(overrides.apply(PARAMS, experiment.overrides | equal), experiment.name)
        cost = budget.flops_per_token(final) if ablation.budget == "flops" else 1
        costs.append(budget.budget_tokens(final) * cost)
    assert len(costs) >= 2 * len(ablation.seeds)
    assert costs == pytest.approx([costs[0]] * len(costs), rel=0.01)


def test_unknown_keys_can_not_vary():
    with pytest.raises(ParameterError, match=r"quality\.gohper\.min_words: there is no such key"):
        overrides.apply(PARAMS, {"quality.gohper.min_words": 1})


def test_paths_out_of_the_project_become_absolute():
    values = {"crawl": {"paths": ["../web.warc.gz", "own.warc"]}, "evaluate": {"data_dir": "../../hub", "items": 3}}
    assert overrides.outside_paths(values, Path("/work/lab")) == {
        "crawl.paths": ["/work/web.warc.gz", "own.warc"],
        "evaluate.data_dir": "/hub",
    }


def test_own_budget_and_seconds_are_refused():
    own = params_yaml.check(overrides.apply(PARAMS, {"train.budget": "100000 tokens"}), "x")
    seconds = params_yaml.check(overrides.apply(PARAMS, {"train.budget": "60 seconds"}), "x")
    base = params_yaml.check(PARAMS, "x")
    with pytest.raises(ParameterError, match="set it for all variants"):
        budget.equal_budget("tokens", own, base)
    with pytest.raises(ParameterError, match="not the same work twice"):
        budget.equal_budget("tokens", seconds, seconds)


@pytest.mark.parametrize("kind", ["tokens", "flops"])
def test_another_batch_size_is_no_other_budget(kind):
    large = params_yaml.check(overrides.apply(PARAMS, {"train.batch_tokens": 16384}), "x")
    base = params_yaml.check(PARAMS, "x")
    assert budget.budget_tokens(large) != budget.budget_tokens(base)  # each in whole steps
    budget.equal_budget(kind, large, base)


def test_equal_flops_give_a_dearer_model_fewer_tokens():
    base = params_yaml.check(PARAMS, "x")
    dear = params_yaml.check(overrides.apply(PARAMS, {"model.layers": 20}), "x")
    tokens = int(budget.equal_budget("flops", dear, base)["train.budget"].split()[0])
    assert tokens * budget.flops_per_token(dear) == pytest.approx(
        budget.budget_tokens(base) * budget.flops_per_token(base), rel=1e-4
    )


def test_stages_are_shared_up_to_the_one_that_differs():
    stages = graph.read_stages(ROOT / "dvc.yaml")
    base = graph.keys(stages, PARAMS)
    other = graph.keys(stages, overrides.apply(PARAMS, {"quality.filters": [], "train.seed": 2}))
    same = {stage for stage in stages if base[stage] == other[stage]}
    assert same == {"crawl", "index", "url_filter", "extract", "language"}
    seeded = graph.keys(stages, overrides.apply(PARAMS, {"train.seed": 2}))
    assert {"tokenize", "tokenizer", "dataset"} <= {stage for stage in stages if base[stage] == seeded[stage]}
    assert base["train"] != seeded["train"] and base["evaluate"] != seeded["evaluate"]


def test_targets_bring_what_they_need():
    stages = graph.read_stages(ROOT / "dvc.yaml")
    assert list(graph.needed(stages, ["language"])) == ["crawl", "index", "url_filter", "extract", "language"]
    assert "report" not in graph.needed(stages, ["evaluate"])


plain = st.one_of(st.integers(), st.booleans(), st.none(), st.text("x1 '\"[]{}=,:\\$", max_size=6))


@given(st.dictionaries(st.sampled_from(["a.b", "a.c", "d"]), plain | st.lists(plain, max_size=2), min_size=1))
def test_dvc_reads_overrides_as_they_are_meant(changes):
    """Any value survives `dvc exp run -S`."""
    from dvc.utils.hydra import to_hydra_overrides

    def value(read: object) -> object:
        if isinstance(read, list):
            return [value(each) for each in read]
        return read.text if hasattr(read, "text") else read

    parsed = to_hydra_overrides(overrides.arguments(changes)[1::2])
    assert {each.key_or_group: value(each._value) for each in parsed} == changes
