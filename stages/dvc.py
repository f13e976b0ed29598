"""`python -m stages.dvc`: write dvc.yaml from lab/pipeline.py and the code's own imports.

A stage depends on its sections of params.yaml, on the outputs that it reads and on the code that makes its output:
every module of the project that its function's module imports, directly or not; the folder where a box is a folder.
Left out is `AROUND`: how a stage is run and what it prints, not what it makes.
"""

import ast
from collections.abc import Iterable
from importlib.util import resolve_name
from pathlib import Path, PurePosixPath

from lab.files import write_text
from lab.pipeline import STAGES, Report, Stage, stage_named

ROOT = Path(__file__).resolve().parents[1]
AROUND = {f"lab/{name}.py" for name in (
    "__init__", "engine", "errors", "files", "machine", "params", "params_yaml", "pipeline", "progress", "tracking",
)}  # fmt: skip
ROOMS = {"lab", "lab/curate"}  # folders of boxes: a file right in one of them is a box of its own
WIDTH = 120
HEAD = """\
# Written by `python -m stages.dvc` from lab/pipeline.py: change that, not this. Reports that git keeps are metrics,
# which `dvc exp show` has as columns, or else "plots": DVC's run cache leaves out stages with other uncached outputs,
# and experiments that share such a stage would run it again.
stages:
"""


def render(root: Path = ROOT) -> str:
    """The text of dvc.yaml."""
    return HEAD + "\n".join(_stage(stage, root) for stage in STAGES)


def code_of(stage: Stage, root: Path = ROOT) -> list[str]:
    """The files of the project that a stage's output is made by, relative to `root`, sorted."""
    files: set[str] = set()
    queue = [module_file(stage.function.split(":")[0], root)]
    while queue:
        path = queue.pop()
        relative = path.relative_to(root).as_posix() if path else ""
        if path and relative not in files | AROUND:
            files.add(relative)
            queue += imports(path, root)
    return sorted(files)


def imports(path: Path, root: Path = ROOT) -> set[Path]:
    """The project's files that a file imports, in functions too; packages on the way included."""
    names: set[str] = set()
    package = path.parent.relative_to(root).as_posix().replace("/", ".")
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = resolve_name("." * node.level + (node.module or ""), package) if node.level else node.module or ""
            names |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    prefixes = {".".join(name.split(".")[:n]) for name in names for n in range(1, name.count(".") + 2)}
    return {file for name in prefixes if name.split(".")[0] == "lab" and (file := module_file(name, root))}


def module_file(name: str, root: Path = ROOT) -> Path | None:
    """The file of a module of this project; None where it has none."""
    path = root.joinpath(*name.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return file if file.is_file() else None


def boxes(files: Iterable[str], root: Path = ROOT) -> list[str]:
    """Files and folders that cover `files`: a box's folder in place of its files, no folder within another one."""
    places = {file if str(PurePosixPath(file).parent) in ROOMS else str(PurePosixPath(file).parent) for file in files}
    places -= {f"{room}/__init__.py" for room in ROOMS}
    return sorted(place for place in places if not any(str(above) in places for above in PurePosixPath(place).parents))


def _stage(stage: Stage, root: Path) -> str:
    data = [stage_named(name).out for name in stage.reads]
    in_reports = stage.out.startswith("reports/")  # the page: it shows every stage's report
    shown = [f"reports/{earlier.name}.json" for earlier in STAGES if in_reports and earlier is not stage]
    lock = ["requirements.lock"] if stage.name == "crawl" else []  # the sample web shows what it lists
    reports = () if in_reports else stage.reports
    lines = [
        f"  {stage.name}:",
        f"    cmd: python -m stages {stage.name}",
        _list("params", stage.sections),
        _list("deps", [*boxes(code_of(stage, root), root), *lock, *data, *shown]),
        _list("outs", [f"{stage.out}: {{cache: false}}"] if in_reports else [stage.out]),
        _list("metrics", [_report(report) for report in reports if report.metric]),
        _list("plots", [_report(report) for report in reports if not report.metric]),
    ]
    return "\n".join(filter(None, lines)) + "\n"


def _report(report: Report) -> str:
    axes = f", x: {report.x}, y: {report.y}" if report.x else ""
    return f"reports/{report.path}: {{cache: false{axes}}}"


def _list(key: str, items: Iterable[str]) -> str:
    """A YAML list in one line; one line per item where it is too long or an item is a mapping; "" without items."""
    items = list(items)
    line = f"    {key}: [{', '.join(items)}]"
    if len(line) <= WIDTH and not any("{" in item for item in items):
        return line if items else ""
    return "\n".join([f"    {key}:", *(f"      - {item}" for item in items)])


if __name__ == "__main__":
    write_text(ROOT / "dvc.yaml", render())
