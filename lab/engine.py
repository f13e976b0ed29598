"""Run a function over shards, in local processes or on a Ray cluster: resumable, with the same bytes out either way.

A function takes `(item, folder, name)`, writes files whose names begin with `name` into `folder`, and returns a
JSON-able dict. Its folder is temporary and is renamed, result file included, when it is complete. The final name has a
key of the input files' bytes, the item, the parameters and the code: a killed run loses only the shards in flight, and
a finished shard is used again only for the same input.
"""

import gc
import hashlib
import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.files import alone, file_digest, link
from lab.params import EngineParams
from lab.progress import Ticker, progress

WORK = Path(".lab/work")
RESULT = "result.json"

ShardFunction = Callable[[Any, Path, str], dict]


@dataclass(frozen=True)
class Shard:
    """A finished shard: its name, the folder with its files, and what its function returned."""

    name: str
    folder: Path
    result: dict


def digest(paths: Sequence[Path]) -> str:
    """Hash of the bytes of files, without their names, in the given order."""
    total = hashlib.blake2b(digest_size=16)
    for path in paths:
        total.update(file_digest(path))
    return total.hexdigest()


@cache
def code_version() -> str:
    """Hash of the lab's sources and the Python version."""
    total = hashlib.blake2b(sys.version.encode(), digest_size=16)
    root = Path(__file__).parent
    for path in sorted(path for kind in ("*.py", "*.txt") for path in root.rglob(kind)):
        total.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return total.hexdigest()


def run(
    stage: str,
    function: ShardFunction,
    items: Mapping[str, Any],
    *,
    engine: EngineParams,
    params: Any = None,
    inputs: Callable[[Any], Sequence[Path]] = lambda item: [item],
    out: Path | None = None,
) -> list[Shard]:
    """Run `function` over `items` (shard name -> item) in parallel; results are in the order of `items`.

    `params`: whatever else the results depend on (pydantic model or JSON-able). It only enters the key; the function
    gets its own by `functools.partial`. `inputs(item)`: the files that an item is made from. `out`: where to put the
    finished files. Finished work stays in .lab/work/<stage>/ until `clear(stage)`.

    Raises LabError if a worker dies or the stage is running in this folder already, and whatever the function raises.
    """
    plain = params.model_dump(mode="json") if hasattr(params, "model_dump") else params
    key = json.dumps([stage, plain, code_version()], sort_keys=True, default=str)
    work = (WORK / stage).absolute()
    work.mkdir(parents=True, exist_ok=True)
    tasks = {name: (function, item, list(inputs(item)), name, key, work) for name, item in items.items()}
    finished: dict[str, Shard] = {}
    busy = f"{stage}: another run of this stage is at work in this folder; wait until it ends, or stop it."
    with alone(work / "lock", busy), progress(stage, len(tasks)) as ticker:
        for shard in _results(tasks, engine, ticker):
            finished[shard.name] = shard
            ticker.advance()
    ordered = [finished[name] for name in items]
    if out is not None:
        for shard in ordered:
            _link_files(shard.folder, out)
    return ordered


def clear(stage: str) -> None:
    """Delete a stage's finished shards, once its outputs are complete."""
    for folder in WORK.glob(f"{stage}*"):
        if folder.name == stage or folder.name.startswith(f"{stage}."):
            shutil.rmtree(folder)


def _results(tasks: dict[str, tuple], engine: EngineParams, ticker: Ticker) -> Iterator[Shard]:
    if engine.kind == "ray":
        yield from _on_ray(_largest_first(tasks), engine)
    elif engine.processes() == 1 or len(tasks) <= 1:
        for task in tasks.values():
            yield _work(*task)
    else:
        yield from _in_processes(_largest_first(tasks), engine.processes())


def _largest_first(tasks: dict[str, tuple]) -> dict[str, tuple]:
    """By the size of their input files, so that no large shard starts last and keeps the other workers waiting."""

    def size(name: str) -> int:
        return sum(path.stat().st_size for path in tasks[name][2] if path.exists())

    return {name: tasks[name] for name in sorted(tasks, key=size, reverse=True)}


@cache
def _pool(processes: int) -> ProcessPoolExecutor:
    """Worker processes, kept for later runs of this process: starting them takes a second."""
    # spawn, not fork: a forked child inherits locks held by threads (Arrow's, torch's) that it does not have.
    return ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_start_worker)


def _in_processes(tasks: dict[str, tuple], processes: int) -> Iterator[Shard]:
    pool = _pool(processes)
    finished = False
    try:
        waiting: dict[Future, str] = {pool.submit(_work_in, os.getcwd(), *task): name for name, task in tasks.items()}
        while waiting:
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                name = waiting.pop(future)
                try:
                    yield future.result()
                except BrokenProcessPool as error:
                    raise LabError(
                        f"a worker was killed while shards such as '{name}' were in flight (out of memory?). Finished "
                        "shards are kept: run again, with a lower engine.workers if memory is short."
                    ) from error
        finished = True
    finally:
        if not finished:
            _pool.cache_clear()
            for process in list((pool._processes or {}).values()):
                process.terminate()
            pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    """One thread per worker; Ctrl-C is left to the parent; a worker ends with its parent, even if that is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = "1"
    import pyarrow

    pyarrow.set_cpu_count(1)
    parent = parent_process()

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _on_ray(tasks: dict[str, tuple], engine: EngineParams) -> Iterator[Shard]:
    try:
        import ray
    except ImportError as error:
        raise LabError("engine.kind is 'ray', which is not installed: pip install -e '.[cluster]'") from error
    started = not ray.is_initialized()
    if started:
        local = {} if engine.address else {"num_cpus": engine.processes(), "include_dashboard": False}
        try:
            ray.init(address=engine.address, log_to_driver=False, **local)
        except ConnectionError as error:
            reason = " ".join(str(error).split())[:200]
            raise LabError(
                f"engine.address '{engine.address}': there is no Ray cluster ({reason}). Start one with `ray start "
                "--head`, or set engine.address to null for one on this machine."
            ) from error
    try:
        remote = ray.remote(num_cpus=1)(_work_in)
        pending = [remote.remote(os.getcwd(), *task) for task in tasks.values()]
        while pending:
            done, pending = ray.wait(pending)
            try:
                yield ray.get(done[0])
            except ray.exceptions.RayTaskError as error:
                raise error.as_instanceof_cause() from None
            except ray.exceptions.RayError as error:
                raise LabError(f"Ray lost a shard ({error}). Finished shards are kept: run again.") from error
    finally:
        if started:
            ray.shutdown()


def _work_in(folder: str, *task: Any) -> Shard:
    os.chdir(folder)  # paths are relative to the repository root, which every node must have
    return _work(*task)


def _work(function: ShardFunction, item: Any, sources: list[Path], name: str, key: str, work: Path) -> Shard:
    hashed = hashlib.blake2b(f"{key}{name}{item!r}{digest(sources)}".encode(), digest_size=8).hexdigest()
    folder = work / f"{name}-{hashed}"
    try:
        result = (folder / RESULT).read_text()
    except FileNotFoundError:
        temporary = work / f"{name}-{hashed}.tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        result = json.dumps(function(item, temporary, name))
        (temporary / RESULT).write_text(result)
        temporary.rename(folder)
        _freeze(work)
    return Shard(name, folder, json.loads(result))


@cache
def _freeze(work: Path) -> None:
    """Freeze what the first shard has allocated (modules, models, caches), so that later collections skip it."""
    gc.freeze()


def _link_files(source: Path, out: Path) -> None:
    """Put a finished shard's files into `out`. They are links, so they stay in `source` too: a kill loses nothing."""
    for path in source.rglob("*"):
        relative = path.relative_to(source)
        if path.is_dir() or relative == Path(RESULT):
            continue
        target = out / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        link(path, target)
