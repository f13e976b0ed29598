"""The stage: an exported model on the suites asked for, and other models beside it.

In: an export folder, the dataset it was held out from, the section `evaluate`. Out: items/<task>.parquet (the sample
suite's items), <task>.jsonl (what the model answered to each item), models/<name>/<task>.jsonl and the scores. Runs
lm-eval's `evaluate`, the part of `simple_evaluate` that scores: what the rest adds is the machine's description,
which would differ from run to run.
"""

import contextlib
import io
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.evaluate.sample import make_sample
from lab.files import write_json_lines
from lab.params import EvaluateParams

if TYPE_CHECKING:
    from lm_eval.api.model import LM

BOOTSTRAP = 1000  # resamples, for the few metrics that lm-eval has no formula for


def evaluate(export: Path, dataset: Path, out: Path, params: EvaluateParams, trained: Path | None = None) -> dict:
    """Score the model; returns the stage's metrics ({"scores": …, "models": {name: {"scores": …}}, "left_out": …}).

    With `trained`, what training left, the models of its intermediate steps are scored too, where it kept any:
    {"milestones": [{"step": …, "tokens": …, "flops": …, "scores": …}, …]}, the exported model last.
    Raises ParameterError and InputError for suites that can't be run, EmptyCorpusError where the sample has no items.
    """
    set_network(params)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    tasks, left_out = [], {}
    if "sample" in params.suites:
        tasks, left_out = make_sample(dataset, out / "items", params.items, params.seed)
    for task, reason in left_out.items():
        print(f"evaluate: {task} is left out: {reason}", file=sys.stderr)
    from lab.evaluate.adapter import LabLM
    from lab.evaluate.models import folder_of, labels, open_model

    called = labels(params.models)
    with tempfile.TemporaryDirectory() as cache, _quiet():
        loaded = _tasks(tasks, out / "items", Path(cache), params)
        scores = _score(LabLM(export, params.device, params.batch_tokens), loaded, out, params)
        others = {
            label: {"scores": _score(open_model(name, params), loaded, out / "models" / folder_of(label), params)}
            for name, label in called.items()
        }
        milestones = _score_milestones(trained, scores, export, loaded, out, params) if trained else []
    return {
        "scores": scores,
        **({"models": others} if others else {}),
        **({"milestones": milestones} if milestones else {}),
        **({"left_out": left_out} if left_out else {}),
    }


def _score_milestones(
    trained: Path, last: dict, export: Path, loaded: dict[str, Any], out: Path, params: EvaluateParams
) -> list[dict[str, Any]]:
    from lab.evaluate.milestones import find, open_milestone
    from lab.model.huggingface import load_tokenizer

    before, end = find(trained)
    encoding = load_tokenizer(export)
    rows = []
    for milestone in before:
        model = open_milestone(milestone, encoding, params)
        scores = _score(model, loaded, out / "steps" / milestone.folder.name, params)
        rows.append({**milestone.as_dict(), "scores": scores})
    return [*rows, {**end.as_dict(), "scores": last}] if rows else []


def _tasks(sample_tasks: list[str], items: Path, cache: Path, params: EvaluateParams) -> dict[str, Any]:
    from lab.evaluate.suites import load_tasks

    loaded = load_tasks(params.suites, sample_tasks, items, cache)
    for task in loaded["tasks"].values():
        own = task.get_config("num_fewshot")
        shots = own if params.fewshot is None or own == 0 else params.fewshot  # a task file that says 0 means it
        task.set_config(key="num_fewshot", value=shots or 0)
        task.set_fewshot_seed(seed=params.seed)
    return loaded


def _score(model: "LM", loaded: dict[str, Any], out: Path, params: EvaluateParams) -> dict[str, dict[str, Any]]:
    """A model's scores; its answers are written into `out`."""
    from lm_eval.evaluator import evaluate as run_tasks

    from lab.evaluate.scores import item_row, read_results

    with contextlib.redirect_stdout(io.StringIO()):
        results = run_tasks(model, loaded, limit=params.limit, bootstrap_iters=BOOTSTRAP, log_samples=True)
    for task, samples in results["samples"].items():
        write_json_lines(out / f"{task}.jsonl", (item_row(sample, loaded["tasks"][task]) for sample in samples))
    return read_results(results)


def set_network(params: EvaluateParams) -> None:
    """Before lm-eval's libraries are imported: they read these when they are."""
    os.environ.setdefault("DISABLE_MULTIPROC", "1")  # lm-eval's bootstrap would fork a process that runs threads
    if params.data_dir:
        os.environ["HF_HOME"] = str(Path(params.data_dir).absolute())
    if params.data_dir or (params.suites == ["sample"] and all(Path(name).is_dir() for name in params.models)):
        os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No bars and remarks of lm-eval and its libraries; lab.progress shows what is done."""
    import datasets
    import lm_eval.api.task

    loggers = [logging.getLogger(name) for name in ("lm_eval", "datasets")]
    levels = [logger.level for logger in loggers]
    bar = lm_eval.api.task.tqdm
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    lm_eval.api.task.tqdm = partial(bar, disable=True)
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        lm_eval.api.task.tqdm = bar
        datasets.enable_progress_bars()
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
