"""If this fails, the lab works on its own sample only, and not on a real web archive."""

import json

from lab.documents import read_documents, shards
from tests.e2e.conftest import STAGES, stages_run

REAL_PAGES = 1027


def test_a_real_archive_from_warc_to_score(fresh, shared, tmp_path):
    project = fresh.clone(tmp_path / "project")
    archive = shared / "web.warc.gz"
    output = project.run(
        "dvc", "exp", "run", "-S", "crawl.source=warc", "-S", f"crawl.paths=[{archive}]", "-S", "language.keep=[de]"
    )  # fmt: skip
    assert stages_run(output) == list(STAGES)

    def metrics(stage: str) -> dict:
        return json.loads((project.root / "reports" / f"{stage}.json").read_text())

    assert metrics("index")["documents_out"] == REAL_PAGES
    # Two thirds of the pages are German.
    assert 550 < metrics("language")["documents_out"] < 750
    kept = [d for shard in shards(project.root / "data" / "dataset" / "train") for d in read_documents(shard)]
    assert len(kept) > 300 and all(document.language == "de" for document in kept)
    assert metrics("train")["validation_loss"] < metrics("train")["unigram_entropy"]
    assert metrics("evaluate")["scores"]
    assert (project.root / "reports" / "index.html").exists()
