"""scaling.yaml as data classes: how loss depends on size, tokens and learning rate, and the runs that measure it.

In: scaling.yaml. Out: one Trial per run, and one Point per finished run. An IsoFLOP study trains models of several
widths at equal FLOPs (Hoffmann et al. 2022, approach 2; Grattafiori et al. 2024, section 3.2.1). A sweep trains with
several values of one key, for some models (`lines`) and rules (`panels`).
"""

import math
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PositiveFloat, model_validator

from lab.errors import InputError, ParameterError
from lab.experiments import budget, plan
from lab.experiments.overrides import flatten
from lab.experiments.plan import ISOFLOP, SWEEP, Experiment, Name, Overrides, make_experiment
from lab.experiments.queue import Queue, checked_queue
from lab.experiments.repository import Repository
from lab.params import Positive, Section
from lab.params_yaml import Params

FILE = "scaling.yaml"
TARGETS = ["train"]  # only the validation loss is needed
SEED_KEYS = ("train.seed",)

Seeds = Annotated[tuple[int, ...], Field(min_length=1)]


def _require_rising(name: str, values: tuple[float, ...]) -> None:
    if any(later <= earlier for earlier, later in pairwise(values)):
        raise ValueError(f"{name} {list(values)} do not rise")


class FlopBudget(Section):
    """FLOPs of a run, and the widths of the models that spend them. A parabola needs three."""

    flops: PositiveFloat
    widths: Annotated[tuple[Positive, ...], Field(min_length=3)]

    @model_validator(mode="after")
    def _check(self) -> "FlopBudget":
        _require_rising("widths", self.widths)
        return self


class IsoFlop(Section):
    """Models that differ in width alone, so that one learning rate can be scaled to all (lab.train.mup)."""

    question: str = ""
    budgets: Annotated[tuple[FlopBudget, ...], Field(min_length=1)]
    head_width: Positive = 16
    ffn_ratio: PositiveFloat = 2.5  # width of the feed-forward layer to that of the model
    seeds: Seeds = (1,)
    shared: Overrides = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> "IsoFlop":
        if any(later.flops <= earlier.flops for earlier, later in pairwise(self.budgets)):
            raise ValueError("budgets do not rise")
        indivisible = [width for budget in self.budgets for width in budget.widths if width % self.head_width]
        if indivisible:
            raise ValueError(f"width {indivisible[0]} is no multiple of head_width {self.head_width}")
        return self


class Sweep(Section):
    """`lines` are the curves of a picture, `panels` the pictures. Order of overrides: shared, line, panel, value."""

    question: str = ""
    key: str
    values: Annotated[tuple[PositiveFloat, ...], Field(min_length=3)]
    lines: Annotated[dict[Name, Overrides], Field(min_length=1)]
    panels: Annotated[dict[Name, Overrides], Field(min_length=1)]
    seeds: Seeds = (1,)
    shared: Overrides = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> "Sweep":
        _require_rising("values", self.values)
        return self


class Scaling(Section):
    """The whole file."""

    isoflop: IsoFlop | None = None
    sweeps: dict[Name, Sweep] = Field(default_factory=dict)


@dataclass(frozen=True)
class Trial:
    """A run: a model (`line`) at the value `at`, in a `panel`; of an IsoFLOP study, a width at a budget in FLOPs."""

    experiment: Experiment
    panel: str
    line: str
    at: float


def load(path: Path) -> Scaling:
    """The file's contents. ParameterError names the key and the problem."""
    values = plan.read_entries(path, "`isoflop` and `sweeps`")
    checked: dict[str, Any] = {}
    if values.get("isoflop") is not None:
        checked["isoflop"] = plan.check_entry(path, "isoflop", values["isoflop"], IsoFlop)
    if isinstance(values.get("sweeps"), dict):
        raw = values["sweeps"].items()
        checked["sweeps"] = {str(name): plan.check_entry(path, f"sweeps.{name}", each, Sweep) for name, each in raw}
    scaling = plan.check_entry(path, "", values | checked, Scaling)
    trials = isoflop_trials(scaling.isoflop) if scaling.isoflop else []
    trials += [trial for name, sweep in scaling.sweeps.items() for trial in sweep_trials(name, sweep)]
    plan.require_distinct(path, [trial.experiment.name for trial in trials])
    return scaling


def find_isoflop(path: Path) -> IsoFlop:
    """The IsoFLOP study. ParameterError if there is none."""
    study = load(path).isoflop
    if study is None:
        raise ParameterError(f"{path}: there is no `isoflop`: budgets, each with its flops and widths.")
    return study


def find_sweep(path: Path, name: str) -> Sweep:
    """The sweep of that name. ParameterError, with the known names, if there is none."""
    return plan.find_entry(path, "sweep", load(path).sweeps, name)


def isoflop_trials(study: IsoFlop) -> list[Trial]:
    """Seed by seed, the smallest budget first, so that an unfinished study has complete parabolas."""
    shared, trials = flatten(study.shared), []
    for seed, flop_budget in product(study.seeds, study.budgets):
        label = f"{flop_budget.flops:g}".replace("e+0", "e").replace("e+", "e")
        for width in flop_budget.widths:
            heads, ffn = width // study.head_width, round(study.ffn_ratio * width)
            model = {"model.width": width, "model.heads": heads, "model.kv_heads": heads, "model.ffn": ffn}
            run = make_experiment(ISOFLOP, f"{label}-w{width}", seed, shared | model, SEED_KEYS)
            trials.append(Trial(run, "", f"w{width}", flop_budget.flops))
    return trials


def sweep_trials(name: str, sweep: Sweep) -> list[Trial]:
    """Seed by seed and line by line: a line is complete before the next begins."""
    trials = []
    for seed, line, panel, value in product(sweep.seeds, sweep.lines, sweep.panels, sweep.values):
        overrides = flatten(sweep.shared) | flatten(sweep.lines[line]) | flatten(sweep.panels[panel])
        variant = f"{panel}-{line}-{value:.15g}"
        run = make_experiment(SWEEP + name, variant, seed, overrides | {sweep.key: value}, SEED_KEYS)
        trials.append(Trial(run, panel, line, value))
    return trials


def isoflop_queue(study: IsoFlop, project: Repository) -> Queue:
    """The study's runs, each with the tokens that its budget pays for. ParameterError if those end within warmup."""
    trials = {trial.experiment.name: trial for trial in isoflop_trials(study)}

    def tokens(experiment: Experiment, checked: Params) -> Overrides:
        flops = trials[experiment.name].at
        steps = round(flops / budget.flops_per_token(checked) / checked.train.batch_tokens)
        if steps <= checked.train.warmup_steps:
            raise ParameterError(
                f"{flops:g} FLOPs are {steps} steps, not more than the {checked.train.warmup_steps} of warmup; raise "
                "the budget, leave the width out, or lower train.batch_tokens."
            )
        return {"train.budget": f"{steps * checked.train.batch_tokens} tokens"}

    experiments = [trial.experiment for trial in trials.values()]
    return checked_queue(ISOFLOP, experiments, project, TARGETS, FILE, derive=tokens)


def sweep_queue(name: str, sweep: Sweep, project: Repository) -> Queue:
    """The sweep's runs."""
    experiments = [trial.experiment for trial in sweep_trials(name, sweep)]
    return checked_queue(SWEEP + name, experiments, project, TARGETS, FILE, derive=lambda experiment, checked: {})


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
    """`planned`: number of runs; `finished`: those with a finite loss; `diverged`: names of those without."""

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
