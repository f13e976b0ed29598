"""If these fail, a mistake on the command line ends in a traceback, or `lab --help` makes a user wait."""

import os
import re
import signal
import subprocess
import sys
import time
from importlib import metadata

import pytest

from lab.cli import COMMANDS
from tests.cli.conftest import error_of, start
from tests.conftest import ROOT, hear_ctrl_c

NAMES = [command.__name__.replace("_", "-") for command in COMMANDS]


def test_help_lists_every_command(lab):
    found = lab("--help")
    assert found.status == 0
    assert all(re.search(rf"^  {name} ", found.out, re.MULTILINE) for name in NAMES)
    assert lab().out == found.out  # so does `lab` alone


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_help_with_an_example(lab, name):
    found = lab(name, "--help")
    assert found.status == 0
    assert f"  lab {name}" in found.out.split("Example", 1)[1]


def test_help_does_not_wait_for_heavy_packages():
    heavy = ("torch", "pyarrow", "dvc", "tiktoken", "transformers", "numpy", "pydantic", "rich.console")
    code = (
        "import sys\nfrom lab.cli import main\n"
        "try: main(['--help'])\n"
        f"except SystemExit: print([name for name in {heavy} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stderr.strip() == "[]"


def test_version(lab):
    assert lab("--version").out == f"lab {metadata.version('pretraining-lab')}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prewiew"], "No such command 'prewiew'. Did you mean 'preview'? See `lab --help`."),
        (["preview"], "Missing argument 'STAGE'. See `lab preview --help`."),
        (["preview", "quality", "--sample", "many"], "'--sample'"),
        (["generate", "x", "--colour"], "No such option: --colour"),
        (["generate", "x", "--top-p", "2"], "'--top-p'"),
    ],
)
def test_wrong_usage_is_one_line(lab, arguments, message):
    found = lab(*arguments)
    assert found.status == 2
    assert message in found.err and found.err.startswith("error: ") and found.err.count("\n") == 1


@pytest.mark.parametrize("name", ["generate", "preview", "tokens", "compare", "doctor"])
def test_outside_of_a_project(lab, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    arguments = {"generate": ["x"], "preview": ["quality"], "tokens": ["x"], "compare": ["workspace", "HEAD"]}
    assert "params.yaml" in error_of(lab(name, *arguments.get(name, [])))


def test_a_folder_inside_of_a_project_will_do(lab, project, monkeypatch):
    monkeypatch.chdir(project / "reports" / "train")
    assert lab("preview", "quality", "--stats").status == 0


@pytest.mark.parametrize("arguments", [["--debug", "preview", "nowhere"], ["preview", "nowhere", "--debug"]])
def test_debug_shows_the_traceback(project, arguments):
    done = start(*arguments)
    assert b"Traceback" in done.stderr and done.returncode == 1


def test_debug_by_the_environment(project):
    assert b"Traceback" in start("preview", "nowhere", LAB_DEBUG="1").stderr
    assert b"Traceback" not in start("preview", "nowhere").stderr


def test_a_reader_that_has_seen_enough_is_no_error(project):
    command = f"{sys.executable} -m lab.cli preview extract --characters 0 | head -c 10"
    done = subprocess.run(
        ["bash", "-c", command], env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, timeout=60
    )
    assert (len(done.stdout), done.stderr) == (10, b"")


def test_ctrl_c(project):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-m", "lab.cli", "tokens"], env=environment,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        preexec_fn=hear_ctrl_c,
    )  # fmt: skip
    time.sleep(1.5)  # by then it waits for its input
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=30) == 130
    assert process.stderr.read() == b""


def test_a_terminal_without_utf8(project):
    done = start("preview", "language", "--reason", "language", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0
    assert b"Die F?hre" in done.stdout
