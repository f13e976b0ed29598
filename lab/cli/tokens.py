"""`lab tokens`: how a tokenizer splits a text. In: a text or stdin. Out: tokens over their ids, and bytes per token."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab import formatting as words
from lab.cli.terminal import find_project, make_console, text_or_stdin
from lab.errors import InputError

if TYPE_CHECKING:
    import tiktoken
    from rich.text import Text

COLOURS = ("black on cyan", "black on yellow", "black on green", "black on magenta", "black on bright_blue")
GAP = 1  # columns between tokens


@dataclass(frozen=True)
class Token:
    """A token of a text. `fragment`: its bytes are only a part of a character."""

    id: int
    bytes: bytes

    @property
    def fragment(self) -> bool:
        return self.bytes.decode("utf-8", "ignore").encode() != self.bytes


def tokens(
    text: Annotated[str | None, typer.Argument(metavar="TEXT", help="Text to split; default: stdin.")] = None,
    tokenizer: Annotated[
        str | None,
        typer.Option(help="gpt2, cl100k_base, o200k_base, or a path to ranks; default: the project's data/tokenizer."),
    ] = None,
    ids: Annotated[bool, typer.Option("--ids", help="Print the ids only.")] = False,
) -> None:
    """Show how a text is split into tokens, with their ids.

    Spaces are shown as ␣, line ends as ↵, bytes that are only a part of a character as <E2>.

    \b
    Examples:
      lab tokens "How is this split?"
      lab tokens "How is this split?" --tokenizer gpt2
      cat story.txt | lab tokens --ids
    """
    encoding = open_tokenizer(tokenizer)
    pieces = split(encoding, text_or_stdin(text, "Type a text"))
    if ids:
        print(*(token.id for token in pieces))
        return
    console = make_console()
    for line in lines(pieces, console.width):
        console.print(line, soft_wrap=True)
    size, fragments = sum(len(token.bytes) for token in pieces), sum(token.fragment for token in pieces)
    summary = f"{len(pieces):,} tokens, {size:,} bytes"
    summary += f", {size / len(pieces):.2f} bytes per token" if pieces else ""
    summary += f", {fragments:,} fragments of a character" if fragments else ""
    console.print(f"{summary}; {encoding.name}, vocabulary {encoding.n_vocab:,}", soft_wrap=True, style="dim")


def open_tokenizer(name: str | None) -> "tiktoken.Encoding":
    """A tokenizer by name or path, by default the project's own. InputError if it can't be read or downloaded."""
    from lab.tokens import bpe, foreign

    if name is None:
        return bpe.load(find_project() / "data" / "tokenizer")
    if name in foreign.NAMED:
        return foreign.by_name(name)
    if not Path(name).exists():
        raise InputError(f"--tokenizer {name}: neither a path nor one of {', '.join(foreign.NAMED)}.")
    return foreign.from_file(Path(name))


def split(encoding: "tiktoken.Encoding", text: str) -> list[Token]:
    """The tokens of a text; names of special tokens are plain text."""
    from lab.tokens import bpe

    # A lone surrogate (from bytes on the command line that are no UTF-8) has no tokens.
    text = text.encode("utf-8", "replace").decode("utf-8")
    return [Token(token, encoding.decode_single_token_bytes(token)) for token in bpe.encode(encoding, text)]


def lines(pieces: Iterable[Token], width: int) -> "list[Text]":
    """Tokens over their ids, column by column, at most `width` columns wide; a new row after each line's end."""
    from rich.cells import cell_len
    from rich.text import Text

    rows = []
    above, below, full = Text(), Text(), True
    for number, token in enumerate(pieces):
        label = words.visible(token.bytes)
        columns = max(cell_len(label), len(str(token.id)))
        if full or len(below) + columns > width:
            above, below = Text(), Text()
            rows += above, below
        colour = "bold white on red" if token.fragment else COLOURS[number % len(COLOURS)]
        above.append(label, colour).append(" " * (columns - cell_len(label) + GAP))
        below.append(str(token.id).ljust(columns + GAP), "dim")
        full = token.bytes.endswith(b"\n")
    for line in rows:
        line.rstrip()
    return rows
