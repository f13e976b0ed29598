"""`lab generate`: text from the exported model. In: a prompt and data/export/. Out: its continuation, at once."""

import codecs
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab import formatting as words
from lab.cli.terminal import find_project, text_or_stdin
from lab.errors import InputError

if TYPE_CHECKING:
    import tiktoken

BATCH = 16  # texts generated at once
MAX_SEED = 1 << 62  # torch's limit, less a margin for --count
REPLACEMENT = "\N{REPLACEMENT CHARACTER}".encode()


def generate(
    prompt: Annotated[
        str | None, typer.Argument(metavar="PROMPT", help="Beginning of the text; without it, stdin is read.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="Folder of an exported model; default: the project's data/export.")
    ] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Maximum; end-of-text ends it earlier.")] = 200,
    temperature: Annotated[float, typer.Option(min=0, help="0: always the most probable token.")] = 0.8,
    top_k: Annotated[int | None, typer.Option(min=1, help="Choose among this number of most probable tokens.")] = None,
    top_p: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Choose among the most probable tokens that together have this share."),
    ] = 0.95,
    seed: Annotated[
        int, typer.Option(min=0, max=MAX_SEED, help="Same seed, same text. With --count: of the first.")
    ] = 1,
    count: Annotated[
        int, typer.Option(min=1, help="Number of texts; several are generated at once, and shown when complete.")
    ] = 1,
) -> None:
    """Continue a text with the exported model.

    \b
    Examples:
      lab generate "Once upon a time"
      lab generate "The ferry to the island" --temperature 0 --max-tokens 60
      lab generate "Dear" --count 3 --model ../other/data/export
    """
    folder = model or find_project() / "data" / "export"
    if not folder.is_dir():
        raise InputError(f"{folder}: no exported model here. Run `dvc repro export`, or give --model FOLDER.")
    beginning = text_or_stdin(prompt, "Type what the text begins with")

    import torch

    from lab.model import huggingface
    from lab.model.generate import generate as continuation
    from lab.model.generate import generate_batch as continuations
    from lab.tokens.bpe import end_of_text

    transformer, encoding = huggingface.load(folder)
    transformer.eval().to("cuda" if torch.cuda.is_available() else "cpu")
    end = end_of_text(encoding)
    # An empty prompt is the beginning of a document, which follows an end-of-text.
    ids = encoding.encode_ordinary(beginning.encode("utf-8", "replace").decode()) or [end]
    settings = {"max_tokens": max_tokens, "temperature": temperature, "top_k": top_k, "top_p": top_p, "stop": (end,)}
    if count == 1:
        pieces = decoded(encoding, continuation(transformer, ids, seed=seed, **settings))
        first = next(pieces, "")  # an error in the prompt is raised before anything is shown
        _show(beginning, bold=True)
        for piece in chain([first], pieces):
            _show(piece)
        _show("\n")
        return
    for start in range(0, count, BATCH):
        rows = range(start, min(start + BATCH, count))
        texts = continuations(transformer, [ids] * len(rows), seed=seed + start, **settings)
        for number, tokens in zip(rows, texts, strict=True):
            _show(f"--- {number + 1} of {count}, seed {seed + number}\n")
            _show(beginning, bold=True)
            _show("".join(decoded(encoding, tokens)) + "\n")


def decoded(encoding: "tiktoken.Encoding", stream: Iterable[int]) -> Iterator[str]:
    """The text of tokens, as soon as its characters are complete: a token may end within a character.

    Bytes that are no UTF-8, and ids without a token (of a padded vocabulary), become U+FFFD.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for token in stream:
        try:
            piece = encoding.decode_single_token_bytes(token)
        except KeyError:
            piece = REPLACEMENT
        if text := decoder.decode(piece):
            yield text
    if text := decoder.decode(b"", final=True):
        yield text


def _show(text: str, *, bold: bool = False) -> None:
    """Print immediately; bold in a terminal. Model text must not move the cursor."""
    typer.secho(words.clean(text), bold=bold, nl=False)
