"""Errors that are for people: what is wrong, where, and what to do. The command line prints them in one line."""


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
