"""ablations.yaml as data classes, and the experiments of an ablation.

In: ablations.yaml and the parameters that it varies. Out: one Experiment per variant and seed, the baseline's first. An
ablation compares decisions at equal budgets, as FineWeb's ablations do (Penedo et al. 2024, section 3.1).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError, model_validator

from lab.errors import ParameterError
from lab.experiments.overrides import flatten
from lab.files import read_yaml
from lab.params import Section, explain

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9+][A-Za-z0-9+_-]*(\.[A-Za-z0-9+_-]+)*$")]
Overrides = dict[str, Any]  # section.key -> value; sections may be nested instead
Entry = TypeVar("Entry", bound=Section)

ISOFLOP = "isoflop"  # what `lab isoflop` calls its queue
SWEEP = "sweep-"  # what the queues of `lab sweep` begin with


class Ablation(Section):
    """One question: variants of the parameters, each run with every seed."""

    question: str = ""
    baseline: Name
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (1, 2, 3)
    seed_keys: Annotated[tuple[str, ...], Field(min_length=1)] = ("train.seed",)  # what a seed sets
    budget: Literal["tokens", "flops"] = "tokens"  # what is equal for all variants
    items: Literal["own", "baseline"] = "own"  # baseline: its sample suite scores all variants; own: each has its own
    shared: Overrides = Field(default_factory=dict)  # overrides of every variant, applied before its own
    variants: dict[Name, Overrides]

    @model_validator(mode="after")
    def _check(self) -> "Ablation":
        if self.baseline not in self.variants:
            known = ", ".join(self.variants)
            raise ValueError(f"baseline '{self.baseline}' is none of its variants: {known}")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds {self.seeds} has a seed twice")
        return self


@dataclass(frozen=True)
class Experiment:
    """One run of the pipeline. `overrides`: section.key -> value, where it differs from params.yaml."""

    name: str
    variant: str
    seed: int
    overrides: Overrides


def load(path: Path) -> dict[str, Ablation]:
    """All ablations of a file, by name. ParameterError names the key and the problem."""
    raw = read_entries(path, "ablations by name")
    ablations = {name: check_entry(path, name, values, Ablation) for name, values in raw.items()}
    for name in ablations:
        if name == ISOFLOP or name.startswith(SWEEP):
            raise ParameterError(f"{path}: {name}: `lab isoflop` and `lab sweep` name their experiments so; rename it.")
    require_distinct(path, [run.name for name, ablation in ablations.items() for run in plan(name, ablation)])
    return ablations


def find(path: Path, name: str) -> Ablation:
    """The ablation of that name. ParameterError, with the known names, if there is none."""
    return find_entry(path, "ablation", load(path), name)


def plan(name: str, ablation: Ablation) -> list[Experiment]:
    """Variants x seeds: seed by seed, the baseline first, so that an unfinished ablation can already be compared."""
    order = dict.fromkeys([ablation.baseline, *ablation.variants])
    flat = {variant: flatten(ablation.shared) | flatten(ablation.variants[variant]) for variant in order}
    return [
        make_experiment(name, variant, seed, overrides, ablation.seed_keys)
        for seed in ablation.seeds
        for variant, overrides in flat.items()
    ]


def make_experiment(name: str, variant: str, seed: int, overrides: Overrides, seed_keys: tuple[str, ...]) -> Experiment:
    """One run of a variant with its flat overrides, to which the tags are added by which a tracker groups runs."""
    tags = {"tracking.group": name, "tracking.tags": [f"variant:{variant}", f"seed:{seed}"]}
    return Experiment(f"{name}-{variant}-s{seed}", variant, seed, overrides | dict.fromkeys(seed_keys, seed) | tags)


def read_entries(path: Path, holds: str) -> dict[str, Any]:
    """The mapping in a YAML file, empty if the file is. `holds`: what it should contain, for the InputError."""
    return {str(name): value for name, value in read_yaml(path, holds, f"It holds {holds}.").items()}


def check_entry(path: Path, name: str, raw: Any, model: type[Entry]) -> Entry:
    """An entry as its data class. ParameterError names the key and the problem."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise ParameterError(f"{path}: {explain(error, model, name)}") from None


def find_entry(path: Path, kind: str, known: Mapping[str, Entry], name: str) -> Entry:
    """The entry of that name. ParameterError, with the known names, if there is none."""
    if name not in known:
        raise ParameterError(f"{path}: there is no {kind} '{name}'; there are {', '.join(known) or 'none'}.")
    return known[name]


def require_distinct(path: Path, names: list[str]) -> None:
    """ParameterError if two experiments of a file have the same name: the later would replace the earlier."""
    repeated = [name for name, number in Counter(names).items() if number > 1]
    if repeated:
        raise ParameterError(
            f"{path}: two experiments would be called {repeated[0]} (names of entries and variants are joined by '-'); "
            "rename an entry or a variant."
        )
