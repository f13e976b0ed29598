"""If these fail, nobody can say which pages, parameters and code a score came from."""

import json

import pytest

from lab.errors import InputError
from lab.experiments.lineage import as_dict, steps, trace
from lab.experiments.repository import Repository

pytestmark = pytest.mark.slow


def test_walks_from_a_score_to_the_warc_files_and_finds_the_code(tiny):
    (tiny.root / "lib").mkdir()
    (tiny.root / "lib" / "b.py").write_text("b")
    (tiny.root / "lib" / "a.py").write_text("a")
    tiny.change("dvc.yaml", "deps: [stage.py, data/quality]", "deps: [stage.py, lib, data/quality]")
    manifest = {"files": [{"path": "web.warc.gz", "bytes": 12, "sha256": "ab" * 32}]}
    more = '(out / "inner").mkdir()\n(out / "inner" / "y").write_text(text)\n'
    more += f'(out / "manifest.json").write_text({json.dumps(json.dumps(manifest))})\n'
    tiny.change("stage.py", '(out / "x")', more + '(out / "x")')
    tiny.commit()
    tiny.run("dvc", "repro")
    ran = tiny.run("git", "rev-parse", "HEAD").strip()
    (tiny.root / "lib" / "a.py").write_text("changed")
    tiny.commit()
    project = Repository(tiny.root)
    found = trace(project, "reports/evaluate.json")
    assert not found.changed
    assert [step.stage for step in steps(found.step)] == ["evaluate", "train", "quality", "crawl"]
    named = as_dict(found.step)
    assert named["crawl"]["sources"] == manifest["files"]
    assert named["train"]["commit"] == ran  # with lib as it was then
    assert named["evaluate"]["commit"] == tiny.run("git", "rev-parse", "HEAD").strip()  # its code has not changed
    assert named["train"]["parameters"]["train"]["seed"] == 1
    assert {dep["path"] for dep in named["train"]["code"]} == {"stage.py", "lib"}
    assert trace(project, "data/quality/x").step.stage == "quality"
    for path in ("data/quality", "data/quality/inner", "data/quality/inner/y"):
        assert not trace(project, path).changed
    (tiny.root / "data" / "quality" / "inner" / "y").unlink()
    assert trace(project, "data/quality/inner").changed and trace(project, "data/quality/inner/y").changed
    with pytest.raises(InputError, match="data/quality/nosuch: no such file or folder in data/quality"):
        trace(project, "data/quality/nosuch")

    (tiny.root / "reports" / "evaluate.json").write_text("{}")
    assert trace(project, "reports/evaluate.json").changed
    (tiny.root / "lib" / "a.py").write_text("never committed")
    tiny.run("dvc", "repro", "train")
    assert trace(project, "reports/train.json").step.commit is None


@pytest.mark.parametrize("text", ["stages:\n<<<<<<< HEAD\n", "stages: [a]", "- a", "stages: {a: 1}"])
def test_a_broken_lock_is_told(tiny, text):
    (tiny.root / "dvc.lock").write_text(text)
    with pytest.raises(InputError, match=r"dvc\.lock"):
        trace(Repository(tiny.root), "reports/evaluate.json")


def test_what_no_stage_made_is_told(tiny):
    with pytest.raises(InputError, match="nothing has run"):
        trace(Repository(tiny.root), "reports/evaluate.json")
    tiny.run("dvc", "repro", "crawl")
    with pytest.raises(InputError, match=r"README\.md: no stage in dvc\.lock made it.*reports/crawl\.json"):
        trace(Repository(tiny.root), "README.md")
