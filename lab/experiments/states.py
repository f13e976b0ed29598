"""The state of an experiment, in a small file that any process can read and show.

In: the log of `dvc exp run`. Out: State, kept at .lab/ablations/<ablation>/<experiment>.json.
"""

import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from lab.files import read_json, write_json

Status = Literal["queued", "running", "done", "failed"]

_STAGE = re.compile(r"^(?:Running stage '(\w+)'|Stage '(\w+)' (?:is cached|didn't change))")
_ERROR = re.compile(r"^(?:error|ERROR): (.+)$")
_RAISED = re.compile(r"^[\w.]+(Error|Exception|Interrupt)\b")  # the last line of a traceback
# DVC's messages for any failed stage; the stage's own message says more.
_GENERAL = ("failed to reproduce", "failed to run", "Failed to reproduce")


@dataclass(frozen=True)
class State:
    """`made`: the stages that have ended; `ran`: the stages that were run, not restored. Times in seconds."""

    status: Status = "queued"
    stage: str = ""
    made: tuple[str, ...] = ()
    ran: tuple[str, ...] = ()
    started: float = 0.0  # since the epoch
    seconds: float = 0.0
    worker: int = 0
    error: str = ""
    revision: str = ""
    epochs: float | None = None

    def after(self, log: str) -> "State":
        """This state, with the stages that a log names."""
        matches = [match for line in log.splitlines() if (match := _STAGE.match(line))]
        names = [match[1] or match[2] for match in matches]
        ran = tuple(match[1] for match in matches if match[1])
        ended = names[:-1] if matches and matches[-1][1] else names
        return replace(self, stage=names[-1] if names else "", made=tuple(ended), ran=ran)


def error_line(log: str) -> str:
    """The line of a log that says why an experiment failed."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [match[1] for line in lines if (match := _ERROR.match(line))]
    specific = [line for line in errors if not line.startswith(_GENERAL)]
    raised = [line for line in log.splitlines() if _RAISED.match(line)]
    return specific[0] if specific else (raised or errors or lines or ["it ended without a message"])[-1]


def read(path: Path) -> State:
    """A state file; a queued experiment if there is none."""
    if not path.exists():
        return State()
    values: dict[str, Any] = read_json(path)
    return State(**values | {"made": tuple(values["made"]), "ran": tuple(values["ran"])})


def write(path: Path, state: State) -> None:
    write_json(path, asdict(state))
