"""If this fails, a new filter needs edits in more places, and ablations that name no filters run it unasked."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lab.curate.quality import BY_NAME
from lab.documents import Document, RowWriter
from tests.conftest import ROOT
from tests.curate.quality.examples import PROSE

TOY = '''"""A filter for the tests: texts with few x."""

from lab.curate.quality.thresholds import Thresholds
from lab.curate.text.text import Text

TITLE = "Toy"


class Params(Thresholds):
    min_x: int | None = 1


def statistics(text: Text, params: Params) -> dict[str, float]:
    return {"x": text.text.count("x")}
'''
RUN = """
import json, sys
from pathlib import Path
from lab.curate.quality.stage import run
from lab.documents import read_rows
from lab.params import EngineParams
from lab.params_yaml import check
from lab.report.run.filters import TITLES, read_filters

def quality(name, **section):
    return check({"quality": section}, "test").quality, EngineParams(workers=1)

run(Path("in"), Path("raw"), *quality("raw", filters=[]))
metrics = run(Path("in"), Path("data/quality"), *quality("toy", toy={"min_x": 2}, filters=["toy"]))
rows = list(read_rows(Path("data/quality/statistics/part-0.parquet")))
(group,) = read_filters(Path("data/quality")).groups
print(json.dumps({
    "raw": len(list(read_rows(Path("raw/part-0.parquet")))),
    "default": check({}, "test").quality.filters,
    "removed": metrics["removed"],
    "measured": [row["toy.x"] for row in rows],
    "captions": [(TITLES[name], *(each.caption for each in shown)) for name, shown in group.filters.items()],
}))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the lab with a toy filter in two files, and a shard of three documents with 0, 1 and 2 x."""
    shutil.copytree(ROOT / "lab", tmp_path / "lab", ignore=shutil.ignore_patterns("__pycache__"))
    package = tmp_path / "lab/curate/quality"
    (package / "toy.py").write_text(TOY)
    init = (package / "__init__.py").read_text()
    added = re.sub(r"(?m)^(from lab.curate.quality import .*)$", r"\1, toy", init)
    added = re.sub(r"(?m)^(FILTERS = \(.*)\)", r"\1, toy)", added)
    (package / "__init__.py").write_text(added)
    with RowWriter(tmp_path / "in/part-0.parquet") as writer:
        for n in range(3):
            writer.write(Document(f"{n}", "http://a.example/", "", "w", n, PROSE.replace("x", "") + "x" * n, "en", 0.9))
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def python(project: Path, *arguments: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(project)}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=project, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def changed_files(project: Path) -> list[str]:
    """Files of the copy that are not the project's."""
    return sorted(
        path.relative_to(project).as_posix()
        for path in (project / "lab").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
        and not ((ROOT / path.relative_to(project)).is_file()
                 and path.read_bytes() == (ROOT / path.relative_to(project)).read_bytes())
    )  # fmt: skip


def test_a_filter_is_its_file_and_its_name_in_the_list(project):
    assert changed_files(project) == ["lab/curate/quality/__init__.py", "lab/curate/quality/toy.py"]
    outcome = json.loads(python(project, "-c", RUN))
    assert outcome["raw"] == 3, "without filters nothing is removed, whatever filters there are"
    assert outcome["default"] == [*BY_NAME, "toy"]
    assert outcome["removed"] == {"toy:min_x": 2} and outcome["measured"] == [0, 1, 2]
    assert outcome["captions"] == [["Toy", "min_x 2 cuts off 66.7 %"]]
    out = python(project, "-m", "lab.cli", "what-if", "--markdown", "quality.toy.min_x=1")
    assert [line.split(" | ")[1:3] for line in out.splitlines() if line.startswith(("| kept", "| toy"))] == [
        ["1", "2"],
        ["2", "1"],
    ]
