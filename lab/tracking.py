"""A training run in Weights & Biases: online where there is a key, else a file under .lab/wandb that can be sent later.

.lab/train/run.json says to which run `log_scores` adds the evaluation's scores. Runs of one ablation are a group
(tracking.group), else the experiments that DVC made from one revision. Tags of the form `name:value` (an ablation's
`variant:raw`, `seed:1`) are in the config as well, so that runs can be grouped by them.
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
LOGGED = ("loss", "learning_rate", "gradient_norm", "tokens_per_second", "skipped_steps")  # of a `Measured` row


def mode(params: TrackingParams) -> str:
    """online, offline or disabled."""
    if params.mode == "auto":
        return "online" if os.environ.get("WANDB_API_KEY") else "offline"
    return params.mode


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
    """Factors that make losses and rates comparable across models and machines."""

    flops_per_token: float
    peak: float  # FLOP/s that the devices reach together on a matrix product; MFU is the share of it
    bytes_per_token: float  # of the validation tokens

    def mfu(self, tokens_per_second: float) -> float:
        """Model FLOPs utilisation (PaLM, Chowdhery et al. 2022, appendix B), 0 to 1."""
        return tokens_per_second * self.flops_per_token / self.peak

    def bits(self, loss: float) -> float:
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
        self._run = _open(identity, mode(params.tracking), **_described(params, facts), job_type="train")
        opened = "offline" if self._run.offline else "online"
        write_json(RUN, {"id": self._run.id, "key": key, "mode": opened, **_target(params), **_place(params.tracking)})

    def step(self, row: Measured) -> None:
        if self._run is None:
            return
        values = {
            "step": row.step,
            "tokens": row.tokens,
            "flops": row.tokens * self._sizes.flops_per_token,
            **{f"train/{name}": getattr(row, name) for name in LOGGED},
            "train/mfu": self._sizes.mfu(row.tokens_per_second),
        }
        if row.validation_loss is not None:
            values["validation/loss"] = row.validation_loss
            values["validation/bits_per_byte"] = self._sizes.bits(row.validation_loss)
        values |= {f"{BY_FLOPS}/{name}": value for name, value in values.items() if name.endswith(CURVES)}
        self._run.log(values | row.details)

    def samples(self, tokens: int, samples: list[dict]) -> None:
        if self._run is not None:
            import wandb

            rows = [[sample["prompt"], sample["text"]] for sample in samples]
            self._run.log({"tokens": tokens, "samples": wandb.Table(columns=["prompt", "text"], data=rows)})

    def finish(self, summary: dict | None = None) -> None:
        """Close the run with its final metrics, or as failed where there are none."""
        if self._run is not None:
            self._run.summary.update(summary or {})
            _close(self._run, exit_code=0 if summary is not None else 1)


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
        run = _open(secrets.token_hex(4), wandb_mode, **_described(params, {}), job_type="evaluate")
    else:
        target = {name: training[name] for name in ("project", "entity")}
        run = _open(training["id"], wandb_mode if training["mode"] == "online" else "offline", **target)
    import wandb

    for row in milestones:
        values = _flat(row["scores"])
        by_flops = {f"{BY_FLOPS}/{name}": value for name, value in values.items()}
        run.log({name: row[name] for name in ("step", "tokens", "flops")} | values | by_flops)
    items = {f"items/{task}": wandb.Table(columns=columns, data=rows) for task, (columns, rows) in tables.items()}
    run.log(items if milestones else _flat(scores) | items)
    run.summary.update(_flat(scores))
    _close(run)


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
    """Name, group and tags, which identify an experiment's run among others.

    The group defaults to the revision that `dvc exp run` started from, which its experiments share.
    """
    group = params.group or os.environ.get("DVC_EXP_BASELINE_REV", "")[:7] or None
    return {"name": os.environ.get("DVC_EXP_NAME"), "group": group, "tags": params.tags}


def _target(params: Params) -> dict[str, str | None]:
    return {"project": params.tracking.project, "entity": params.tracking.entity}


def _described(params: Params, facts: dict) -> dict[str, Any]:
    """Where a new run goes, its name, group and tags, and its config with the revision of the sources."""
    place, revision = _place(params.tracking), read_revision(Path())
    labels = dict(tag.split(":", 1) for tag in params.tracking.tags if ":" in tag)
    commit = revision.commit and revision.commit + ("+changes" if revision.dirty else "")
    config = params.model_dump(mode="json") | {"revision": commit} | labels | facts
    return _target(params) | place | {"config": config, "tags": place["tags"] or None}


def _flat(scores: dict[str, dict]) -> dict[str, float]:
    return {
        f"scores/{task}/{name}": value
        for task, values in scores.items()
        for name, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _open(identity: str, wandb_mode: str, **described: Any) -> Any:
    """A run whose metrics have tokens as their x-axis, but those under BY_FLOPS."""
    import wandb

    FOLDER.mkdir(exist_ok=True)
    settings = wandb.Settings(
        silent=True, console="off", init_timeout=SECONDS_TO_CONNECT, disable_git=True, save_code=False
    )
    arguments: dict[str, Any] = dict(dir=str(FOLDER.absolute()), settings=settings, reinit="create_new", **described)
    # Offline there is no server to ask whether the run exists; `wandb sync` joins what has the same id.
    resume = {"resume": "allow"} if wandb_mode == "online" else {}
    try:
        run = wandb.init(mode=wandb_mode, id=identity, **resume, **arguments)
    except wandb.errors.Error as error:
        if wandb_mode == "offline":
            raise
        print(f"wandb: not online ({error}); this run is kept offline", file=sys.stderr, flush=True)
        # The id that failed to connect stays taken in wandb's service, so this one is another.
        run = wandb.init(mode="offline", id=secrets.token_hex(4), **arguments)
    for axis in ("tokens", "flops"):
        run.define_metric(axis)
    run.define_metric("*", step_metric="tokens")
    run.define_metric(f"{BY_FLOPS}/*", step_metric="flops")
    return run


def _close(run: Any, exit_code: int = 0) -> None:
    folder, offline = Path(run.dir).parent, run.offline
    run.finish(exit_code=exit_code)
    if offline:
        path = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
        print(f"wandb: this run is kept offline; to send it: wandb sync {path}", file=sys.stderr, flush=True)
