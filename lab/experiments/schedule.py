"""Runs a queue: several experiments at once, each shared stage once, whatever is killed.

In: a Queue and the number of workers. Out: each experiment's State, in a file that any process can read; finished ones
are experiments of the project. One of several experiments that share a stage (graph.keys) runs it; the others wait, and
restore it from DVC's run cache. Experiments that survived the process which started them are taken over.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Literal

from lab.errors import LabError
from lab.experiments import items
from lab.experiments.overrides import apply
from lab.experiments.plan import Experiment
from lab.experiments.queue import Queue, require_committed
from lab.experiments.workspace import Workspace, error_line, logged_stages, workspaces
from lab.files import alone, read_json, write_json

POLL = 0.2  # seconds
AT_WORK = (
    "another `lab ablate`, `lab isoflop` or `lab sweep` is at work in this project; its --status shows what it does."
)
GRACE = 30.0  # seconds that a stopped experiment has to end


@dataclass(frozen=True)
class State:
    """Where an experiment stands. `stage`: that its log names last; times in seconds, `started` since the epoch."""

    status: Literal["queued", "running", "done", "failed"] = "queued"
    stage: str = ""
    started: float = 0.0
    seconds: float = 0.0
    error: str = ""
    epochs: float | None = None


@dataclass
class Job:
    """An experiment that is running. `process` is None if another process started it."""

    experiment: Experiment
    workspace: Workspace
    process: subprocess.Popen | None
    state: State

    def over(self) -> bool:
        return self.process.poll() is not None if self.process else not self.workspace.busy


@dataclass
class Schedule:
    """`known`: keys of the stages that have been run, now or earlier."""

    queue: Queue
    workers: list[Workspace]
    running: list[Job] = field(default_factory=list)
    states: dict[str, State] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)

    def work(self, show: Callable[[dict[str, State]], None]) -> dict[str, State]:
        """Run until nothing is queued; returns all states. Ctrl-C stops the running experiments; finished ones stay."""
        with alone(self.queue.folder.parent / "lock", AT_WORK):
            require_committed(self.queue)
            # 1. Take over what is finished or still running, from states on disk and workers' locks.
            # 2. Make the items that all variants share.
            # 3. Until nothing is queued or running: note progress from the logs, collect finished experiments, and give
            #    idle workers experiments that share no unfinished stage with a running one.
            self._take_over()
            try:
                self._prepare()
                while self.running or self._queued():
                    self._watch()
                    self._fill()
                    show(self.states)
                    time.sleep(POLL)
            except KeyboardInterrupt:
                self._stop()
                raise
        show(self.states)
        return self.states

    def _take_over(self) -> None:
        """Read what is finished, and what is still running."""
        self.states = current_states(self.queue)
        names = {experiment.name: experiment for experiment in self.queue.experiments}
        for name in names:
            if self.states[name].status == "done":
                self.known |= set(self.queue.keys[name].values())
            elif self.states[name].status == "failed":
                self.states[name] = State()  # run again, so tried again
        for worker in _all_workers(self.queue):  # also those beyond the number of workers now
            name = worker.current
            if name not in names or self.states[name].status == "done":
                continue
            state = _read_state(self.queue, name)
            if worker.busy:
                self.running.append(Job(names[name], worker, None, state))
            elif self._collected(worker, name):
                self.states[name] = replace(state, status="done", error="")

    def _prepare(self) -> None:
        """Make the evaluation items that all variants share, unless they exist."""
        folder, baseline = self.queue.items, self.queue.baseline
        if folder is None or folder.exists() or not self._queued():
            return
        experiment = replace(baseline, name=f"{self.queue.name}-items")
        worker = next((worker for worker in self.workers if not worker.busy), None)
        if worker is None:
            raise LabError("all workers are busy with another ablation's experiments; run this again later.")
        job = self._start(worker, experiment, [items.STAGE])  # among those running, so that Ctrl-C stops it
        job.process.wait()
        self.running.clear()
        made, log = worker.experiment(experiment.name), self.queue.log(experiment)
        if made is None:
            error = error_line(log.read_text("utf-8", "replace"))
            raise LabError(f"{experiment.name}: {error} (all of it: {log})")
        evaluate = apply(self.queue.base, baseline.overrides)["evaluate"]
        items.make(worker.clone.output(made.commit, items.OUTPUT), folder, evaluate["items"], evaluate["seed"])

    def _queued(self) -> list[Experiment]:
        return [run for run in self.queue.experiments if self.states[run.name].status == "queued"]

    def _start(self, worker: Workspace, experiment: Experiment, targets: list[str]) -> Job:
        process = worker.start(experiment, targets, self.queue.log(experiment))
        job = Job(experiment, worker, process, State("running", started=time.time()))
        self.running.append(job)
        return job

    def _watch(self) -> None:
        for job in list(self.running):
            log, keys = self.queue.log(job.experiment), self.queue.keys[job.experiment.name]
            text = log.read_text("utf-8", "replace") if log.exists() else ""
            ended, stage = logged_stages(text)
            job.state = replace(job.state, stage=stage, seconds=float(int(time.time() - job.state.started)))
            self.known |= {keys[stage] for stage in ended if stage in keys}
            if job.over():
                self.running.remove(job)
                job.state = self._ended(job, text)
            self._note(job.experiment.name, job.state)

    def _ended(self, job: Job, log: str) -> State:
        commit = self._collected(job.workspace, job.experiment.name)
        if commit is None:
            return replace(job.state, status="failed", error=error_line(log))
        self.known |= set(self.queue.keys[job.experiment.name].values())
        return _done(self.queue, job.state, commit)

    def _collected(self, worker: Workspace, name: str) -> str | None:
        """Fetch an experiment from a worker; its commit if it has the current parameters and code."""
        return self.queue.finished(only=name).get(name) if worker.collect(name) else None

    def _fill(self) -> None:
        """Start experiments on idle workers; a worker whose experiment was interrupted continues that one."""
        for worker in self.workers:
            if any(job.workspace.number == worker.number for job in self.running) or worker.busy:
                continue
            queue = sorted(self._queued(), key=lambda experiment: experiment.name != worker.current)
            ready = next((experiment for experiment in queue if not self._must_wait(experiment)), None)
            if ready:
                self._note(ready.name, self._start(worker, ready, self.queue.targets).state)

    def _must_wait(self, experiment: Experiment) -> bool:
        """Whether a running experiment will make a stage that this one needs too."""
        missing = set(self.queue.keys[experiment.name].values()) - self.known
        return any(missing & set(self.queue.keys[job.experiment.name].values()) for job in self.running)

    def _stop(self) -> None:
        started = [(job.experiment.name, job.process) for job in self.running if job.process]
        for _, process in started:
            os.killpg(process.pid, signal.SIGINT)
        end = time.monotonic() + GRACE
        for name, process in started:
            try:
                process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            self._note(name, State())

    def _note(self, name: str, state: State) -> None:
        if state != self.states.get(name):
            write_json(_state_file(self.queue, name), asdict(state))
        self.states[name] = state


def run(queue: Queue, workers: int, show: Callable[[dict[str, State]], None]) -> dict[str, State]:
    """Run a queue with a number of workers. LabError if another process already does so in this project."""
    return Schedule(queue, workspaces(queue.project, workers)).work(show)


def current_states(queue: Queue) -> dict[str, State]:
    """Name -> state of each experiment, from the state files and the finished experiments."""
    finished = queue.finished()
    busy = {worker.current for worker in _all_workers(queue) if worker.busy}
    current = {}
    for experiment in queue.experiments:
        state = _read_state(queue, experiment.name)
        if experiment.name in finished:
            state = _done(queue, state, finished[experiment.name])
        elif experiment.name in busy:
            state = replace(state, status="running")
        elif state.status != "failed":
            state = State()
        current[experiment.name] = state
    return current


def _done(queue: Queue, state: State, commit: str) -> State:
    epochs = queue.project.reports(commit).get("train", {}).get("epochs")
    return replace(state, status="done", epochs=epochs, stage="", error="")


def _state_file(queue: Queue, name: str) -> Path:
    return queue.folder / f"{name}.json"


def _read_state(queue: Queue, name: str) -> State:
    path = _state_file(queue, name)
    values = read_json(path) if path.exists() else {}
    known = {item.name for item in fields(State)}  # an older version's file may hold more
    return State(**{key: value for key, value in values.items() if key in known})


def _all_workers(queue: Queue) -> list[Workspace]:
    folder = queue.folder.parent / "workers"
    return [Workspace(queue.project, int(path.stem)) for path in sorted(folder.glob("*.lock"))]
