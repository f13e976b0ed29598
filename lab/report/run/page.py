"""The page. In: the folders data/ and reports/ of a run and its parameters; out, reports/index.html and some metrics.

Each part is made on its own and names what is missing, so a report can be made at any point of a run. The file is
complete: style, script and pictures are in it, and its content security policy forbids anything from outside. Web text
reaches the page only through Jinja's escaping.
"""

from pathlib import Path
from typing import Any

import pyarrow as pa

from lab.errors import LabError
from lab.files import written_whole
from lab.params import EngineParams
from lab.params_yaml import Params
from lab.report.document import render_page
from lab.report.run import overview
from lab.report.run.collect import Run, collect
from lab.report.run.sections import PARTS, Part

CONTENTS = {"overview": "Overview"} | {name: part.title for name, part in PARTS.items()}


def run(
    evaluate: Path,
    dataset: Path,
    train: Path,
    tokenize: Path,
    tokenizer: Path,
    out: Path,
    params: Params,
    engine: EngineParams,
) -> dict:
    """Write the report of a run to `out`, reports/index.html, and return its metrics.

    The sources are outputs of stages, data/<stage>; whatever else lies in data/ and reports/ is shown too.
    """
    return write(out, evaluate.parent, out.parent, params, out.parent.parent)


def write(target: Path, data: Path, reports: Path, params: Params, root: Path) -> dict:
    """Write the report of a run to `target`, whole or not at all, and return its metrics.

    The page names the git revision of the working tree `root`. Missing and broken inputs are listed on the page and
    counted as `problems` in the metrics. Raises OSError if the page can't be written.
    """
    collected = collect(data, reports)
    values: dict[str, Any] = {}
    for part in PARTS.values():
        values |= part.empty | _attempt(part, collected, params, root)
    values["tiles"] = overview.tiles(collected, params, values)
    values |= overview.pictures(collected)
    title = "A pretraining run, from crawl to scores"
    page = render_page("run/page.html.j2", title=title, contents=tuple(CONTENTS.items()), run=collected, **values)
    with written_whole(target) as temporary:
        temporary.write_bytes(page.encode("utf-8", "replace"))
    confusion = values["confusion"]
    return {"problems": len(collected.problems), "planted": _totals(confusion), "confusion": confusion}


def _totals(confusion: dict[str, dict]) -> dict[str, int]:
    """Planted pages, and those with the expected verdict: of all kinds, and of the certain ones."""
    kinds = list(confusion.values())
    sums = {"": kinds, "certain_": [kind for kind in kinds if kind["certain"]]}
    return {f"{which}{key}": sum(row[key] for row in rows) for which, rows in sums.items() for key in ("n", "right")}


def _attempt(part: Part, collected: Run, params: Params, root: Path) -> dict:
    """The values of a part; if an input is missing or broken, nothing, and a line among the problems."""
    try:
        return part.make(collected, params, root)
    except (LabError, OSError, pa.ArrowException) as error:
        collected.problems.append(f"{part.title}: {error}")
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:  # metrics of another shape
        collected.problems.append(f"{part.title}: its inputs can't be used ({type(error).__name__}: {error}).")
    return {}
