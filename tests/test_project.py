"""If these fail, a newcomer can't read or extend the project: circles of imports, a stage that touches half of it."""

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from lab.documents import Document, RowWriter
from stages import dvc
from tests.conftest import ROOT

DESIGN = (ROOT / "docs/DESIGN.md").read_text("utf-8")
LONGEST_PATH = 7000  # lines
# Packages that nothing imports, and who needs them.
NEEDED_BY_OTHERS = {"lxml-html-clean"}  # trafilatura's extra html_clean, which a frozen list loses


def modules(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def path_files() -> list[Path]:
    """The files of docs/DESIGN.md's reading order, from a WARC record to a score."""
    section = DESIGN.split("## The path", 1)[1].split("\n## ", 1)[0]
    return [ROOT / name for name in re.findall(r"`((?:lab|stages)/[\w/]+\.py)`", section)]


def test_the_path_is_short_enough_to_read():
    files = path_files()
    assert len(files) == len(set(files)) > 40
    lines = sum(len(file.read_text("utf-8").splitlines()) for file in files)
    assert lines <= LONGEST_PATH
    stated = int(re.search(r"([\d,]+) lines", DESIGN.split("## The path", 1)[1])[1].replace(",", ""))
    assert abs(stated - lines) <= 100, f"docs/DESIGN.md says {stated}, it is {lines}"


def test_the_path_says_what_its_names_hold():
    """`found` says nothing about what was found."""
    vague = {"found", "told", "shown", "wanted"}
    names = [
        f"{file.relative_to(ROOT)}:{node.lineno} {node.id}"
        for file in path_files()
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in vague
    ]
    assert names == []


def test_no_module_imports_itself_by_way_of_others():
    """Circles within a package's own files and between rooms alike; `if TYPE_CHECKING` counts as well."""
    graph = {file: dvc.imports(file) - {file} for file in modules("lab")}
    # A package's __init__ names what its modules export, and each of them imports the package on the way.
    graph = {file: {i for i in imports if i.name != "__init__.py"} for file, imports in graph.items()}
    done: set[Path] = set()

    def visit(file: Path, above: tuple[Path, ...]) -> None:
        assert file not in above, " -> ".join(str(f.relative_to(ROOT)) for f in (*above[above.index(file) :], file))
        if file not in done:
            for other in graph.get(file, ()):
                visit(other, (*above, file))
            done.add(file)

    for file in graph:
        visit(file, ())


ROOMS = (  # as data flows
    "sample", "crawl", "curate", "tokens", "model", "train", "evaluate", "experiments", "recipes", "report", "cli",
)  # fmt: skip


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_only_what_comes_before_them(room):
    later = ROOMS[ROOMS.index(room) + 1 :]
    backwards = [
        f"{file.relative_to(ROOT)} -> {imported.relative_to(ROOT)}"
        for file in modules(f"lab/{room}")
        for imported in dvc.imports(file)
        if imported.relative_to(ROOT).parts[1] in later
    ]
    assert backwards == []


def test_files_below_the_rooms_import_none_of_them():
    above = {
        file.name
        for file in (ROOT / "lab").glob("*.py")
        for imported in dvc.imports(file)
        if imported.relative_to(ROOT).parts[1] in ROOMS
    }
    assert above == {"params_yaml.py", "tracking.py"}, "docs/DESIGN.md names those that do"


def test_pyproject_lists_what_is_imported_and_nothing_else():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    listed = {_name(requirement) for requirement in project["dependencies"]}
    optional = {_name(requirement) for extra in extras.values() for requirement in extra}
    distributions = importlib.metadata.packages_distributions()
    imported = set()
    for file in modules("lab", "stages"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
            imported |= {name.split(".")[0] for name in names}
    imported -= {*sys.stdlib_module_names, "lab", "stages"}
    needed = {_name(distribution) for name in imported for distribution in distributions.get(name, [name])}
    assert needed - optional == listed - NEEDED_BY_OTHERS


def _name(requirement: str) -> str:
    return re.match(r"[\w.-]+", requirement)[0].lower().replace("_", "-").replace(".", "-")


TOY = '''"""The stage toy: documents with more than a few letters.

In: shards of documents. Out: shards of those with at least `min_letters` letters.
"""

from pathlib import Path

from lab.documents import Document, Reason, sift
from lab.engine import run_stage
from lab.params import EngineParams, ToyParams


def run(source: Path, out: Path, params: ToyParams, engine: EngineParams) -> dict:
    return run_stage("toy", _filter, source, out, params, engine)


def _filter(path: Path, folder: Path, name: str, *, params: ToyParams) -> dict:
    def judge(document: Document) -> Reason | None:
        letters = sum(map(str.isalpha, document.text))
        return Reason("min_letters", letters, "<", params.min_letters) if letters < params.min_letters else None

    return sift(path, folder, name, judge).as_dict()
'''


def test_a_new_stage_touches_five_files_at_most(tmp_path):
    """docs/DESIGN.md, "add a stage", step by step in a copy of the project; then the stage runs."""
    for folder in ("lab", "stages"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)

    def edit(name: str, before: str, after: str) -> None:
        text = (tmp_path / name).read_text("utf-8")
        assert text.count(before) == 1, (name, before)
        (tmp_path / name).write_text(text.replace(before, after), "utf-8")

    (tmp_path / "lab/curate/toy.py").write_text(TOY)  # 1: what it does
    keys = "class ToyParams(Section):\n    min_letters: Count = Field(3, description='per document')\n\n\n"
    edit("lab/params.py", "class DatasetParams(Section):", keys + "class DatasetParams(Section):")  # 2: its parameters
    edit(
        "lab/params_yaml.py",
        "    dataset: params.DatasetParams",
        "    toy: params.ToyParams = params.ToyParams()\n    dataset: params.DatasetParams",
    )  # 3: its section
    stage = (
        'Stage("toy", "Toy", "with letters", "documents with letters", "curate", "lab.curate.toy:run", reads=("pii",)),'
    )
    edit("lab/pipeline.py", '    Stage("dataset"', f'    {stage}\n    Stage("dataset"')
    edit(
        "lab/pipeline.py",
        '"lab.curate.dataset.stage:run", reads=("pii",)',
        '"lab.curate.dataset.stage:run", reads=("toy",)',
    )
    # 4: its place; 5 would be its test

    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    for arguments in (["stages.params"], ["stages.dvc"]):
        subprocess.run([sys.executable, "-m", *arguments], cwd=tmp_path, env=environment, check=True)
    texts = {"kept": "Some letters.", "removed": "1."}
    with RowWriter(tmp_path / "data/pii/0.parquet") as file:
        for name, text in texts.items():
            file.write(Document(name, f"https://{name}.example", "2026-01-01", "a.warc", 0, text))
    subprocess.run([sys.executable, "-m", "stages", "toy"], cwd=tmp_path, env=environment, check=True)

    assert '"min_letters": 1' in (tmp_path / "reports/toy.json").read_text()
    assert "toy:\n  min_letters: 3 # per document\n" in (tmp_path / "params.yaml").read_text()
    written = (tmp_path / "dvc.yaml").read_text()
    assert (
        "cmd: python -m stages toy" in written and "data/toy" in written.split("  dataset:")[1].split("  tokenizer:")[0]
    )
    generated = {"params.yaml", "dvc.yaml"}
    touched = {
        path.relative_to(tmp_path).as_posix()
        for folder in ("lab", "stages", "params.yaml", "dvc.yaml")
        for path in [tmp_path / folder, *(tmp_path / folder).rglob("*")]
        if path.is_file() and "__pycache__" not in path.parts and not _same(path, ROOT / path.relative_to(tmp_path))
    }
    assert len(touched - generated) + 1 <= 5  # and a test


def _same(path: Path, other: Path) -> bool:
    return other.is_file() and path.read_bytes() == other.read_bytes()
