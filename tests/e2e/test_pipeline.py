"""If these fail, `make repro` does not do what the README promises."""

import json

import pytest

from lab.documents import read_documents, shards
from tests.e2e.conftest import CURATION, STAGES, stages_run


def metrics(project, stage: str) -> dict:
    return json.loads((project.root / "reports" / f"{stage}.json").read_text())


def test_every_stage_writes_metrics_and_the_report_is_there(finished):
    for stage in STAGES:
        assert metrics(finished, stage), stage
    page = (finished.root / "reports" / "index.html").read_text()
    assert "<html" in page and "url_filter" in page


def test_no_document_is_lost_between_the_stages(finished):
    previous = None
    for stage in CURATION[:-1]:
        counts = metrics(finished, stage)
        assert counts["documents_in"] == counts["documents_out"] + sum(counts["removed"].values()), stage
        assert previous is None or counts["documents_in"] == previous, stage
        previous = counts["documents_out"]
    kept = [document for split in ("train", "validation") for document in split_documents(finished, split)]
    assert len(kept) == previous
    assert len({document.id for document in kept}) == previous


def split_documents(project, split: str) -> list:
    return [d for shard in shards(project.root / "data" / "dataset" / split) for d in read_documents(shard)]


def test_planted_cases_get_the_verdict_that_is_certain(finished):
    kinds = metrics(finished, "report")["confusion"]
    wrong = {kind: row for kind, row in kinds.items() if row["certain"] and row["right"] != row["n"]}
    assert not wrong
    assert {"blocked_host", "blocked_url", "email", "near_duplicate:1.0"} <= set(kinds)


def test_the_model_learns(finished):
    """Even the small one of these tests ends below the entropy of a unigram model of its validation split."""
    train = metrics(finished, "train")
    assert train["validation_loss"] < train["unigram_entropy"]


def test_a_second_run_changes_nothing(finished):
    assert stages_run(finished.run("dvc", "repro")) == []
    assert "up to date" in finished.run("dvc", "status")


def test_dvc_shows_metrics_and_plots(finished):
    assert "validation_loss" in finished.run("dvc", "metrics", "show")
    finished.run("dvc", "plots", "show", "reports/train/curve.csv")
    assert (finished.root / "dvc_plots" / "index.html").exists()


def test_the_same_bytes_with_one_worker(finished, tmp_path):
    other = finished.copy(tmp_path / "project")
    other.change({"engine": {"workers": 1}})
    for stage in ["crawl", *CURATION]:
        remove(other, stage)
        other.stage(stage)
        assert other.hashes(stage) == finished.hashes(stage), stage


def test_the_same_bytes_on_ray(finished, tmp_path):
    pytest.importorskip("ray", reason="the extra 'cluster' is not installed")
    other = finished.copy(tmp_path / "project")
    other.change({"engine": {"kind": "ray"}})
    for stage in CURATION:
        remove(other, stage)
    # One process for all stages, so that Ray with its two workers is started once.
    script = "import ray\nfrom stages import run\nray.init(num_cpus=2, include_dashboard=False)\n"
    script += "".join(f"run({stage!r})\n" for stage in CURATION)
    other.run("python", "-c", script)
    for stage in CURATION:
        assert other.hashes(stage) == finished.hashes(stage), stage


def remove(project, stage: str) -> None:
    import shutil

    shutil.rmtree(project.root / "data" / stage)
