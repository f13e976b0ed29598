"""Results of a scaling study or sweep. In: a Queue and its trials. Out: a Point for each finished run."""

import math
from dataclasses import dataclass

from lab.errors import InputError
from lab.experiments.queue import Queue
from lab.experiments.scaling import Trial


@dataclass(frozen=True)
class Point:
    """A finished run: its validation loss in nats per token, and its cost. `epochs` over 1: tokens were repeated."""

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
    """`revision`: the project's; `planned`: number of runs; `finished`: those with a finite loss; `diverged`: names of
    those without."""

    revision: str
    planned: int
    finished: list[Point]
    diverged: tuple[str, ...] = ()


def read_points(queue: Queue, trials: list[Trial], command: str) -> Points:
    """All finished runs, in the order of the trials. InputError, with the `command` to run, if there is none."""
    commits = queue.finished()
    points = [
        _point(queue, trial, commits[trial.experiment.name]) for trial in trials if trial.experiment.name in commits
    ]
    if not points:
        raise InputError(f"{queue.name}: no experiment is finished yet. Run `{command}`.")
    finite = [point for point in points if math.isfinite(point.loss)]
    diverged = tuple(point.trial.experiment.variant for point in points if not math.isfinite(point.loss))
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
