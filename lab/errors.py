"""Errors that are for people: what is wrong, where, and what to do. The command line prints them in one line."""

from collections.abc import Iterable
from difflib import get_close_matches


class LabError(Exception):
    """An error whose message a user can act upon; shown without a traceback."""

    status = 1  # that the process exits with


class ParameterError(LabError):
    """A key or value of params.yaml that can't be used."""


class InputError(LabError):
    """A file that is missing, broken, or not the one expected."""


class EmptyCorpusError(LabError):
    """A stage has nothing left to hand on."""


class Stopped(LabError):
    """Work that SIGTERM stopped, and that goes on when it is started again."""

    status = 128 + 15


def did_you_mean(name: str, known: Iterable[str], at_most: int = 2) -> str:
    """A question to put into an error's message, with a space behind it; "" where no known name is near.

    >>> did_you_mean("gtp2", ["gpt2", "llama3-8b"])
    "did you mean 'gpt2'? "
    """
    near = get_close_matches(name, known, n=at_most, cutoff=0.5)
    return f"did you mean {' or '.join(map(repr, near))}? " if near else ""
