"""How every benchmark ends: with its table written and printed, or with one line of error."""

import sys
from collections.abc import Callable
from pathlib import Path

from lab.errors import LabError


def publish(path: Path, table: str) -> None:
    """Write a Markdown table to `path` and print it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(table, encoding="utf-8")
    print(table)


def run_command(main: Callable[[], None]) -> None:
    """Call `main`; a LabError ends the process in one line, with status 1."""
    try:
        main()
    except LabError as error:
        sys.exit(f"error: {error}")
