"""Names of suites, tasks, task files and folders of task files -> lm-eval's tasks, with their data.

In: evaluate.suites. Out: what lm_eval.evaluator.evaluate takes. A suite is the embedded `sample`, FineWeb's early-
signal benchmarks (Penedo et al. 2024), or GPT-2's zero-shot tasks (Radford et al. 2019, table 3).
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from textwrap import shorten
from typing import Any

import datasets
import huggingface_hub
from lm_eval.api.task import ConfigurableTask
from lm_eval.tasks import TaskManager
from lm_eval.tasks._index import Entry, Kind, TaskIndex
from lm_eval.tasks._yaml_loader import load_yaml

from lab.errors import InputError, ParameterError, did_you_mean
from lab.evaluate.sample import task_file
from lab.progress import progress

SAMPLE = "sample"
SUITES = {
    "fineweb": "hellaswag arc_easy arc_challenge piqa social_iqa winogrande openbookqa commonsense_qa mmlu".split(),
    "gpt2": (
        "lambada_openai gpt2_cbt_cn gpt2_cbt_ne gpt2_wikitext2 gpt2_ptb gpt2_enwik8 gpt2_text8 gpt2_wikitext103 "
        "gpt2_1bw"
    ).split(),
}
OWN = Path(__file__).parent / "gpt2"  # task files for what lm-eval has no task for
_LOCAL_FORMATS = {"parquet", "json", "csv", "text", "arrow"}  # builders of `datasets` that read files


def load_tasks(suites: Sequence[str], sample_tasks: Iterable[str], items: Path, cache: Path) -> dict[str, Any]:
    """lm-eval's tasks and groups of all suites (TaskManager.load's dict).

    The sample's items are `items`/<task>.parquet; `cache` is a folder for their Arrow copies. Raises ParameterError for
    an unknown name, InputError naming the data sets that are not available, or the task file that does not load.
    """
    others = [suite for suite in suites if suite != SAMPLE and (suite in SUITES or not Path(suite).exists())]
    paths = [Path(suite) for suite in suites if suite not in {SAMPLE, *others}]
    folders = [path if path.is_dir() else path.parent for path in paths]
    manager = (
        _own_manager()
        if others and not folders
        else TaskManager(include_path=[*folders, OWN] if others else folders, include_defaults=bool(others))
    )
    names = [name for suite in others for name in SUITES.get(suite, [suite])]
    for name in names:
        if name not in manager.task_index:
            hint = did_you_mean(name, [SAMPLE, *SUITES, *manager.all_tasks])
            raise ParameterError(
                f"evaluate.suites: there is no suite, lm-eval task, file or folder '{name}'; {hint}Suites: "
                f"{', '.join([SAMPLE, *SUITES])}. Tasks: `lm-eval ls tasks`."
            )
    names = [name for path in paths for name in _names_in(path)] + names
    tasks: list[Any] = []
    for task in sample_tasks:
        data = {"data_files": {"validation": str(items / f"{task}.parquet")}, "cache_dir": str(cache)}
        tasks.append(ConfigurableTask(config=load_yaml(task_file(task)) | {"dataset_kwargs": data}))
    return manager.load(tasks + _load(manager, list(dict.fromkeys(names)), " ".join(others or map(str, paths))))


def _load(manager: TaskManager, names: Sequence[str], suites: str) -> list[Any]:
    """Tasks and groups. InputError, with what to do, for all data sets that are missing."""
    tasks: list[Any] = []
    missing: dict[str, str] = {}  # data set -> why
    with progress("loading tasks", len(names)) as ticker, ExitStack() as stack:
        for name in names:
            try:
                loaded = manager._load_spec(name)  # as it stands, where `load` takes groups apart
                tasks += loaded if isinstance(loaded, list) else [loaded]
            except Exception as error:  # a data set's reader, or a task file's code, may raise anything
                reason = shorten(f"{type(error).__name__}: {error}", 200, placeholder="…")
                remote = _remote_datasets(name, manager.task_index)
                if not remote:
                    raise InputError(f"evaluate: the task '{name}' does not load: {reason}") from error
                if isinstance(error, ConnectionError) and not missing:
                    # Each further data set would wait half a minute for an answer: look for them on this machine only.
                    for settings in (vars(datasets.config), vars(huggingface_hub.constants)):
                        stack.callback(settings.update, HF_HUB_OFFLINE=settings["HF_HUB_OFFLINE"])
                        settings["HF_HUB_OFFLINE"] = True
                missing |= dict.fromkeys(remote, reason)
            ticker.advance()
    if missing:
        raise InputError(
            f"evaluate.suites: these data sets are neither on this machine nor to be had from the net: "
            f"{', '.join(missing)} ({next(iter(missing.values()))}). On a machine with a net run "
            f"`python -m lab.evaluate.fetch FOLDER {suites}`, copy FOLDER here and set evaluate.data_dir to it; or set "
            "evaluate.suites to [sample]."
        )
    return tasks


@cache
def _own_manager() -> TaskManager:
    """lm-eval's own tasks and ours: 14,000 files, read once because that takes ten seconds."""
    return TaskManager(include_path=[OWN])


def _names_in(path: Path) -> list[str]:
    """The groups and tasks of a folder that are in no other group there; the one of a file."""
    index = TaskIndex.build([path if path.is_dir() else path.parent])
    if path.is_file():
        index = {name: entry for name, entry in index.items() if entry.yaml_path and entry.yaml_path.samefile(path)}
    entries = {name: entry for name, entry in index.items() if entry.kind is not Kind.TAG}
    if not entries:
        raise InputError(f"evaluate.suites: {path} has no lm-eval task file (*.yaml with a key 'task' or 'group').")
    inner = {child for entry in entries.values() if entry.kind is Kind.GROUP for child in _children(entry)}
    return [name for name in entries if name not in inner]


def _children(entry: Entry) -> list[str]:
    """What a group or tag stands for."""
    if entry.kind is Kind.TAG:
        return sorted(entry.tags)
    listed = (entry.cfg or {}).get("task") or []
    parts = [listed] if isinstance(listed, str) else listed
    return [part if isinstance(part, str) else str(part.get("task") or part.get("group")) for part in parts]


def _remote_datasets(name: str, index: Mapping[str, Entry]) -> list[str]:
    """The Hugging Face data sets (or the file) that a task, or the tasks of a group or tag, read."""
    entry = index.get(name)
    if entry is None:
        return []
    if entry.kind in (Kind.GROUP, Kind.TAG):
        return [dataset for child in _children(entry) for dataset in _remote_datasets(child, index)]
    config = entry.cfg or {}
    if "custom_dataset" in config:
        source = config.get("metadata", {}).get("data")
        return [str(source)] if source else []
    path = config.get("dataset_path")
    return [] if path is None or path in _LOCAL_FORMATS or Path(path).exists() else [str(path)]
