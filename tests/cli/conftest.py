"""What the command line's tests share: a small finished project, and `lab` as a user runs it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import tiktoken

from lab.cli import main
from lab.tokens import bpe
from tests.conftest import ROOT
from tests.report.fake_run import write_run


@dataclass(frozen=True)
class Result:
    status: int
    out: str
    err: str


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A project folder after a run, as the current folder."""
    root = tmp_path / "project"
    root.mkdir()
    write_run(root)
    for name in ("params.yaml", "dvc.yaml", "requirements.lock"):
        shutil.copyfile(ROOT / name, root / name)
    shutil.rmtree(root / "data" / "tokenizer")
    ranks = {bytes([byte]): byte for byte in range(256)} | {b" the": 256, b" fe": 257, b" ferry": 258}
    encoding = tiktoken.Encoding(
        "lab", pat_str=bpe.GPT4_PATTERN, mergeable_ranks=ranks, special_tokens={bpe.END_OF_TEXT: 259}
    )
    bpe.save(encoding, root / "data" / "tokenizer")
    monkeypatch.chdir(root)
    for name in ("LAB_DEBUG", "FORCE_COLOR", "COLUMNS", "TIKTOKEN_CACHE_DIR", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return root


@pytest.fixture
def lab(capsys) -> Callable[..., Result]:
    """Run `lab` in this process; a LabError shows as what it prints."""

    def run(*arguments: str) -> Result:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Result(stopped.value.code, out, err)

    return run


def start(*arguments: str, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess:
    """Run `lab` in a process of its own, output as bytes."""
    command = [sys.executable, "-m", "lab.cli", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(command, input=stdin, env=environment, capture_output=True, timeout=60)


def error_of(result: Result) -> str:
    """The error of a command that failed as it should: one line on stderr, nothing on stdout, exit status 1."""
    assert result.status == 1, result
    assert result.out == ""
    assert result.err.startswith("error: ") and result.err.count("\n") == 1, result.err
    return result.err
