"""The command line: `lab COMMAND`. In: arguments and the project's folder. Out: a command's output, exit status 0; 1 on
an error that a user can act upon, 2 on wrong usage (either is one line on stderr), 130 on Ctrl-C.

A command is a function in COMMANDS. Their files import nothing heavy at the top: `lab --help` must not wait for torch.
"""

import os
import sys
from importlib import metadata
from typing import Annotated

import typer

from lab.cli.compare import compare
from lab.cli.doctor import doctor
from lab.cli.generate import generate
from lab.cli.lineage import lineage
from lab.cli.preview import preview
from lab.cli.recipes import plan, run
from lab.cli.studies import ablate, isoflop, sweep
from lab.cli.tokens import tokens
from lab.cli.what_if import what_if
from lab.errors import LabError

COMMANDS = (run, plan, generate, preview, what_if, tokens, compare, ablate, isoflop, sweep, lineage, doctor)
DEBUG = "--debug"

app = typer.Typer(
    name="lab",
    help="From a web crawl to a scored base model: plan, run and compare experiments, and look at what they made.",
    epilog="The pipeline itself is run with `dvc repro` and `dvc exp run -S section.key=value`.",
    add_completion=False,
    rich_markup_mode=None,
)


def _show_version(asked: bool) -> None:
    if asked:
        print(f"lab {metadata.version('pretraining-lab')}")
        raise typer.Exit()


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option(DEBUG, help="Show tracebacks; also with LAB_DEBUG=1.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


for command in COMMANDS:
    app.command()(command)


def main(arguments: list[str] | None = None) -> None:
    """Run one command and exit."""
    given = sys.argv[1:] if arguments is None else arguments
    end = given.index("--") if "--" in given else len(given)
    debug = DEBUG in given[:end] or bool(os.environ.get("LAB_DEBUG"))
    given = [argument for argument in given[:end] if argument != DEBUG] + given[end:]
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # web text must not end a command on a terminal without UTF-8
    sys.exit(_run(given, debug))


def _run(given: list[str], debug: bool) -> int:
    try:
        status = typer.main.get_command(app).main(given, prog_name="lab", standalone_mode=False)
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except BrokenPipeError:  # the reader has closed the pipe: Python must not complain at exit about unwritten output
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    except (typer.TyperException, LabError, ModuleNotFoundError) as error:
        if debug:
            raise
        print(f"error: {' '.join(_message(error, given).split())}", file=sys.stderr)
        return 2 if isinstance(error, typer.TyperException) else 1


def _message(error: Exception, given: list[str]) -> str:
    if isinstance(error, LabError):
        return str(error)
    if isinstance(error, ModuleNotFoundError):
        return f"the package '{error.name}' is not installed; `lab doctor` tells what to do."
    names = {command.__name__.replace("_", "-") for command in COMMANDS}
    command = f"{given[0]} " if given and given[0] in names else ""
    message = error.format_message()
    return f"{message}{'' if message.endswith(('.', '?')) else '.'} See `lab {command}--help`."
