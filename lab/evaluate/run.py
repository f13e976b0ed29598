"""The stage: the scores of an exported model, of other models and of the training's intermediate ones.

Out: items/<task>.parquet (the sample suite's items), <task>.jsonl (the model's answers; those of other models in
models/<name>/, of intermediate ones in steps/<step>/), scores, reports/scores.json and the scores in W&B. lm-eval's
`simple_evaluate` is not used because it adds a description of the machine, which differs from run to run.
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

from lab.evaluate.answers import item_tables, model_folder, task_files
from lab.evaluate.sample import make_sample
from lab.evaluate.scores import headlines
from lab.files import write_json, write_json_lines
from lab.params import EngineParams, EvaluateParams
from lab.params_yaml import Params

if TYPE_CHECKING:
    from lm_eval.api.model import LM

BOOTSTRAP = 1000  # resamples, for the few metrics that lm-eval has no formula for


def run(
    export: Path,
    train: Path,
    dataset: Path,
    out: Path,
    params: Params,
    engine: EngineParams,
    reports: Path = Path("reports"),
) -> dict:
    """Score the models, write reports/scores.json and log to W&B; returns the stage's metrics (see `evaluate`)."""
    metrics = evaluate(export, dataset, out, params.evaluate, train)
    from lab.tracking import log_scores

    write_json(reports / "scores.json", headlines(metrics))
    log_scores(params, metrics["scores"], item_tables(task_files(out)), metrics.get("milestones", []))
    return metrics


def evaluate(export: Path, dataset: Path, out: Path, params: EvaluateParams, train: Path | None = None) -> dict:
    """Score the model; returns {"scores": …, "models": {name: {"scores": …}}, "milestones": […], "left_out": …}.

    `train`: what training left. The models of its intermediate steps are scored too, where it kept any:
    {"step": …, "tokens": …, "flops": …, "scores": …} each, the exported model last.
    Raises ParameterError and InputError for suites that can't be run, EmptyCorpusError where the sample has no items.
    """
    set_network(params)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    sampled = "sample" in params.suites
    sample_tasks, left_out = make_sample(dataset, out / "items", params.items, params.seed) if sampled else ([], {})
    for task, reason in left_out.items():
        print(f"evaluate: {task} is left out: {reason}", file=sys.stderr)
    from lab.evaluate.adapter import LabLM
    from lab.evaluate.models import labels, open_model

    model_labels = labels(params.models)
    with tempfile.TemporaryDirectory() as cache, _quiet():
        tasks = _load_tasks(sample_tasks, out / "items", Path(cache), params)
        scores = _score(LabLM(export, params.device, params.batch_tokens), tasks, out, params)
        others = {
            label: {"scores": _score(open_model(name, params), tasks, out / "models" / model_folder(label), params)}
            for name, label in model_labels.items()
        }
        milestones = _score_milestones(train, scores, export, tasks, out, params) if train else []
    optional = {"models": others, "milestones": milestones, "left_out": left_out}
    return {"scores": scores, **{name: value for name, value in optional.items() if value}}


def _score_milestones(
    train: Path, last: dict, export: Path, tasks: dict[str, Any], out: Path, params: EvaluateParams
) -> list[dict[str, Any]]:
    from lab.evaluate.models import find_milestones, open_milestone
    from lab.model.huggingface import load_tokenizer

    *intermediate, (_, finished) = find_milestones(train).items()
    encoding = load_tokenizer(export)
    rows = []
    for folder, spent in intermediate:
        model = open_milestone(folder, encoding, params)
        rows.append({**spent, "scores": _score(model, tasks, out / "steps" / folder.name, params)})
    return [*rows, {**finished, "scores": last}] if rows else []


def _load_tasks(sample_tasks: list[str], items: Path, cache: Path, params: EvaluateParams) -> dict[str, Any]:
    from lab.evaluate.suites import load_tasks

    loaded = load_tasks(params.suites, sample_tasks, items, cache)
    for task in loaded["tasks"].values():
        default = task.get_config("num_fewshot")
        shots = default if params.fewshot is None or default == 0 else params.fewshot  # 0 in a task file is kept
        task.set_config(key="num_fewshot", value=shots or 0)
        task.set_fewshot_seed(seed=params.seed)
    return loaded


def _score(model: "LM", tasks: dict[str, Any], out: Path, params: EvaluateParams) -> dict[str, dict[str, Any]]:
    """A model's scores. Its answers are written to `out`/<task>.jsonl."""
    from lm_eval.evaluator import evaluate as run_tasks

    from lab.evaluate.results import item_row, read_results

    with contextlib.redirect_stdout(io.StringIO()):
        results = run_tasks(model, tasks, limit=params.limit, bootstrap_iters=BOOTSTRAP, log_samples=True)
    for task, samples in results["samples"].items():
        write_json_lines(out / f"{task}.jsonl", (item_row(sample, tasks["tasks"][task]) for sample in samples))
    return read_results(results)


def set_network(params: EvaluateParams) -> None:
    """Set what lm-eval's libraries read on import, so call it before they are imported."""
    os.environ.setdefault("DISABLE_MULTIPROC", "1")  # lm-eval's bootstrap would fork a process that runs threads
    if params.data_dir:
        os.environ["HF_HOME"] = str(Path(params.data_dir).absolute())
    if params.data_dir or (params.suites == ["sample"] and all(Path(name).is_dir() for name in params.models)):
        os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the progress bars and log lines of lm-eval and its libraries; lab.progress shows the progress."""
    import datasets
    import lm_eval.api.task

    with contextlib.ExitStack() as restored:
        for logger in map(logging.getLogger, ("lm_eval", "datasets")):
            restored.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.ERROR)
        restored.callback(setattr, lm_eval.api.task, "tqdm", lm_eval.api.task.tqdm)
        lm_eval.api.task.tqdm = partial(lm_eval.api.task.tqdm, disable=True)
        restored.callback(datasets.enable_progress_bars)
        datasets.disable_progress_bars()
        yield
