"""`lab tokens`: how a tokenizer splits a text. In: a text or stdin. Out: tokens over their ids, and bytes per token."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.project import find_project, read_stdin
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
        try:
            self.bytes.decode("utf-8")
        except UnicodeDecodeError:
            return True
        return False


def tokens(
    text: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="Text to split; without it, stdin is read.")
    ] = None,
    tokenizer: Annotated[
        str | None,
        typer.Option(
            help="gpt2, cl100k_base, o200k_base, or a path to ranks; without it, the project's data/tokenizer."
        ),
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
    pieces = split(encoding, read_stdin("Type a text") if text is None or text == "-" else text)
    if ids:
        print(*(token.id for token in pieces))
        return

    from lab.cli.terminal import make_console

    console = make_console()
    for line in lines(pieces, console.width):
        console.print(line, soft_wrap=True)
    console.print(_summary(pieces, encoding), soft_wrap=True, style="dim")


def open_tokenizer(name: str | None) -> "tiktoken.Encoding":
    """A tokenizer by name or path, by default the project's own. InputError if it can't be read or downloaded."""
    from lab.tokens import bpe, foreign

    if name is None:
        return bpe.load(find_project().data / "tokenizer")
    if name in foreign.NAMED:
        return foreign.by_name(name)
    if not Path(name).exists():
        raise InputError(f"--tokenizer {name}: neither a path nor one of {', '.join(foreign.NAMED)}.")
    return foreign.from_file(Path(name))


def split(encoding: "tiktoken.Encoding", text: str) -> list[Token]:
    """The tokens of a text; what looks like a special token is plain text."""
    from lab.tokens import bpe

    # A lone surrogate (bytes on the command line that are no UTF-8) has no UTF-8, so no tokens.
    text = text.encode("utf-8", "replace").decode("utf-8")
    return [Token(token, encoding.decode_single_token_bytes(token)) for token in bpe.encode(encoding, text)]


def lines(pieces: Iterable[Token], width: int) -> "Iterator[Text]":
    """Tokens over their ids, column by column, at most `width` columns wide; a new row after each line's end."""
    from rich.text import Text

    for row in _rows(pieces, width):
        above, below = Text(), Text()
        for number, (token, label, columns) in row:
            colour = "bold white on red" if token.fragment else COLOURS[number % len(COLOURS)]
            above.append(label, colour).append(" " * (columns - _columns(label) + GAP))
            below.append(str(token.id).ljust(columns + GAP), "dim")
        for line in (above, below):
            line.rstrip()
            yield line


def _rows(pieces: Iterable[Token], width: int) -> Iterator[list[tuple[int, tuple[Token, str, int]]]]:
    from lab import formatting as words

    row: list[tuple[int, tuple[Token, str, int]]] = []
    used = 0
    for number, token in enumerate(pieces):
        label = words.visible(token.bytes)
        columns = max(_columns(label), len(str(token.id)))
        if row and used + columns > width:
            yield row
            row, used = [], 0
        row.append((number, (token, label, columns)))
        used += columns + GAP
        if token.bytes.endswith(b"\n"):
            yield row
            row, used = [], 0
    if row:
        yield row


def _columns(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)


def _summary(pieces: list[Token], encoding: "tiktoken.Encoding") -> str:
    size = sum(len(token.bytes) for token in pieces)
    parts = [f"{len(pieces):,} tokens", f"{size:,} bytes"]
    if pieces:
        parts.append(f"{size / len(pieces):.2f} bytes per token")
    fragments = sum(token.fragment for token in pieces)
    if fragments:
        parts.append(f"{fragments:,} fragments of a character")
    return f"{', '.join(parts)}; {encoding.name}, vocabulary {encoding.n_vocab:,}"
