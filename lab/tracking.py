"""A training run in Weights & Biases: online where there is a key, else a file under .lab/wandb that can be sent later.

In: parameters, hashes, and a `Measured` row per step. Out: a W&B run that can be grouped by any decision and drawn over
tokens or FLOPs, and .lab/train/run.json, by which `log_scores` adds the evaluation's scores to the same run. Runs of
one ablation are a group (tracking.group), else the experiments that DVC made from one revision. Tags of the form
`name:value` (an ablation's `variant:raw`, `seed:1`) are in the config as well, so that runs can be grouped by them.
"""

import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.errors import InputError
from lab.files import read_json, write_json
from lab.git import read_revision
from lab.params import TrackingParams
from lab.params_yaml import Params
from lab.tokens import bits_per_byte

FOLDER = Path(".lab")  # wandb makes its own folder `wandb` in it
RUN = Path(".lab/train/run.json")
SECONDS_TO_CONNECT = 30
BY_FLOPS = "by_flops"  # W&B gives a metric one x-axis, so the curves that are drawn over FLOPs too are logged twice
CURVES = ("loss", "bits_per_byte")


def mode(params: TrackingParams) -> str:
    """online, offline or disabled."""
    if params.mode == "auto":
        return "online" if os.environ.get("WANDB_API_KEY") else "offline"
    return params.mode


def _experiments_of_revision() -> str | None:
    """The revision that `dvc exp run` started from, which its experiments share; None outside of it."""
    return os.environ.get("DVC_EXP_BASELINE_REV", "")[:7] or None


def _revision() -> str | None:
    """The commit of the working tree, with "+changes" if its sources differ from it; None outside git."""
    revision = read_revision(Path())
    return revision.commit and revision.commit + ("+changes" if revision.dirty else "")


@dataclass(frozen=True)
class Measured:
    """What is known after a step. All but the tokens per second is the same in a run that is repeated."""

    step: int  # steps so far
    tokens: int
    loss: float  # nats per token, mean over the batch before the step
    learning_rate: float
    gradient_norm: float  # before clipping
    validation_loss: float | None = None  # after the step
    skipped_steps: int = 0  # so far, for spikes (lab.train.spikes)
    tokens_per_second: float = 0.0
    details: dict[str, float] = field(default_factory=dict)  # of a validated step (lab.train.details)


@dataclass(frozen=True)
class Sizes:
    """Factors that turn losses and rates into figures comparable across models and machines."""

    flops_per_token: float
    peak: float  # FLOP/s that the devices reach together on a matrix product; MFU is the share of it
    bytes_per_token: float  # of the validation tokens

    def mfu(self, tokens_per_second: float) -> float:
        """Model FLOPs utilisation (PaLM, Chowdhery et al. 2022, appendix B), 0 to 1."""
        return tokens_per_second * self.flops_per_token / self.peak

    def bits(self, loss: float) -> float:
        """A validation loss in nats per token as bits per byte."""
        return bits_per_byte(loss, self.bytes_per_token)


class Tracker:
    """One run. Does nothing where tracking is disabled."""

    def __init__(self, params: Params, key: str, facts: dict, sizes: Sizes, *, resumed: bool):
        """`key` names the training run: a resumed one continues its W&B run. `facts`: further entries of the config."""
        self._sizes = sizes
        self._run: Any = None  # wandb's Run, imported late
        if mode(params.tracking) == "disabled":
            RUN.unlink(missing_ok=True)
            return
        last = read_json(RUN) if RUN.exists() else {}
        identity = last["id"] if resumed and last.get("key") == key else secrets.token_hex(4)
        target = {"project": params.tracking.project, "entity": params.tracking.entity}
        self._run = _open(identity, target, mode(params.tracking), **_described(params, facts), job_type="train")
        opened = "offline" if self._run.offline else "online"
        write_json(RUN, {"id": self._run.id, "key": key, "mode": opened, **target, **_place(params.tracking)})
        _set_axes(self._run)

    def step(self, row: Measured) -> None:
        """Log a step."""
        if self._run is None:
            return
        values = {
            "step": row.step,
            "tokens": row.tokens,
            "flops": row.tokens * self._sizes.flops_per_token,
            "train/loss": row.loss,
            "train/learning_rate": row.learning_rate,
            "train/gradient_norm": row.gradient_norm,
            "train/tokens_per_second": row.tokens_per_second,
            "train/skipped_steps": row.skipped_steps,
            "train/mfu": self._sizes.mfu(row.tokens_per_second),
        }
        if row.validation_loss is not None:
            values["validation/loss"] = row.validation_loss
            values["validation/bits_per_byte"] = self._sizes.bits(row.validation_loss)
        values |= {f"{BY_FLOPS}/{name}": value for name, value in values.items() if name.endswith(CURVES)}
        self._run.log(values | row.details)

    def samples(self, tokens: int, samples: list[dict]) -> None:
        """Log texts that the model wrote after `tokens` tokens."""
        if self._run is not None:
            import wandb

            rows = [[sample["prompt"], sample["text"]] for sample in samples]
            self._run.log({"tokens": tokens, "samples": wandb.Table(columns=["prompt", "text"], data=rows)})

    def finish(self, summary: dict | None = None) -> None:
        """Close the run with its final metrics, or as failed where there are none."""
        if self._run is None:
            return
        self._run.summary.update(summary or {})
        _close(self._run, exit_code=0 if summary is not None else 1)
        self._run = None


def log_scores(
    params: Params,
    scores: dict[str, dict],
    tables: Mapping[str, tuple[list[str], list[list[Any]]]],
    milestones: Sequence[dict] = (),
) -> None:
    """Add scores ({task: {metric: value}}) and tables of items (columns, rows) to the W&B run of the training.

    `milestones`: the scores of the models of earlier steps and of the last, each with step, tokens and FLOPs. A
    training that was not run here (one that DVC restored, say, for another variant of an ablation) has no run under
    this name, group and tags: then the scores open one. Nothing where tracking is disabled.
    """
    wandb_mode = mode(params.tracking)
    if wandb_mode == "disabled":
        return
    training = _training_run(params.tracking)
    if training is None:
        target = {"project": params.tracking.project, "entity": params.tracking.entity}
        run = _open(secrets.token_hex(4), target, wandb_mode, **_described(params, {}), job_type="evaluate")
    else:
        target = {name: training[name] for name in ("project", "entity")}
        run = _open(training["id"], target, wandb_mode if training["mode"] == "online" else "offline")
    import wandb

    _set_axes(run)
    for row in milestones:
        values = _flat(row["scores"])
        by_flops = {f"{BY_FLOPS}/{name}": value for name, value in values.items()}
        run.log({name: row[name] for name in ("step", "tokens", "flops")} | values | by_flops)
    items = {f"items/{task}": wandb.Table(columns=columns, data=rows) for task, (columns, rows) in tables.items()}
    run.log(items if milestones else _flat(scores) | items)
    run.summary.update(_flat(scores))
    _close(run)


def labels(tags: Sequence[str]) -> dict[str, str]:
    """["variant:raw", "small"] -> {"variant": "raw"}."""
    return dict(tag.split(":", 1) for tag in tags if ":" in tag)


def _training_run(params: TrackingParams) -> dict | None:
    """The last training's run.json; None where there is none, or it was another experiment's."""
    if not RUN.exists():
        return None
    run = read_json(RUN)
    if not isinstance(run, dict) or not {"id", "mode", "project", "entity"} <= run.keys():
        raise InputError(f"{RUN}: not what training writes. Remove it, or run `dvc repro -f train`.")
    place = _place(params)
    return run if {name: run.get(name) for name in place} == place else None


def _place(params: TrackingParams) -> dict[str, Any]:
    """Name, group and tags, which identify an experiment's run among others."""
    name = os.environ.get("DVC_EXP_NAME")
    return {"name": name, "group": params.group or _experiments_of_revision(), "tags": params.tags}


def _described(params: Params, facts: dict) -> dict[str, Any]:
    """Name, group, tags and config of a new run."""
    place = _place(params.tracking)
    config = params.model_dump(mode="json") | {"revision": _revision()} | labels(params.tracking.tags) | facts
    return place | {"config": config, "tags": place["tags"] or None}


def _flat(scores: dict[str, dict]) -> dict[str, float]:
    return {
        f"scores/{task}/{name}": value
        for task, values in scores.items()
        for name, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _set_axes(run: Any) -> None:
    """Tokens are the x-axis of all metrics but those under BY_FLOPS."""
    for axis in ("tokens", "flops"):
        run.define_metric(axis)
    run.define_metric("*", step_metric="tokens")
    run.define_metric(f"{BY_FLOPS}/*", step_metric="flops")


def _open(identity: str, target: dict, wandb_mode: str, **described: Any) -> Any:
    import wandb

    FOLDER.mkdir(exist_ok=True)
    settings = wandb.Settings(
        silent=True, console="off", init_timeout=SECONDS_TO_CONNECT, disable_git=True, save_code=False
    )
    # Offline there is no server to ask whether the run exists; `wandb sync` joins what has the same id.
    resume = {"resume": "allow"} if wandb_mode == "online" else {}
    arguments: dict[str, Any] = dict(
        id=identity, dir=str(FOLDER.absolute()), settings=settings, reinit="create_new", **target, **described
    )
    try:
        return wandb.init(mode=wandb_mode, **resume, **arguments)
    except wandb.errors.Error as error:
        if wandb_mode == "offline":
            raise
        print(f"wandb: not online ({error}); this run is kept offline", file=sys.stderr, flush=True)
        # The id that failed to connect stays taken in wandb's service, so this one is another.
        return wandb.init(mode="offline", **arguments | {"id": secrets.token_hex(4)})


def _close(run: Any, exit_code: int = 0) -> None:
    folder, offline = Path(run.dir).parent, run.offline
    run.finish(exit_code=exit_code)
    if offline:
        path = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
        print(f"wandb: this run is kept offline; to send it: wandb sync {path}", file=sys.stderr, flush=True)
