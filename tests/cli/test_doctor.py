"""If these fail, a user is told that the pipeline can run where it can't, or sees a secret on the screen."""

import os
import re
import shutil
import subprocess
from types import SimpleNamespace

import pytest

from lab.cli.doctor import locked


@pytest.fixture
def ready(project):
    """A project that `make repro` could run in."""
    (project / ".dvc").mkdir()
    (project / ".dvc" / "config").touch()
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    for arguments in (["init", "-q"], ["add", "params.yaml"], [*identity, "commit", "-qm", "A lab"]):
        subprocess.run(["git", *arguments], check=True)
    lock = project / "requirements.lock"
    lock.write_text("".join(line for line in lock.read_text().splitlines(True) if line.startswith(("rich=", "typer="))))
    return project


def test_a_machine_that_can_run_it(lab, ready):
    found = lab("doctor")
    assert found.status == 0, found.out
    assert found.out.endswith("`make repro` can run here.\n")
    for expected in (r"Python: 3\.\d+", r"processor: .*\d+ cores", r"all 2 packages as pinned", r"git: [0-9a-f]{12}",
                     r"language\.model: .*lid\.176\.ftz", r"TIKTOKEN_CACHE_DIR", r"HF_HOME", r"GPUs: "):  # fmt: skip
        assert re.search(expected, found.out), expected


def problems(found) -> str:
    assert found.status == 1, found.out
    return found.out.split("can't run as it should:\n")[1]


def test_packages_that_differ_from_the_lock(lab, ready):
    (ready / "requirements.lock").write_text("rich==1.0\nno-such-package==2.0 # why\ntyper\n--hash=x\n")
    found = lab("doctor")
    assert "no-such-package 2.0 is not installed" in found.out and "not 1.0" in found.out
    assert "pip install -r requirements.lock" in problems(found)


def test_the_device_part_of_a_version_is_no_difference(tmp_path, monkeypatch):
    (tmp_path / "requirements.lock").write_text("torch==2.13.0\nextra==1 ; sys_platform == 'nowhere'\n")
    monkeypatch.setitem(locked.__globals__, "installed", lambda name: "2.13.0+cu128" if name == "torch" else None)
    assert locked(tmp_path / "requirements.lock").remedy is None


def test_a_parameter_that_can_not_be_used(lab, ready):
    (ready / "params.yaml").write_text("quality: {gopher: {min_wrods: 1}}\n")
    found = lab("doctor")
    assert "min_wrods" in found.out and "params.yaml" in problems(found)


def test_no_git_and_no_dvc(lab, ready):
    shutil.rmtree(ready / ".git")
    shutil.rmtree(ready / ".dvc")
    assert "git init" in problems(lab("doctor")) and "dvc init" in problems(lab("doctor"))


def test_a_tool_that_is_missing(lab, ready, monkeypatch):
    """git alone is on the path."""
    (ready / "bin").mkdir()
    os.symlink(shutil.which("git"), ready / "bin" / "git")
    monkeypatch.setenv("PATH", str(ready / "bin"))
    assert problems(lab("doctor")) == "  make: install make.\n"


def test_a_full_disk(lab, ready, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000_000))
    assert "free 3 GB" in problems(lab("doctor"))


def test_a_language_model_or_blacklist_that_is_not_there(lab, ready):
    (ready / "params.yaml").write_text("language: {model: no.bin}\nurl_filter: {blacklist: lists.tar.gz}\n")
    remedies = problems(lab("doctor"))
    assert "lid.176.ftz" in remedies and "lists.tar.gz" in remedies


def test_a_tokenizer_that_would_be_downloaded_is_told(lab, ready, monkeypatch):
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(ready / "empty"))
    (ready / "params.yaml").write_text("tokenizer: {kind: gpt2}\n")
    found = lab("doctor")
    assert found.status == 0 and "gpt2, which tokenizer.kind asks for, will be downloaded" in found.out


def test_the_key_is_never_shown(lab, ready, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "a-secret-key")
    found = lab("doctor")
    assert "WANDB_API_KEY: set" in found.out and "logged: online" in found.out
    assert "secret" not in found.out + found.err


def test_a_run_that_wants_a_key_and_has_none(lab, ready):
    (ready / "params.yaml").write_text("tracking: {mode: online}\n")
    assert "WANDB_API_KEY" in problems(lab("doctor"))
