"""What commands share: the project they are run in, text from stdin, and output for a terminal, a pipe or Markdown.

Colours follow rich (NO_COLOR, FORCE_COLOR). A pipe has no width: nothing is wrapped or cut for the next program.
"""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab import formatting as words
from lab.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table as RichTable
    from rich.text import Text

PIPE_WIDTH = 4000  # columns


def find_project() -> Path:
    """The nearest folder, from the current one up, with params.yaml and dvc.yaml. InputError if there is none."""
    start = Path.cwd()
    for folder in (start, *start.parents):
        if (folder / "params.yaml").is_file() and (folder / "dvc.yaml").is_file():
            return folder
    raise InputError(f"{start}: neither this folder nor one above is a lab (params.yaml, dvc.yaml). cd to one.")


def text_or_stdin(text: str | None, request: str) -> str:
    """`text`, or all of stdin where it is None or "-"; on a terminal the `request` says what to type."""
    if text is not None and text != "-":
        return text
    if sys.stdin.isatty():
        print(f"{request}, then Ctrl-D on a line of its own.", file=sys.stderr)
    return sys.stdin.buffer.read().decode("utf-8", "replace")


def make_console() -> "Console":
    """A console on the current stdout."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPE_WIDTH
    return console


def show(*parts: "RenderableType") -> None:
    """Print on stdout, wrapped only in a terminal."""
    console = make_console()
    for part in parts:
        console.print(part, soft_wrap=not console.is_terminal)


def harmless(text: str, style: str = "") -> "Text":
    """Text from the web or a model, without control characters and direction overrides."""
    from rich.text import Text

    return Text(words.clean(text.replace("\r\n", "\n").replace("\r", "\n").expandtabs(4)), style=style)


def page(parts: Iterable["RenderableType"]) -> None:
    """Print one after the other; on a terminal through $PAGER (less), and no further than is read."""
    console = make_console()
    command = shlex.split(os.environ.get("PAGER") or "less")
    if not (console.is_terminal and sys.stdin.isatty() and sys.stdout.isatty() and shutil.which(command[0])):
        for part in parts:
            console.print(part, soft_wrap=not console.is_terminal)
        return
    # R: colours; F: no pager for what fits the screen; X: leave it on the screen.
    environment = {"LESS": "-RFX", "LESSCHARSET": "utf-8"} | os.environ
    pager = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, text=True, encoding="utf-8")
    assert pager.stdin is not None
    try:
        with suppress(BrokenPipeError):  # the reader has quit
            for part in parts:
                with console.capture() as captured:
                    console.print(part)
                pager.stdin.write(captured.get())
                pager.stdin.flush()
    finally:
        with suppress(BrokenPipeError):
            pager.stdin.close()
        while pager.returncode is None:
            with suppress(KeyboardInterrupt):  # Ctrl-C stops a search in the pager, not this process
                pager.wait()


@dataclass(frozen=True)
class Table:
    """Words and numbers. `rows` are as long as `headings`; the first column is text, the others are figures or text."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    figures: bool = True

    def markdown(self) -> str:
        """GitHub's dialect."""
        rules = [":--", *["--:" if self.figures else ":--"] * (len(self.headings) - 1)]
        lines = [f"| {' | '.join(map(_escaped, row))} |" for row in (self.headings, rules, *self.rows)]
        return "\n".join([f"**{_escaped(self.title)}**", "", *lines])

    def rich(self, styles: dict[str, str] | None = None) -> "RichTable":
        """For a terminal. `styles`: cell -> its style."""
        from rich.table import Table as RichTable

        title, styles = harmless(self.title), styles or {}
        table = RichTable(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
        for number, heading in enumerate(self.headings):
            right = self.figures and number > 0
            table.add_column(harmless(heading), justify="right" if right else "left", overflow="fold")
        for row in self.rows:
            table.add_row(*(harmless(cell, styles.get(cell, "")) for cell in row))
        return table


def _escaped(cell: str) -> str:
    return " ".join(cell.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
