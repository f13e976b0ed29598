"""Names of suites, tasks, task files and folders of task files -> lm-eval's tasks, with their data.

In: evaluate.suites. Out: what lm_eval.evaluator.evaluate takes. A suite is the embedded `sample`, FineWeb's early-
signal benchmarks (Penedo et al. 2024), or GPT-2's zero-shot tasks (Radford et al. 2019, table 3).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import datasets
import huggingface_hub
from lm_eval.api.task import ConfigurableTask, Task
from lm_eval.tasks import TaskManager
from lm_eval.tasks._index import Entry, Kind, TaskIndex
from lm_eval.tasks._yaml_loader import load_yaml

from lab.errors import InputError, ParameterError, did_you_mean
from lab.evaluate.sample import task_file
from lab.progress import progress

SAMPLE = "sample"
SUITES = {
    "fineweb": [
        "hellaswag",
        "arc_easy",
        "arc_challenge",
        "piqa",
        "social_iqa",
        "winogrande",
        "openbookqa",
        "commonsense_qa",
        "mmlu",
    ],
    "gpt2": [
        "lambada_openai",
        "gpt2_cbt_cn",
        "gpt2_cbt_ne",
        "gpt2_wikitext2",
        "gpt2_ptb",
        "gpt2_enwik8",
        "gpt2_text8",
        "gpt2_wikitext103",
        "gpt2_1bw",
    ],
}
OWN = Path(__file__).parent / "gpt2"  # task files for what lm-eval has no task for
_LOCAL_FORMATS = {"parquet", "json", "csv", "text", "arrow"}  # builders of `datasets` that read files


def is_path(suite: str) -> bool:
    """Whether a name is a task file, or a folder of them."""
    return suite not in {SAMPLE, *SUITES} and Path(suite).exists()


def load_tasks(suites: Sequence[str], sample_tasks: Iterable[str], items: Path, cache: Path) -> dict[str, Any]:
    """lm-eval's tasks and groups of all suites (TaskManager.load's dict).

    The sample's items are `items`/<task>.parquet; `cache` is a folder for their Arrow copies. Raises ParameterError for
    an unknown name, InputError naming the data sets that are not available, or the task file that does not load.
    """
    paths = [Path(suite) for suite in suites if is_path(suite)]
    others = [suite for suite in suites if suite != SAMPLE and not is_path(suite)]
    folders = [path if path.is_dir() else path.parent for path in paths]
    manager = (
        _own_manager()
        if others and not folders
        else TaskManager(include_path=[*folders, OWN] if others else folders, include_defaults=bool(others))
    )
    names = [name for suite in others for name in SUITES.get(suite, [suite])]
    _check_known(names, manager.task_index, manager.all_tasks)
    names = [name for path in paths for name in _names_in(path)] + names
    tasks: list[Any] = [_sample_task(task, items, cache) for task in sample_tasks]
    missing: dict[str, str] = {}  # data set -> why
    with progress("loading tasks", len(names)) as ticker, ExitStack() as stack:
        for name in dict.fromkeys(names):
            try:
                tasks += _flat(manager.load([name]))
            except Exception as error:  # a data set's reader, or a task file's code, may raise anything
                remote = _remote_datasets(name, manager.task_index)
                if not remote:
                    raise InputError(f"evaluate: the task '{name}' does not load: {_line(error)}") from error
                if isinstance(error, ConnectionError) and not missing:
                    stack.enter_context(_offline())
                missing |= dict.fromkeys(remote, _line(error))
            ticker.advance()
    if missing:
        raise InputError(_how_to_fetch(missing, others or [str(path) for path in paths]))
    return manager.load(tasks)


@cache
def _own_manager() -> TaskManager:
    """lm-eval's own tasks and ours: 14,000 files, read once because that takes ten seconds."""
    return TaskManager(include_path=[OWN])


@contextmanager
def _offline() -> Iterator[None]:
    """Look for further data sets on this machine only: offline, each would wait half a minute for an answer."""
    modules = [(datasets.config, "HF_HUB_OFFLINE"), (huggingface_hub.constants, "HF_HUB_OFFLINE")]
    before = [getattr(module, name) for module, name in modules]
    for module, name in modules:
        setattr(module, name, True)
    try:
        yield
    finally:
        for (module, name), value in zip(modules, before, strict=True):
            setattr(module, name, value)


def _sample_task(task: str, items: Path, cache: Path) -> Task:
    config = load_yaml(task_file(task))
    files = {"validation": str(items / f"{task}.parquet")}
    return ConfigurableTask(config=config | {"dataset_kwargs": {"data_files": files, "cache_dir": str(cache)}})


def _flat(loaded: Mapping[str, Any]) -> list[Any]:
    """The outermost groups, and the tasks that are in none."""
    groups = loaded.get("groups", {})
    inner = {name for group in groups.values() for name in group.child_names}
    grouped = {task.task_name for group in groups.values() for task in group.get_all_tasks()}
    outer = [group for name, group in groups.items() if name not in inner]
    return outer + [task for name, task in loaded["tasks"].items() if name not in grouped]


def _check_known(names: Iterable[str], index: Mapping[str, Entry], known: Sequence[str]) -> None:
    for name in names:
        if name not in index:
            hint = did_you_mean(name, [SAMPLE, *SUITES, *known])
            raise ParameterError(
                f"evaluate.suites: there is no suite, lm-eval task, file or folder '{name}'; {hint}Suites: "
                f"{', '.join([SAMPLE, *SUITES])}. Tasks: `lm-eval ls tasks`."
            )


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
    listed = (entry.cfg or {}).get("task") or []
    parts = [listed] if isinstance(listed, str) else listed
    return [part if isinstance(part, str) else str(part.get("task") or part.get("group")) for part in parts]


def _remote_datasets(name: str, index: Mapping[str, Entry]) -> list[str]:
    """The Hugging Face data sets (or the file) that a task, or the tasks of a group or tag, read."""
    entry = index.get(name)
    if entry is None:
        return []
    if entry.kind is Kind.GROUP or entry.kind is Kind.TAG:
        children = _children(entry) if entry.kind is Kind.GROUP else sorted(entry.tags)
        return list(dict.fromkeys(dataset for child in children for dataset in _remote_datasets(child, index)))
    config = entry.cfg or {}
    if "custom_dataset" in config:
        source = config.get("metadata", {}).get("data")
        return [str(source)] if source else []
    path = config.get("dataset_path")
    return [] if path is None or path in _LOCAL_FORMATS or Path(path).exists() else [str(path)]


def _how_to_fetch(missing: Mapping[str, str], suites: Sequence[str]) -> str:
    reason = next(iter(missing.values()))
    return (
        f"evaluate.suites: these data sets are neither on this machine nor to be had from the net: "
        f"{', '.join(missing)} ({reason}). On a machine with a net run `python -m lab.evaluate.fetch FOLDER "
        f"{' '.join(suites)}`, copy FOLDER here and set evaluate.data_dir to it; or set evaluate.suites to [sample]."
    )


def _line(error: Exception) -> str:
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return text if len(text) <= 200 else text[:199] + "…"
