"""The project's git repository and DVC's experiments in it, read without touching the working tree.

In: a root folder. Out: revisions, files at a revision (git show), a stage's outputs at a revision (through dvc.lock and
DVC's cache), the experiments' refs (refs/exps/<baseline>/<name>, as `dvc exp run` writes them).
"""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from lab.errors import InputError, LabError
from lab.files import parse_yaml
from lab.git import git

DVC = (sys.executable, "-m", "dvc")  # its script need not be on the PATH
MAX_NAMED = 12  # experiments in an error


@dataclass(frozen=True)
class ExperimentRef:
    """An experiment that DVC has run. `ref`: refs/exps/<2 digits of the baseline>/<its other 38>/<name>."""

    ref: str
    commit: str

    @property
    def name(self) -> str:
        return self.ref.rsplit("/", 1)[-1]

    @property
    def baseline(self) -> str:
        """The commit that it started from."""
        return "".join(self.ref.split("/")[2:4])


class Repository:
    """A git repository with a DVC project at its root."""

    def __init__(self, root: Path):
        self.root = root.absolute()

    def git(self, *arguments: str) -> str:
        """What git prints. LabError if it fails."""
        return git(self.root, *arguments)

    def dvc(self, *arguments: str) -> str:
        """What DVC prints. LabError if it fails."""
        done = subprocess.run([*DVC, *arguments], cwd=self.root, capture_output=True, text=True)
        if done.returncode:
            raise LabError(f"dvc {arguments[0]} failed in {self.root}: {' '.join(done.stderr.split())}")
        return done.stdout

    def revision(self, name: str = "HEAD") -> str:
        """The commit of a revision, or of an experiment by its name: of several, the one that started from HEAD.

        InputError, with the known experiments, if there is none or more than one.
        """
        try:
            return self._commit(name)
        except LabError:
            refs = list(self.experiments())
        matching = [ref for ref in refs if ref.name == name]
        if len(matching) > 1:
            head = self._commit("HEAD")
            matching = [ref for ref in matching if ref.baseline == head] or matching
        if len(matching) == 1:
            return matching[0].commit
        if matching:
            commits = ", ".join(ref.commit[:10] for ref in matching)
            raise InputError(f"'{name}' is the name of several experiments; give one's commit: {commits}.")
        names = sorted({ref.name for ref in refs})
        more = ", ..." if len(names) > MAX_NAMED else ""
        known = f"experiments: {', '.join(names[:MAX_NAMED])}{more}" if names else "there are no experiments"
        raise InputError(f"'{name}' is neither a git revision nor an experiment of `dvc exp show`; {known}.")

    def _commit(self, name: str) -> str:
        return self.git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").strip()

    def experiments(self) -> Iterator[ExperimentRef]:
        """All experiments, the newest last."""
        lines = self.git("for-each-ref", "--sort=committerdate", "--format=%(refname) %(objectname)", "refs/exps")
        for line in lines.splitlines():
            ref, commit = line.split()
            if not ref.startswith(("refs/exps/exec/", "refs/exps/temp/")) and ref.count("/") == 4:
                yield ExperimentRef(ref, commit)

    def text(self, revision: str, path: str) -> str:
        """A file that git tracks, at a revision. InputError if there is none."""
        try:
            return self.git("show", f"{revision}:./{path}")
        except LabError:
            raise InputError(f"{path}: revision {revision[:10]} has no such file.") from None

    def md5s(self, revision: str, path: str) -> dict[str, str]:
        """MD5 of each file of a folder at a revision, by its path in it; of a file by ""."""
        md5s = {}
        for line in self.git("ls-tree", "-r", "-z", revision, "--", path).split("\0")[:-1]:
            about, file = line.split("\t", 1)
            md5s[file.removeprefix(path.rstrip("/")).lstrip("/")] = _blob_md5(self.root, about.split()[2])
        return md5s

    def yaml(self, revision: str, path: str) -> dict[str, Any]:
        """A YAML file (params.yaml, dvc.lock) at a revision. InputError if it is missing or broken."""
        return parse_yaml(self.text(revision, path), f"{path} of revision {revision[:10]}")

    def lock(self, revision: str | None = None) -> dict[str, dict]:
        """The stages in dvc.lock at a revision, or in the working tree. InputError if it is missing or broken."""
        path = self.root / "dvc.lock"
        if revision is None and not path.exists():
            raise InputError(f"{path}: no such file: nothing has run. Run `dvc repro`.")
        where = str(path) if revision is None else f"{path.name} of revision {revision[:10]}"
        text = path.read_text("utf-8") if revision is None else self.text(revision, path.name)
        stages = parse_yaml(text, where).get("stages", {})
        if not isinstance(stages, dict) or not all(isinstance(stage, dict) for stage in stages.values()):
            raise InputError(f"{where}: not what DVC writes: its `stages` are no mapping. `dvc repro` makes it again.")
        return stages

    def reports(self, revision: str) -> dict[str, dict]:
        """Stage -> reports/<stage>.json of a revision; broken files are left out."""
        reports = {}
        for path in map(Path, self.git("ls-tree", "--name-only", revision, "reports/").splitlines()):
            with suppress(ValueError):
                if path.suffix == ".json":
                    reports[path.stem] = json.loads(self.text(revision, path.as_posix()))
        return reports

    def output(self, revision: str, out: str) -> dict[str, Path]:
        """The files of an output at a revision, as `cached`. InputError if its dvc.lock or the cache lacks them."""
        outs = [entry for stage in self.lock(revision).values() for entry in stage.get("outs", ())]
        md5s = {entry["path"]: entry.get("md5", "") for entry in outs}
        if out not in md5s:
            raise InputError(f"{out}: no stage of revision {revision[:10]} has made it.")
        return self.cached(md5s[out], out)

    def changed(self, paths: list[str]) -> list[str]:
        """Which of the paths have changes that are not committed."""
        return [line[3:] for line in self.git("status", "--porcelain", "--", *paths).splitlines()]

    def same(self, one: str, other: str, paths: list[str]) -> bool:
        """Whether the paths are equal at two revisions."""
        return not self.git("diff", "--name-only", one, other, "--", *paths).strip()

    @cached_property
    def cache(self) -> Path:
        """DVC's cache folder: `cache.dir` of its configuration, .dvc/cache by default."""
        return (self.root / self.dvc("cache", "dir").strip()).resolve()

    def cached(self, md5: str, out: str) -> dict[str, Path]:
        """Relative path ("" of a single file) -> file in DVC's cache, by dvc.lock's hash. InputError if not there."""
        path = self._cached(md5)
        if not path.exists():
            raise InputError(
                f"{out}: DVC's cache does not have it ({md5[:10]}); `dvc fetch` or `dvc exp pull` gets it from a "
                "remote, running it again makes it again."
            )
        if not md5.endswith(".dir"):
            return {"": path}
        return {entry["relpath"]: self._cached(entry["md5"]) for entry in json.loads(path.read_text("utf-8"))}

    def _cached(self, md5: str) -> Path:
        return self.cache / "files" / "md5" / md5[:2] / md5[2:]


@cache
def _blob_md5(root: Path, blob: str) -> str:
    done = subprocess.run(["git", "cat-file", "blob", blob], cwd=root, capture_output=True, check=True)
    return hashlib.md5(done.stdout).hexdigest()
