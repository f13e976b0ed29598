"""Working off a queue: several experiments at once, each shared stage once, whatever is killed.

In: a Queue and the number of workers. Out: each experiment's State; finished ones are experiments of the project
(`dvc exp show`). A stage that several experiments share (pipeline.keys) is waited for by all but one of them, and then
restored from DVC's run cache. Experiments that outlived the process which started them are taken over.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from lab.errors import LabError
from lab.experiments import items, states
from lab.experiments.plan import Experiment
from lab.experiments.queue import Queue, require_committed
from lab.experiments.repository import Repository
from lab.experiments.states import State
from lab.experiments.workspace import Workspace, workspaces
from lab.files import alone

POLL = 0.2  # seconds
AT_WORK = (
    "another `lab ablate`, `lab isoflop` or `lab sweep` is at work in this project; its --status shows what it does."
)
GRACE = 30.0  # seconds that a stopped experiment has to end

Show = Callable[[dict[str, State]], None]


@dataclass
class Run:
    """An experiment at work. `process` is None where another process started it."""

    experiment: Experiment
    workspace: Workspace
    process: subprocess.Popen | None
    state: State

    def over(self) -> bool:
        return self.process.poll() is not None if self.process else not self.workspace.busy


@dataclass
class Schedule:
    """`known` are the keys of stages that have been made, here or before."""

    queue: Queue
    workers: list[Workspace]
    running: list[Run] = field(default_factory=list)
    states: dict[str, State] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)

    def work(self, show: Show) -> dict[str, State]:
        """Run until nothing is queued; returns all states. Ctrl-C stops what runs and keeps what is finished."""
        with alone(self.queue.folder.parent / "lock", AT_WORK):
            require_committed(self.queue)
            self._look_around()
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

    def _look_around(self) -> None:
        """What is finished, and what is still at work."""
        self.states = current_states(self.queue)
        for experiment in self.queue.experiments:
            if self.states[experiment.name].status == "done":
                self.known |= set(self.queue.keys[experiment.name].values())
            elif self.states[experiment.name].status == "failed":
                self.states[experiment.name] = State()  # asked for again, so tried again
        names = {experiment.name: experiment for experiment in self.queue.experiments}
        for worker in _all_workers(self.queue):  # those too that are more than are wanted now
            name = worker.current
            if name not in names or self.states[name].status == "done":
                continue
            if worker.busy:
                self.running.append(Run(names[name], worker, None, states.read(self._path(name))))
            elif self._collected(worker, name):
                self.states[name] = replace(states.read(self._path(name)), status="done", error="")

    def _prepare(self) -> None:
        """Make the items that all variants are asked about, where they are not there."""
        folder, baseline = self.queue.items, self.queue.baseline
        if folder is None or folder.exists() or not self._queued():
            return
        experiment = replace(baseline, name=f"{self.queue.name}-items")
        worker = next((each for each in self.workers if not each.busy), None)
        if worker is None:
            raise LabError("all workers are busy with another ablation's experiments; run this again later.")
        log = self.queue.log(experiment)
        state = State(status="running", started=time.time(), worker=worker.number)
        process = worker.start(experiment, [items.STAGE], log)
        self.running = [Run(experiment, worker, process, state)]  # so that Ctrl-C stops it
        process.wait()
        self.running.clear()
        clone = Repository(worker.root)
        made = [each.commit for each in clone.experiments() if each.name == experiment.name]
        if not made:
            raise LabError(
                f"{experiment.name}: {states.error_line(log.read_text('utf-8', 'replace'))} (all of it: {log})"
            )
        evaluate = self.queue.values[baseline.name]["evaluate"]
        items.make(clone.output(made[0], items.OUTPUT), folder, evaluate["items"], evaluate["seed"])

    def _queued(self) -> list[Experiment]:
        return [each for each in self.queue.experiments if self.states[each.name].status == "queued"]

    def _watch(self) -> None:
        for run in list(self.running):
            name = run.experiment.name
            log = self.queue.log(run.experiment)
            text = log.read_text("utf-8", "replace") if log.exists() else ""
            run.state = replace(run.state.after(text), seconds=float(int(time.time() - run.state.started)))
            self.known |= {self.queue.keys[name][stage] for stage in run.state.made if stage in self.queue.keys[name]}
            if run.over():
                self.running.remove(run)
                run.state = self._ended(run, text)
            self._note(name, run.state)

    def _ended(self, run: Run, log: str) -> State:
        commit = self._collected(run.workspace, run.experiment.name)
        if commit is None:
            return replace(run.state, status="failed", error=states.error_line(log))
        self.known |= set(self.queue.keys[run.experiment.name].values())
        epochs = self.queue.project.reports(commit).get("train", {}).get("epochs")
        return replace(run.state, status="done", stage="", revision=commit, epochs=epochs, error="")

    def _collected(self, worker: Workspace, name: str) -> str | None:
        """The commit of an experiment that is whole and is the one wanted now."""
        return self.queue.finished(only=name).get(name) if worker.collect(name) else None

    def _fill(self) -> None:
        """Give idle workers what shares no unmade stage with what is running: an interrupted one its own first."""
        for worker in self.workers:
            if any(run.workspace.number == worker.number for run in self.running) or worker.busy:
                continue
            queue = sorted(self._queued(), key=lambda each: each.name != worker.current)
            ready = next((each for each in queue if not self._awaits(each)), None)
            if ready is None:
                continue
            process = worker.start(ready, self.queue.targets, self.queue.log(ready))
            state = State(status="running", started=time.time(), worker=worker.number)
            self.running.append(Run(ready, worker, process, state))
            self._note(ready.name, state)

    def _awaits(self, experiment: Experiment) -> bool:
        """Whether one that runs will make a stage that this one needs too."""
        unmade = set(self.queue.keys[experiment.name].values()) - self.known
        return any(unmade & set(self.queue.keys[run.experiment.name].values()) for run in self.running)

    def _stop(self) -> None:
        for run in self.running:
            if run.process:
                os.killpg(run.process.pid, signal.SIGINT)
        end = time.monotonic() + GRACE
        for run in self.running:
            if run.process:
                try:
                    run.process.wait(max(0.1, end - time.monotonic()))
                except subprocess.TimeoutExpired:
                    os.killpg(run.process.pid, signal.SIGKILL)
                    run.process.wait()
                self._note(run.experiment.name, State())

    def _note(self, name: str, state: State) -> None:
        if state != self.states.get(name):
            states.write(self._path(name), state)
        self.states[name] = state

    def _path(self, name: str) -> Path:
        return self.queue.folder / f"{name}.json"


def run(queue: Queue, workers: int, show: Show) -> dict[str, State]:
    """Work off a queue with so many workers. LabError where another process does so in this project already."""
    return Schedule(queue, workspaces(queue.project, workers)).work(show)


def current_states(queue: Queue) -> dict[str, State]:
    """Each experiment's state, as the files and the finished experiments tell it."""
    finished = queue.finished()
    busy = {worker.current for worker in _all_workers(queue) if worker.busy}
    found = {}
    for experiment in queue.experiments:
        state = states.read(queue.folder / f"{experiment.name}.json")
        if experiment.name in finished:
            commit = finished[experiment.name]
            epochs = queue.project.reports(commit).get("train", {}).get("epochs")
            state = replace(state, status="done", revision=commit, epochs=epochs, stage="", error="")
        elif experiment.name in busy:
            state = replace(state, status="running")
        elif state.status != "failed":
            state = State()
        found[experiment.name] = state
    return found


def _all_workers(queue: Queue) -> list[Workspace]:
    folder = queue.folder.parent / "workers"
    return [Workspace(queue.project, int(path.stem)) for path in sorted(folder.glob("*.lock"))]
