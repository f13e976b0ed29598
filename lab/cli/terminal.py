"""Output of commands: a rich console, a pager, and web or model text made harmless for a terminal.

Colours follow rich: none when piped or with NO_COLOR, always with FORCE_COLOR. A pipe has no width, so that nothing is
wrapped or cut for the next program.
"""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress

from rich.console import Console, RenderableType
from rich.text import Text

from lab import formatting as words

PIPE_WIDTH = 4000  # columns


def make_console() -> Console:
    """A console on the current stdout."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPE_WIDTH
    return console


def harmless(text: str, style: str = "") -> Text:
    """Text from the web or a model, without control characters and direction overrides."""
    return Text(words.clean(text.replace("\r\n", "\n").replace("\r", "\n").expandtabs(4)), style=style)


def page(console: Console, pages: Iterable[RenderableType]) -> None:
    """Print one after the other; on a terminal through $PAGER (less), and no further than is read."""
    command = shlex.split(os.environ.get("PAGER") or "less")
    if not (console.is_terminal and sys.stdin.isatty() and sys.stdout.isatty() and shutil.which(command[0])):
        for content in pages:
            console.print(content, soft_wrap=not console.is_terminal)
        return
    # R: colours; F: no pager for what fits the screen; X: leave it on the screen.
    environment = {"LESS": "-RFX", "LESSCHARSET": "utf-8"} | os.environ
    pager = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, text=True, encoding="utf-8")
    assert pager.stdin is not None
    try:
        for content in pages:
            with console.capture() as captured:
                console.print(content)
            pager.stdin.write(captured.get())
            pager.stdin.flush()
    except BrokenPipeError:  # the reader has quit
        pass
    finally:
        with suppress(BrokenPipeError):
            pager.stdin.close()
        _wait(pager)


def _wait(pager: subprocess.Popen) -> None:
    """Ctrl-C stops a search in the pager, not this process."""
    while True:
        try:
            pager.wait()
            return
        except KeyboardInterrupt:
            continue
