"""The page: in, the folders data/ and reports/ of a run and its parameters; out, reports/index.html and some metrics.

Every part is made on its own and says what it lacks, so a report can be made at any point of a run. The file needs
nothing else: style, script and pictures are in it, and its content security policy forbids anything from outside.
Web text reaches the page only through Jinja's escaping.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from lab.errors import LabError
from lab.files import written_whole
from lab.params_yaml import Params
from lab.report.document import render_page
from lab.report.run import overview, sections
from lab.report.run.collect import Run, collect

CONTENTS = {
    "overview": "Overview",
    "funnel": "Funnel",
    "filters": "Filters",
    "examples": "Documents",
    "planted": "Planted cases",
    "tokens": "Tokens",
    "training": "Training",
    "scores": "Scores",
    "reproduce": "Reproduce",
}


def write(target: Path, data: Path, reports: Path, params: Params, root: Path = Path(".")) -> dict:
    """Write the report of a run to `target`, whole or not at all, and return its metrics.

    `root` is the working tree whose git revision is named. Missing and broken inputs are said on the page; they
    count as `problems` of the metrics. Raises OSError where the page can't be written.
    """
    run = collect(data, reports)
    parts: dict[str, Any] = {}
    for name, make in sections.PARTS.items():
        parts |= _attempt(run, name, partial(make, run, params, root), sections.EMPTY[name])
    parts["tiles"] = overview.tiles(run, params, parts)
    parts |= overview.pictures(run, params)
    page = render(run, parts).encode("utf-8", "replace")
    with written_whole(target) as temporary:
        temporary.write_bytes(page)
    return {"problems": len(run.problems), "planted": _totals(parts["confusion"]), "confusion": parts["confusion"]}


def render(run: Run, parts: dict[str, Any]) -> str:
    """The HTML of all parts."""
    title = "A pretraining run, from crawl to scores"
    return render_page("page.html.j2", title=title, contents=CONTENTS.items(), run=run, **parts)


def _totals(confusion: dict[str, dict]) -> dict[str, int]:
    """How many planted pages there are and got the expected verdict; and the same for kinds that are certain."""
    certain = [row for row in confusion.values() if row["certain"]]
    every = list(confusion.values())
    sums = {"": every, "certain_": certain}
    return {f"{which}{key}": sum(row[key] for row in rows) for which, rows in sums.items() for key in ("n", "right")}


def _attempt(run: Run, name: str, make: Callable[[], dict], empty: dict) -> dict:
    """What `make` gives; where an input is missing or broken, `empty` and a line among the problems."""
    try:
        return {**empty, **make()}
    except (LabError, OSError, pa.ArrowException) as error:
        run.problems.append(f"{CONTENTS[name]}: {error}")
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:  # metrics of another shape
        run.problems.append(f"{CONTENTS[name]}: can't be made of what lies there ({type(error).__name__}: {error}).")
    return empty
