"""scaling.yaml as data classes: how loss depends on size, tokens and learning rate, and the runs that measure it.

In: scaling.yaml. Out: one Trial per run. An IsoFLOP study trains models of several widths at each of a few FLOP budgets
(Hoffmann et al. 2022, approach 2; Grattafiori et al. 2024, section 3.2.1): each gets the tokens that the budget pays
for. A sweep trains with several values of one key, for some models (`lines`) and rules (`panels`).
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PositiveFloat, model_validator

from lab.errors import ParameterError
from lab.experiments import budget, entries
from lab.experiments.entries import Name, Overrides
from lab.experiments.overrides import flatten
from lab.experiments.plan import ISOFLOP, SWEEP, Experiment, make_experiment, require_distinct
from lab.experiments.queue import Queue, make_plain_queue
from lab.experiments.repository import Repository
from lab.params import Params, Positive, Section

FILE = "scaling.yaml"
TARGETS = ["train"]  # only the validation loss is needed
SEED_KEYS = ("train.seed",)

Seeds = Annotated[tuple[int, ...], Field(min_length=1)]


class FlopBudget(Section):
    """FLOPs of a run, and the widths of the models that spend them. A parabola needs three."""

    flops: PositiveFloat
    widths: Annotated[tuple[Positive, ...], Field(min_length=3)]

    @model_validator(mode="after")
    def _check(self) -> "FlopBudget":
        if any(later <= earlier for earlier, later in pairwise(self.widths)):
            raise ValueError(f"widths {list(self.widths)} do not rise")
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
        if any(later <= earlier for earlier, later in pairwise(self.values)):
            raise ValueError(f"values {list(self.values)} do not rise")
        return self


class Scaling(Section):
    """The whole file."""

    isoflop: IsoFlop | None = None
    sweeps: dict[Name, Sweep] = Field(default_factory=dict)


@dataclass(frozen=True)
class Trial:
    """A run and its place in the study: a model (`line`) at the value `at`, in a `panel`.

    In an IsoFLOP study, `line` is the width and `at` the budget in FLOPs.
    """

    experiment: Experiment
    panel: str
    line: str
    at: float


def load(path: Path) -> Scaling:
    """The file's contents. ParameterError names the key and the problem."""
    values = entries.read(path, "`isoflop` and `sweeps`")
    checked: dict[str, Any] = {}
    if values.get("isoflop") is not None:
        checked["isoflop"] = entries.check(path, "isoflop", values["isoflop"], IsoFlop)
    if isinstance(values.get("sweeps"), dict):
        raw = values["sweeps"].items()
        checked["sweeps"] = {str(name): entries.check(path, f"sweeps.{name}", each, Sweep) for name, each in raw}
    scaling = entries.check(path, "", values | checked, Scaling)
    trials = isoflop_trials(scaling.isoflop) if scaling.isoflop else []
    trials += [trial for name, sweep in scaling.sweeps.items() for trial in sweep_trials(name, sweep)]
    require_distinct(path, [trial.experiment.name for trial in trials])
    return scaling


def find_isoflop(path: Path) -> IsoFlop:
    """The IsoFLOP study. ParameterError if there is none."""
    study = load(path).isoflop
    if study is None:
        raise ParameterError(f"{path}: there is no `isoflop`: budgets, each with its flops and widths.")
    return study


def find_sweep(path: Path, name: str) -> Sweep:
    """The sweep of that name. ParameterError, with the known names, if there is none."""
    return entries.find(path, "sweep", load(path).sweeps, name)


def isoflop_trials(study: IsoFlop) -> list[Trial]:
    """Seed by seed, the smallest budget first, so that an unfinished study has complete parabolas."""
    return [
        _isoflop_trial(study, flop_budget.flops, width, seed)
        for seed in study.seeds
        for flop_budget in study.budgets
        for width in flop_budget.widths
    ]


def sweep_trials(name: str, sweep: Sweep) -> list[Trial]:
    """Seed by seed and line by line: a line is complete before the next begins."""
    shared = flatten(sweep.shared)
    trials = []
    for seed in sweep.seeds:
        for line, of_line in sweep.lines.items():
            for panel, of_panel in sweep.panels.items():
                common = shared | flatten(of_line) | flatten(of_panel)
                for value in sweep.values:
                    variant = f"{panel}-{line}-{value:.15g}"
                    overrides = common | {sweep.key: value}
                    run = make_experiment(queue_name(name), variant, seed, overrides, SEED_KEYS)
                    trials.append(Trial(run, panel, line, value))
    return trials


def queue_name(sweep: str) -> str:
    """A sweep's name among experiments, which no ablation can have."""
    return f"{SWEEP}{sweep}"


def isoflop_queue(study: IsoFlop, project: Repository) -> Queue:
    """The study's runs, each with the tokens that its budget pays for. ParameterError if that is no longer than the
    warmup."""
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
    return make_plain_queue(ISOFLOP, experiments, project, TARGETS, file=FILE, derive=tokens)


def sweep_queue(name: str, sweep: Sweep, project: Repository) -> Queue:
    """The sweep's runs."""
    experiments = [trial.experiment for trial in sweep_trials(name, sweep)]
    return make_plain_queue(
        queue_name(name), experiments, project, TARGETS, file=FILE, derive=lambda experiment, checked: {}
    )


def _isoflop_trial(study: IsoFlop, flops: float, width: int, seed: int) -> Trial:
    heads = width // study.head_width
    model = {
        "model.width": width,
        "model.heads": heads,
        "model.kv_heads": heads,
        "model.ffn": round(study.ffn_ratio * width),
    }
    label = f"{flops:g}".replace("e+0", "e").replace("e+", "e")
    run = make_experiment(ISOFLOP, f"{label}-w{width}", seed, flatten(study.shared) | model, SEED_KEYS)
    return Trial(run, "", f"w{width}", flops)
