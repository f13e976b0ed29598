"""What is known of an experiment while it runs: a small file each, so that any process can show it.

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
# What DVC says of any stage that failed; the stage's own words tell more.
_GENERAL = ("failed to reproduce", "failed to run", "Failed to reproduce")


@dataclass(frozen=True)
class State:
    """`made`: the stages that are over; `ran`: those of them that were run, not restored. Times in seconds."""

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
        """The same with what a log tells of the stages."""
        named = [match for line in log.splitlines() if (match := _STAGE.match(line))]
        order = [match[1] or match[2] for match in named]
        ran = tuple(match[1] for match in named if match[1])
        over = order[:-1] if named and named[-1][1] else order
        return replace(self, stage=order[-1] if order else "", made=tuple(over), ran=ran)


def error_line(log: str) -> str:
    """The line of a log that says why an experiment failed."""
    found = [match[1] for line in log.splitlines() if (match := _ERROR.match(line.strip()))]
    own = [line for line in found if not line.startswith(_GENERAL)]
    raised = [line for line in log.splitlines() if _RAISED.match(line)]
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return own[0] if own else (raised or found or lines or ["it ended without a word"])[-1]


def read(path: Path) -> State:
    """A state file; a queued experiment where there is none."""
    if not path.exists():
        return State()
    values: dict[str, Any] = read_json(path)
    return State(**values | {"made": tuple(values["made"]), "ran": tuple(values["ran"])})


def write(path: Path, state: State) -> None:
    write_json(path, asdict(state))
