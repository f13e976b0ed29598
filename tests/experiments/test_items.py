"""If these fail, variants of the curation are asked different questions, and the worst corpus may win."""

import pytest

from lab.evaluate.sample import make_sample
from lab.evaluate.suites import load_tasks
from lab.experiments import items
from lab.experiments.plan import Ablation
from lab.experiments.queue import make_queue
from lab.experiments.repository import Repository
from tests.conftest import ROOT
from tests.evaluate.conftest import town, write_dataset
from tests.experiments.conftest import stage


def test_all_are_asked_what_the_baseline_would_be(tmp_path):
    """Through lm-eval: the folder's tasks hold the sample suite's items of that dataset."""
    write_dataset(tmp_path / "dataset", town())
    files = {
        path.relative_to(tmp_path / "dataset").as_posix(): path for path in (tmp_path / "dataset").rglob("*.parquet")
    }
    items.make(files, tmp_path / "common", 10, 1)
    names, _ = make_sample(tmp_path / "dataset", tmp_path / "own", 10, 1)
    own = load_tasks(["sample"], names, tmp_path / "own", tmp_path / "cache")["tasks"]
    common = load_tasks([str(tmp_path / "common")], [], tmp_path, tmp_path / "cache")["tasks"]
    assert sorted(common) == sorted(own) and len(own) > 2
    for name, task in common.items():
        assert list(task.validation_docs()) == list(own[name].validation_docs())
        assert task.dump_config()["metric_list"] == own[name].dump_config()["metric_list"]


def queue_with(tiny, **more):
    ablation = Ablation(baseline="full", items="baseline", variants={"full": {}, "raw": more})
    return make_queue("filters", ablation, Repository(tiny.root), ["evaluate"])


@pytest.mark.slow
def test_the_folder_is_named_by_what_it_is_made_of(tiny):
    tiny.change("dvc.yaml", "  train:", stage("dataset", "dataset", "quality") + "  train:")
    train = "params: [model, train]\n    deps: [stage.py, data/"
    tiny.change("dvc.yaml", f"{train}quality]", f"{train}dataset]")
    tiny.commit()
    first = queue_with(tiny, **{"quality.filters": []})
    suites = {tuple(values["evaluate"]["suites"]) for values in first.values.values()}
    assert suites == {(str(first.items),)}
    assert queue_with(tiny, **{"quality.filters": ["gopher"]}).items == first.items  # a variant changes nothing
    (tiny.root / "README.md").write_text("no code")
    tiny.commit()
    assert queue_with(tiny).items == first.items
    tiny.change("params.yaml", "max_words: 100000", "max_words: 90000")  # the baseline's corpus
    tiny.commit()
    other = queue_with(tiny).items
    assert other != first.items
    (tiny.root / "stage.py").write_text((tiny.root / "stage.py").read_text() + "\n")
    tiny.commit()
    assert queue_with(tiny).items not in (other, first.items)


def test_the_code_that_items_are_made_of_exists():
    assert [path for path in items.CODE if not (ROOT / path).exists()] == []
