"""Seconds of each stage of the last `dvc repro`. In: .lab/timings/*.json. Out: reports/benchmarks/repro.md.

`python -m bench.repro [--out TABLE.md]` right after `make repro`, which takes about nine minutes. One run, on the
machine that the table names.
"""

import argparse
import platform
from pathlib import Path

from ruamel.yaml import YAML

from bench.published import publish, run_command
from lab.errors import InputError
from lab.files import read_json
from lab.machine import cores, processor

TIMINGS = Path(".lab/timings")
TABLE = Path("reports/benchmarks/repro.md")


def table(stages: list[str]) -> str:
    """The Markdown table of the stages' times, in the order given. InputError where a stage has none."""
    missing = [stage for stage in stages if not (TIMINGS / f"{stage}.json").exists()]
    if missing:
        raise InputError(f"{TIMINGS}: no times of {', '.join(missing)}. Run `dvc repro -f` first.")
    seconds = {stage: read_json(TIMINGS / f"{stage}.json")["seconds"] for stage in stages}
    rows = [f"| {stage} | {value:.1f} |" for stage, value in seconds.items()]
    return "\n".join(
        [
            "# Time of each stage of `make repro` (default sample)",
            "",
            f"One run on {cores()} CPU cores ({processor()}), Python {platform.python_version()}.",
            "Seconds of wall clock inside the stage, without interpreter start, imports and DVC's own work.",
            "Made by `make repro && python -m bench.repro`.",
            "",
            "| stage | seconds |",
            "| --- | ---: |",
            *rows,
            f"| **all** | **{sum(seconds.values()):.1f}** |",
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=TABLE)
    out = parser.parse_args().out
    stages = list(YAML(typ="safe", pure=True).load(Path("dvc.yaml").read_text())["stages"])
    publish(out, table(stages))


if __name__ == "__main__":
    run_command(main)
