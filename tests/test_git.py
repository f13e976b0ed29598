"""If these fail, a report or a training run names another revision than the one that ran."""

import subprocess

from lab.git import read_revision


def test_the_revision_is_gits_and_runs_do_not_dirty_it(tmp_path):
    assert str(read_revision(tmp_path)) == "unknown"

    def git(*arguments):
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
        return subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True)

    git("init", "-q")
    (tmp_path / "code.py").write_text("1")
    git("add", ".")
    git("commit", "-qm", "first")
    clean = read_revision(tmp_path)
    assert clean.commit == git("rev-parse", "HEAD").stdout.strip() and not clean.dirty
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "train.json").write_text("{}")
    (tmp_path / "dvc.lock").write_text("")
    assert not read_revision(tmp_path).dirty
    (tmp_path / "code.py").write_text("2")
    assert read_revision(tmp_path).dirty
