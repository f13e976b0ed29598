"""If these fail, a power cut costs a user hours, or changes the result."""

import shutil

from tests.e2e.conftest import kill_when, stages_run


def test_a_change_to_quality_runs_only_quality_and_what_hangs_on_it(finished, tmp_path):
    project = finished.copy(tmp_path / "project")
    project.change({"quality": {"gopher": {"min_words": 150}}})
    # Up to dataset: what follows depends on it alone, and whether it changed is for DVC to see.
    assert stages_run(project.run("dvc", "repro", "dataset")) == ["quality", "dedup", "pii", "dataset"]


def test_extract_killed_in_the_middle_goes_on_to_the_same_bytes(finished, tmp_path):
    project = finished.copy(tmp_path / "project")
    project.change({"engine": {"workers": 1}})
    shutil.rmtree(project.root / "data" / "extract")
    work = project.root / ".lab" / "work" / "extract"

    def done() -> list:
        return sorted(work.glob("*/result.json"))

    kill_when(project.start_stage("extract"), lambda: len([p for p in done() if ".tmp" not in p.parent.name]) >= 2)
    assert not (project.root / "data" / "extract").exists()
    kept = done()[0].parent
    inode = next(kept.glob("*.parquet")).stat().st_ino
    project.stage("extract")
    assert project.hashes("extract") == finished.hashes("extract")
    # The shard that was finished before the kill is the very file, not one made again.
    assert inode in {path.stat().st_ino for path in (project.root / "data" / "extract").glob("*.parquet")}


def test_train_killed_in_the_middle_goes_on_to_the_same_weights(finished, tmp_path):
    project = finished.copy(tmp_path / "project")
    shutil.rmtree(project.root / "data" / "train")
    shutil.rmtree(project.root / ".lab", ignore_errors=True)
    checkpoints = project.root / ".lab" / "train"
    kill_when(project.start_stage("train"), lambda: len(list(checkpoints.glob("*/*.ckpt"))) >= 1)
    assert not (project.root / "data" / "train" / "model.safetensors").exists()
    output = project.stage("train")
    assert "resum" in output.lower()
    assert project.hashes("train") == finished.hashes("train")
