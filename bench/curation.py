"""The whole curation beside datatrove's FineWeb recipe: in, a WARC; out, a table of times, stage by stage.

`python -m bench.curation [WARC] [--out TABLE.md] [--runs N]`. The same pages, language `de`, on one core each, in
turns; ours on two cores too. datatrove 0.10.1 runs in an environment of its own. Each figure is the median of the runs.

Needs the web archive under LAB_SHARED, or another WARC; with UT1's lists if they are there. About 5 minutes for 3 runs.
"""

import argparse
import platform
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.datatrove import VENV, datatrove_python
from bench.pages import ARCHIVE, LANGUAGES
from bench.processes import run_bound
from bench.published import publish, run_command
from lab.curate.language.stage import model_path
from lab.errors import InputError
from lab.machine import cores, processor

TABLE = Path("reports/benchmarks/curation.md")
BLACKLIST = ARCHIVE.parent / "ut1/ut1-blacklists.tar.gz"
LANGUAGE = "de"
# Our stage -> datatrove's steps that do the same.
STEPS = {
    "index": ("read",),
    "url_filter": ("url_filter",),
    "extract": ("extract",),
    "language": ("language",),
    "quality": ("repetition", "gopher", "c4", "fineweb"),
    "dedup": ("signatures",),
    "pii": ("pii",),
}
NOTES = """\
- Wall clock, inputs and outputs included: ours goes through the engine and writes Parquet after each stage; datatrove's
  steps hand their documents on in memory, which is to its favour.
- datatrove's `read` decompresses and decodes; ours reads the pages' bytes again in `extract`.
- datatrove's `signatures` is the first of four steps of its MinHash deduplication; our `dedup` is all of it.
- Not in the sums: interpreter start and imports, and `load`: datatrove reads its lists (4.6 million hosts), model and
  word splitter in each process; ours compiles its blacklist (1.1 million) once, starts two workers for two cores, and
  reads blacklist and model in each process.
- Ours cuts the pages into eight shards (one would be faster on one core, and no faster on two).
- Documents left differ where the extracted text does: datatrove's is trafilatura's, ours the lab's."""


@dataclass(frozen=True)
class Stage:
    """The time that a stage took, in seconds of wall clock and of CPU, and the documents that it left."""

    seconds: float
    cpu: float
    documents: int


Run = dict[str, Stage]


def run_ours(warc: Path, workers: int) -> Run:
    """One run of our curation, on as many cores as workers."""
    with tempfile.TemporaryDirectory() as folder:
        model, blacklist = model_path("lid.176.ftz").absolute(), BLACKLIST.absolute() if BLACKLIST.exists() else ""
        arguments = [warc, blacklist, model, LANGUAGE, workers, folder, *_stop_words()]
        return _run([sys.executable, "-m", "bench.own_curation", *arguments], workers)


def run_datatrove(warc: Path, python: Path, home: Path) -> Run:
    """One run of datatrove's recipe, on one core. Its lists are unpacked under `home` by the first."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(__file__).with_name("reference_curation.py")
        arguments = [warc, model_path("lid.176.ftz").absolute(), LANGUAGE, LANGUAGES[LANGUAGE][0], folder]
        # -I: else the folder of the script, with a file named datatrove.py, would come before the package.
        return _run([python, "-I", script, *arguments, *_stop_words()], 1, HF_HOME=str(home), HF_HUB_OFFLINE="1")


def _stop_words() -> list[str]:
    return LANGUAGES[LANGUAGE][1].split()


def _run(command: Sequence[object], processors: int, **environment: str) -> Run:
    stages = run_bound(command, processors, f"{command[0]} {command[2]}", **environment)
    return {name: Stage(*figures) for name, *figures in stages}


def middle(runs: Sequence[Run]) -> Run:
    """For each stage the medians of the runs."""
    return {
        name: Stage(median(r[name].seconds for r in runs), median(r[name].cpu for r in runs), runs[0][name].documents)
        for name in runs[0]
    }


def total(run: Run) -> Stage:
    """All stages but the loading."""
    stages = [stage for name, stage in run.items() if name != "load"]
    return Stage(sum(s.seconds for s in stages), sum(s.cpu for s in stages), stages[-1].documents)


def table(warc: Path, ours: Run, datatrove: Run, two: Run | None, runs: int) -> str:
    """The comparison in Markdown. `two`: ours on two cores, where there are two."""
    pages = ours["index"].documents

    def cells(name: str, mine: Stage, theirs: Stage, on_two: Stage | None) -> str:
        figures = [f"{mine.seconds:.2f}", f"{theirs.seconds:.2f}", f"{theirs.seconds / mine.seconds:.1f}"]
        figures += [f"{on_two.seconds:.2f}", f"{mine.seconds / on_two.seconds:.2f}"] if on_two else ["", ""]
        return f"| {' | '.join([name, *figures, str(mine.documents), str(theirs.documents)])} |"

    def row(name: str) -> str:
        steps = [datatrove[step] for step in STEPS[name]]
        theirs = Stage(sum(s.seconds for s in steps), sum(s.cpu for s in steps), steps[-1].documents)
        return cells(name, ours[name], theirs, two and two[name])

    mine, theirs = total(ours), total(datatrove)
    speeds = f"ours {1000 * mine.seconds / pages:.1f} ms per page, datatrove {1000 * theirs.seconds / pages:.1f} ms"
    ratio = f"**{theirs.seconds / mine.seconds:.1f} times** as fast ({theirs.cpu / mine.cpu:.1f} by seconds of CPU)"
    scaling = f"**{mine.seconds / total(two).seconds:.2f} times** as fast as one" if two else "this machine has one"
    return "\n".join(
        [
            "# Curation: ours beside datatrove 0.10.1's FineWeb recipe",
            "",
            f"{warc.name}: {pages} pages, language `{LANGUAGE}`. Median of {runs} runs in turns, bound to one core",
            f"(ours also to two) of {cores()} ({processor()}), Python {platform.python_version()}.",
            "Made by `python -m bench.curation`.",
            "",
            f"- One core: {speeds}, {ratio}.",
            f"- Two cores: {scaling}.",
            "",
            "| stage | ours, s | datatrove, s | ratio | ours on two cores, s | ratio | left, ours | left, datatrove |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
            *map(row, STEPS),
            cells("**all**", mine, theirs, two and total(two)),
            "",
            f"`load`: ours {ours['load'].seconds:.2f} s, datatrove {datatrove['load'].seconds:.2f} s"
            + (f", ours with two workers {two['load'].seconds:.2f} s." if two else "."),
            "",
            NOTES,
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("warc", nargs="?", type=Path, default=ARCHIVE, help="the crawl; default: of LAB_SHARED")
    parser.add_argument("--out", type=Path, default=TABLE)
    parser.add_argument("--runs", type=int, default=3, help="of each, in turns; default: 3")
    parser.add_argument("--venv", type=Path, default=VENV)
    arguments = parser.parse_args()
    if not arguments.warc.is_file():
        raise InputError(f"{arguments.warc}: no such WARC. Name one, or set LAB_SHARED to the folder of shared data.")
    warc, python = arguments.warc.absolute(), datatrove_python(arguments.venv)
    ours, datatrove, two = [], [], []
    for _ in range(arguments.runs):
        ours.append(run_ours(warc, 1))
        if cores() > 1:  # at once, so that a machine that slows down within minutes slows both down
            two.append(run_ours(warc, 2))
        datatrove.append(run_datatrove(warc, python, arguments.venv.absolute() / "home"))
    text = table(warc, middle(ours), middle(datatrove), middle(two) if two else None, arguments.runs)
    publish(arguments.out, text)


if __name__ == "__main__":
    run_command(main)
