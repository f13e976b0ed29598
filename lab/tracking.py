"""A training run in Weights & Biases: online where there is a key, else a file under .lab/wandb that can be sent later.

In: parameters, hashes, and a row a step. Out: a W&B run that can be grouped by any decision, drawn by tokens or FLOPs,
and .lab/train/run.json, by which `log_scores` adds the evaluation's scores to the same run. Runs of one ablation are a
group (tracking.group); so are, else, the experiments that DVC made from one revision. Tags of the form `name:value` (an
ablation's `variant:raw`, `seed:1`) are in the config as well, so that runs can be grouped by them.
"""

import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from lab.errors import InputError
from lab.files import read_json, write_json
from lab.git import read_revision
from lab.params import Params, TrackingParams
from lab.train.data import bits_per_byte
from lab.train.measured import Measured

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


class Table(Protocol):
    """What lab.evaluate.item_table gives of a task."""

    @property
    def columns(self) -> list[str]: ...

    @property
    def rows(self) -> list[list[Any]]: ...


@dataclass(frozen=True)
class Sizes:
    """What turns losses and rates into figures that compare across models and machines."""

    flops_per_token: float
    peak: float  # FLOP/s that the devices reach together on a matrix product; MFU is the share of it
    bytes_per_token: float  # of the validation tokens

    def mfu(self, tokens_per_second: float) -> float:
        """Model FLOPs utilisation (PaLM, Chowdhery et al. 2022, appendix B), 0 to 1."""
        return tokens_per_second * self.flops_per_token / self.peak

    def bits(self, loss: float) -> float:
        """A validation loss in nats a token as bits a byte."""
        return bits_per_byte(loss, self.bytes_per_token)


class Tracker:
    """One run. Does nothing where tracking is disabled."""

    def __init__(self, params: Params, key: str, facts: dict, sizes: Sizes, *, resumed: bool):
        """`key` names the training run: a resumed one goes on in its W&B run. `facts`: what the config says besides."""
        self._sizes = sizes
        self._run: Any = None  # wandb's Run, imported late
        if mode(params.tracking) == "disabled":
            RUN.unlink(missing_ok=True)
            return
        known = read_json(RUN) if RUN.exists() else {}
        identity = known["id"] if resumed and known.get("key") == key else secrets.token_hex(4)
        target = {"project": params.tracking.project, "entity": params.tracking.entity}
        self._run = _open(identity, target, mode(params.tracking), **_described(params, facts), job_type="train")
        how = "offline" if self._run.offline else "online"
        write_json(RUN, {"id": self._run.id, "key": key, "mode": how, **target, **_place(params.tracking)})
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
        """Close the run: with its final metrics, or as failed where there are none."""
        if self._run is None:
            return
        self._run.summary.update(summary or {})
        _close(self._run, exit_code=0 if summary is not None else 1)
        self._run = None


def log_scores(
    params: Params, scores: dict[str, dict], tables: Mapping[str, Table], milestones: Sequence[dict] = ()
) -> None:
    """Add scores ({task: {metric: value}}) and tables of items to the W&B run of the training.

    `milestones`: the scores of models on the way, each with its step, tokens and FLOPs, and the last model's. A
    training that was not run here (DVC restored it for another variant of an ablation, say) has no run under this
    name, group and tags: then the scores make one. Nothing where tracking is disabled.
    """
    how = mode(params.tracking)
    if how == "disabled":
        return
    known = _known(params.tracking)
    if known is None:
        target = {"project": params.tracking.project, "entity": params.tracking.entity}
        run = _open(secrets.token_hex(4), target, how, **_described(params, {}), job_type="evaluate")
    else:
        target = {name: known[name] for name in ("project", "entity")}
        run = _open(known["id"], target, how if known["mode"] == "online" else "offline")
    import wandb

    _set_axes(run)
    for row in milestones:
        found = _flat(row["scores"])
        by_flops = {f"{BY_FLOPS}/{name}": value for name, value in found.items()}
        run.log({name: row[name] for name in ("step", "tokens", "flops")} | found | by_flops)
    shown = {f"items/{task}": wandb.Table(columns=table.columns, data=table.rows) for task, table in tables.items()}
    run.log(shown if milestones else _flat(scores) | shown)
    run.summary.update(_flat(scores))
    _close(run)


def labels(tags: Sequence[str]) -> dict[str, str]:
    """["variant:raw", "small"] -> {"variant": "raw"}."""
    return dict(tag.split(":", 1) for tag in tags if ":" in tag)


def _known(params: TrackingParams) -> dict | None:
    """What is known of the last training's run; None where there is none, or it was another experiment's."""
    if not RUN.exists():
        return None
    known = read_json(RUN)
    if not isinstance(known, dict) or not {"id", "mode", "project", "entity"} <= known.keys():
        raise InputError(f"{RUN}: not what training writes. Remove it, or run `dvc repro -f train`.")
    place = _place(params)
    return known if {name: known.get(name) for name in place} == place else None


def _place(params: TrackingParams) -> dict[str, Any]:
    """By what an experiment's run is found among others."""
    name = os.environ.get("DVC_EXP_NAME")
    return {"name": name, "group": params.group or _experiments_of_revision(), "tags": params.tags}


def _described(params: Params, facts: dict) -> dict[str, Any]:
    """What a new run says of itself."""
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
    """Tokens are the x-axis of all metrics, FLOPs that of those which are logged for it."""
    for axis in ("tokens", "flops"):
        run.define_metric(axis)
    run.define_metric("*", step_metric="tokens")
    run.define_metric(f"{BY_FLOPS}/*", step_metric="flops")


def _open(identity: str, target: dict, how: str, **more: Any) -> Any:
    import wandb

    FOLDER.mkdir(exist_ok=True)
    settings = wandb.Settings(
        silent=True, console="off", init_timeout=SECONDS_TO_CONNECT, disable_git=True, save_code=False
    )
    # Offline there is no server to ask whether the run exists; `wandb sync` joins what has the same id.
    resume = {"resume": "allow"} if how == "online" else {}
    arguments: dict[str, Any] = dict(
        id=identity, dir=str(FOLDER.absolute()), settings=settings, reinit="create_new", **target, **more
    )
    try:
        return wandb.init(mode=how, **resume, **arguments)
    except wandb.errors.Error as error:
        if how == "offline":
            raise
        print(f"wandb: not online ({error}); this run is kept offline", file=sys.stderr, flush=True)
        # The id that failed to connect stays taken in wandb's service, so this one is another.
        return wandb.init(mode="offline", **arguments | {"id": secrets.token_hex(4)})


def _close(run: Any, exit_code: int = 0) -> None:
    folder, offline = Path(run.dir).parent, run.offline
    run.finish(exit_code=exit_code)
    if offline:
        shown = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
        print(f"wandb: this run is kept offline; to send it: wandb sync {shown}", file=sys.stderr, flush=True)
