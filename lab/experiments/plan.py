"""ablations.yaml as data classes, and the experiments that an ablation stands for.

In: ablations.yaml and the parameters that it varies. Out: one Experiment a variant and seed, the baseline's first. An
ablation compares decisions at equal budgets (as FineWeb's ablations do: Penedo et al. 2024, section 3.1).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from lab.errors import ParameterError
from lab.experiments.overrides import flatten
from lab.params import Section

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9+][A-Za-z0-9+_-]*(\.[A-Za-z0-9+_-]+)*$")]
Overrides = dict[str, Any]  # section.key -> value; sections may be nested instead


class Ablation(Section):
    """One question: variants of the parameters, each run with every seed."""

    question: str = ""
    baseline: Name
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (1, 2, 3)
    seed_keys: Annotated[tuple[str, ...], Field(min_length=1)] = ("train.seed",)  # what a seed sets
    budget: Literal["tokens", "flops"] = "tokens"  # what all variants spend the same of
    items: Literal["own", "baseline"] = "own"  # whose held-out pages the sample suite asks all variants about
    shared: Overrides = Field(default_factory=dict)  # of every variant, before its own
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
    """One run of the pipeline. `overrides`: section.key -> value, as they differ from params.yaml."""

    name: str
    variant: str
    seed: int
    overrides: Overrides


def load(path: Path) -> dict[str, Ablation]:
    """All ablations of a file, by name. ParameterError names what is wrong, and where."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        values = YAML(typ="safe", pure=True).load(path.read_text("utf-8")) or {}
    except FileNotFoundError:
        raise ParameterError(f"{path}: no such file. It holds the ablations, by name.") from None
    except YAMLError as error:
        raise ParameterError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise ParameterError(f"{path}: there must be ablations by name, not a {type(values).__name__}.")
    return {name: _ablation(path, str(name), raw) for name, raw in values.items()}


def find(path: Path, name: str) -> Ablation:
    """The ablation of that name. ParameterError, with the names that there are, where there is none."""
    known = load(path)
    if name not in known:
        raise ParameterError(f"{path}: there is no ablation '{name}'; there are {', '.join(known) or 'none'}.")
    return known[name]


def plan(name: str, ablation: Ablation) -> list[Experiment]:
    """Variants x seeds: seed by seed, the baseline first, so that an unfinished ablation can be compared already."""
    order = [ablation.baseline, *(variant for variant in ablation.variants if variant != ablation.baseline)]
    return [_experiment(name, ablation, variant, seed) for seed in ablation.seeds for variant in order]


def _experiment(name: str, ablation: Ablation, variant: str, seed: int) -> Experiment:
    overrides = flatten(ablation.shared) | flatten(ablation.variants[variant])
    overrides |= dict.fromkeys(ablation.seed_keys, seed)
    overrides |= {"tracking.group": name, "tracking.tags": [f"variant:{variant}", f"seed:{seed}"]}
    return Experiment(f"{name}-{variant}-s{seed}", variant, seed, overrides)


def _ablation(path: Path, name: str, raw: Any) -> Ablation:
    try:
        return Ablation.model_validate(raw)
    except ValidationError as error:
        raise ParameterError(f"{path}: " + "; ".join(_explain(name, problem) for problem in error.errors())) from None


def _explain(name: str, problem: Any) -> str:
    where = ".".join([name, *(str(part) for part in problem["loc"] if part != "[key]")])
    if problem["type"] == "value_error":
        return f"{where}: {problem['ctx']['error']}"
    if problem["type"] == "extra_forbidden":
        return f"{where}: there is no such key; known keys: {', '.join(Ablation.model_fields)}"
    if problem["type"] == "missing":
        return f"{where}: is missing"
    return f"{where}: {problem['input']!r} can't be used: {problem['msg'].removeprefix('Input ')}"
