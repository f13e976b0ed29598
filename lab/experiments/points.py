"""What the runs of a scaling study or sweep came to. In: a Queue and its trials. Out: a Point for each finished run."""

import math
from dataclasses import dataclass

from lab.errors import InputError
from lab.experiments.queue import Queue
from lab.experiments.scaling import Trial


@dataclass(frozen=True)
class Point:
    """A finished run: its validation loss in nats a token and what it spent. `epochs` over 1: tokens were repeated."""

    trial: Trial
    revision: str
    loss: float
    bits_per_byte: float
    parameters: int
    tokens: int
    flops: float
    epochs: float


@dataclass(frozen=True)
class Points:
    """`planned`: how many runs there are to be; `revision`: that of the project; `diverged`: those whose loss is no
    number."""

    revision: str
    planned: int
    found: list[Point]
    diverged: tuple[str, ...] = ()


def read_points(queue: Queue, trials: list[Trial], command: str) -> Points:
    """All finished runs, in the order of the trials. InputError, with the `command` to run, where there is none."""
    finished = queue.finished()
    found = [
        _point(queue, trial, finished[trial.experiment.name]) for trial in trials if trial.experiment.name in finished
    ]
    if not found:
        raise InputError(f"{queue.name}: no experiment is finished yet. Run `{command}`.")
    finite = [point for point in found if math.isfinite(point.loss)]
    diverged = tuple(point.trial.experiment.variant for point in found if not math.isfinite(point.loss))
    if not finite:
        raise InputError(f"{queue.name}: the loss of every finished run is no number. Lower train.learning_rate.")
    return Points(queue.project.revision(), len(trials), finite, diverged)


def _point(queue: Queue, trial: Trial, revision: str) -> Point:
    measured = queue.project.reports(revision).get("train", {})
    try:
        return Point(
            trial=trial,
            revision=revision,
            loss=float(measured["validation_loss"]),
            bits_per_byte=float(measured["validation_bits_per_byte"]),
            parameters=int(measured["parameters"]),
            tokens=int(measured["tokens"]),
            flops=float(measured["flops"]),
            epochs=float(measured["epochs"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{trial.experiment.name}: reports/train.json of revision {revision[:10]} lacks a number ({error}). Remove "
            f"the experiment (`dvc exp remove {trial.experiment.name}`) and run it again."
        ) from None
