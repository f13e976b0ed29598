"""If these fail, a user gets a traceback, or nothing, instead of one line that says what to do."""

import os
import shutil
import signal
import subprocess
import time

import pytest

from tests.conftest import hear_ctrl_c


@pytest.fixture
def project(finished, tmp_path):
    return finished.copy(tmp_path / "project")


def error_of(project, stage: str, **environment: str) -> str:
    output = project.stage(stage, status=1, **environment)
    assert "Traceback" not in output
    errors = [line for line in output.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, output
    return errors[0]


def test_an_unknown_key_stops_the_first_stage_that_would_run(project):
    project.change({"train": {"lerning_rate": 0.1}})
    assert "train.lerning_rate" in error_of(project, "crawl")


def test_a_warc_that_does_not_exist(project):
    project.change({"crawl": {"source": "warc", "paths": ["nowhere/crawl.warc.gz"]}})
    assert "nowhere/crawl.warc.gz" in error_of(project, "crawl")


def test_a_file_that_is_no_warc(project, tmp_path):
    (tmp_path / "cat.warc.gz").write_bytes(b"meow" * 1000)
    project.change({"crawl": {"source": "warc", "paths": [str(tmp_path / "cat.warc.gz")]}})
    project.stage("crawl")
    shutil.rmtree(project.root / "data" / "index")
    assert "cat.warc.gz" in error_of(project, "index")


def test_a_corpus_emptied_by_a_filter(project):
    project.change({"language": {"keep": ["xx"]}})
    error = error_of(project, "language")
    assert "none of" in error and "language" in error


def test_a_tokenizer_that_the_shards_were_not_made_with(project):
    path = project.root / "data" / "tokenize" / "index.json"
    text = path.read_text()
    path.unlink()
    path.write_text(text.replace('"tokenizer": "', '"tokenizer": "0000'))
    shutil.rmtree(project.root / "data" / "train")
    assert "tokenizer" in error_of(project, "train")


def test_a_context_longer_than_the_validation_split(project):
    project.change({"model": {"context": 1_000_000}, "train": {"batch_tokens": 1_000_000, "micro_batch": 1}})
    assert "context" in error_of(project, "train")


def test_the_traceback_is_there_for_whoever_asks(project):
    project.change({"train": {"lerning_rate": 0.1}})
    assert "Traceback" in project.stage("crawl", status=1, LAB_DEBUG="1")


def test_ctrl_c_ends_in_one_line_and_keeps_what_is_finished(project):
    shutil.rmtree(project.root / "data" / "train")
    process = subprocess.Popen(
        ["python", "-m", "stages", "train"], cwd=project.root, env=project.environment(), start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=hear_ctrl_c,
    )  # fmt: skip
    end = time.monotonic() + 120
    while not list((project.root / ".lab" / "train").glob("*/*.ckpt")) and time.monotonic() < end:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert "interrupted" in output and "Traceback" not in output


def test_a_full_disk(project, tmp_path):
    """A small filesystem in memory stands for the full disk."""
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(small)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no right to mount a small filesystem here")
    try:
        shutil.rmtree(project.root / ".lab", ignore_errors=True)
        (project.root / ".lab").symlink_to(small)
        shutil.rmtree(project.root / "data" / "extract")
        assert "disk is full" in error_of(project, "extract")
    finally:
        subprocess.run(["umount", str(small)])
