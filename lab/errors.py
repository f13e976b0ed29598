"""Errors for people: what is wrong, where, and what to do. The command line prints them in one line."""

from collections.abc import Iterable
from difflib import get_close_matches


class LabError(Exception):
    """An error whose message a user can act upon; printed without a traceback."""

    status = 1  # exit status of the process


class ParameterError(LabError):
    """An invalid key or value of params.yaml."""


class InputError(LabError):
    """A file that is missing, broken or not the expected one."""


class EmptyCorpusError(LabError):
    """A stage has no document left for the next one."""


class Stopped(LabError):
    """Work stopped by SIGTERM, which continues when started again."""

    status = 128 + 15


def did_you_mean(name: str, known: Iterable[str], at_most: int = 2) -> str:
    """A question for an error's message, followed by a space; "" if no known name is similar.

    >>> did_you_mean("gtp2", ["gpt2", "llama3-8b"])
    "did you mean 'gpt2'? "
    """
    similar = get_close_matches(name, known, n=at_most, cutoff=0.5)
    return f"did you mean {' or '.join(map(repr, similar))}? " if similar else ""
