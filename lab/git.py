"""git, as far as the lab needs it: what a command prints, and the state of the sources."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError

WRITTEN_BY_RUNS = ("reports", "dvc.lock")  # a change there is no change of the sources


@dataclass(frozen=True)
class Revision:
    """`commit`: None outside a repository, or in one without a commit; `dirty`: the sources differ from it."""

    commit: str | None
    dirty: bool

    def __str__(self) -> str:
        if self.commit is None:
            return "unknown"
        return self.commit[:12] + (" and changes that are not committed" if self.dirty else "")


def git(root: Path, *arguments: str) -> str:
    """What git prints. LabError, with the last line of git's own message, if it fails."""
    command = ["git", *arguments]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, encoding="utf-8", errors="replace")
    except OSError as error:
        raise LabError(f"git can't be run in {root}: {error}") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise LabError(f"git {arguments[0]} failed in {root}: {lines[-1]}")
    return done.stdout


def read_revision(root: Path) -> Revision:
    """The commit of the working tree at `root`, and whether its sources differ from it."""
    try:
        commit = git(root, "rev-parse", "HEAD").strip()
        excluded = (f":(exclude){path}" for path in WRITTEN_BY_RUNS)
        return Revision(commit, bool(git(root, "status", "--porcelain", "--", ".", *excluded).strip()))
    except LabError:
        return Revision(None, False)
