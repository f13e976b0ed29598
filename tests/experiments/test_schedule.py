"""If these fail, an ablation wastes hours on stages it has already run, or a killed one loses or repeats its work."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from lab.errors import LabError
from lab.experiments import schedule
from lab.experiments.plan import find
from lab.experiments.queue import make_queue
from lab.experiments.repository import Repository
from lab.files import alone
from tests.experiments.conftest import ABLATIONS, Tiny

pytestmark = pytest.mark.slow

RUN = """
from pathlib import Path
from lab.experiments import schedule
from lab.experiments.plan import find
from lab.experiments.queue import make_queue
from lab.experiments.repository import Repository
queue = make_queue("filters", find(Path("ablations.yaml"), "filters"), Repository(Path(".")), ["evaluate"])
schedule.run(queue, {workers}, lambda states: None)
"""


def queue_of(tiny):
    return make_queue("filters", find(tiny.root / "ablations.yaml", "filters"), Repository(tiny.root), ["evaluate"])


def run(tiny, workers=1):
    return schedule.run(queue_of(tiny), workers, lambda states: None)


def statuses(states):
    return {name.removeprefix("filters-"): state.status for name, state in states.items()}


ALL_DONE = {"full-s1": "done", "raw-s1": "done", "full-s2": "done", "raw-s2": "done"}
SHARED = {"crawl": 1, "quality": 2, "train": 4, "evaluate": 4}


def test_shared_stages_run_once_and_finished_experiments_never_again(tiny):
    assert statuses(run(tiny, workers=3)) == ALL_DONE
    assert tiny.stages_run() == SHARED
    listed = tiny.run("dvc", "exp", "list")
    assert all(f"[filters-{name}]" in listed for name in ALL_DONE)
    assert tiny.run("git", "status", "--porcelain") == ""  # the user's own tree is left as it was
    assert statuses(run(tiny)) == ALL_DONE
    (tiny.root / "README.md").write_text("A commit that no stage depends on.\n")
    tiny.commit()
    assert statuses(run(tiny)) == ALL_DONE
    assert tiny.stages_run() == SHARED
    tiny.change("params.yaml", "batch_tokens: 16384", "batch_tokens: 4096")  # evaluate's
    tiny.commit()
    assert set(statuses(schedule.current_states(queue_of(tiny))).values()) == {"queued"}
    tiny.write_ablations({"filters": ABLATIONS["filters"] | {"seeds": [2]}})
    run(tiny)
    assert tiny.stages_run() == {**SHARED, "evaluate": 6}  # the rest comes from the run cache


def test_failure_is_told_and_does_not_stop_the_others(tiny):
    ablation = {"baseline": "full", "seeds": [1], "variants": {"bad": {"quality.gopher.max_words": None}, "full": {}}}
    tiny.write_ablations({"filters": ablation})
    states = run(tiny, 2)
    assert statuses(states) == {"full-s1": "done", "bad-s1": "failed"}
    assert states["filters-bad-s1"].error == "quality: none of 7 documents is left"
    assert states["filters-bad-s1"].stage == "quality"
    assert statuses(schedule.current_states(queue_of(tiny)))["bad-s1"] == "failed"


def test_killed_ablation_goes_on(tiny):
    tiny.change("dvc.yaml", "stage.py train 0.2", "stage.py train 4")
    tiny.commit()
    for pid in kill_while_training(tiny, workers=2, trainings=3):
        with suppress(ProcessLookupError):  # one that has just ended
            os.kill(pid, signal.SIGKILL)
    before = tiny.stages_run()["train"]
    assert statuses(run(tiny, workers=2)) == ALL_DONE
    after = tiny.stages_run()
    assert (after["crawl"], after["quality"]) == (1, 2)
    assert before < after["train"] <= 4 + 2  # only those in flight are run again


def test_experiment_that_outlives_the_one_who_started_it_is_taken_over(tiny):
    tiny.change("dvc.yaml", "stage.py train 0.2", "stage.py train 4")
    tiny.commit()
    tiny.write_ablations({"filters": ABLATIONS["filters"] | {"seeds": [1], "variants": {"full": {}}}})
    kill_while_training(tiny, workers=1, trainings=1)
    assert statuses(schedule.current_states(queue_of(tiny))) == {"full-s1": "running"}
    assert statuses(run(tiny)) == {"full-s1": "done"}
    assert set(tiny.stages_run().values()) == {1}


def test_experiments_that_outlive_more_workers_than_are_wanted_now_are_taken_over(tiny):
    tiny.change("dvc.yaml", "stage.py train 0.2", "stage.py train 4")
    tiny.commit()
    tiny.write_ablations({"filters": ABLATIONS["filters"] | {"seeds": [1]}})
    kill_while_training(tiny, workers=2, trainings=2)
    assert statuses(run(tiny, workers=1)) == {"full-s1": "done", "raw-s1": "done"}
    assert tiny.stages_run() == {"crawl": 1, "quality": 2, "train": 2, "evaluate": 2}


def test_a_folder_with_letters_beyond_ascii(tiny, monkeypatch):
    root = tiny.root.with_name("jörg 実験")
    tiny.root.rename(root)
    monkeypatch.chdir(root)
    assert statuses(run(Tiny(root, tiny.log), workers=2)) == ALL_DONE
    assert tiny.stages_run() == SHARED


def test_a_part_is_about_the_same_baseline(tiny):
    queue = queue_of(tiny)
    second = queue.part(2, 2)
    assert [each.name for each in second.experiments] == ["filters-raw-s1", "filters-raw-s2"]
    assert second.baseline == queue.baseline == queue.experiments[0]


def test_uncommitted_changes_are_refused(tiny):
    tiny.change("params.yaml", "batch_tokens: 16384", "batch_tokens: 4096")
    with pytest.raises(LabError, match=r"params\.yaml: changed since the last commit"):
        run(tiny)


def test_two_at_once_are_refused(tiny):
    with alone(queue_of(tiny).folder.parent / "lock", ""), pytest.raises(LabError, match="at work"):
        run(tiny)


def kill_while_training(tiny, workers: int, trainings: int) -> list[int]:
    """SIGKILL an ablation, alone, when so many trainings were begun; returns the processes that it leaves."""
    process = subprocess.Popen([sys.executable, "-c", RUN.format(workers=workers)])
    end = time.monotonic() + 100
    while tiny.stages_run()["train"] < trainings:
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.05)
    left = children(process.pid)
    process.kill()
    process.wait()
    return left


def children(pid: int) -> list[int]:
    """All processes below one."""
    found = []
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True).stdout.split("\n")
    pairs = [tuple(map(int, line.split())) for line in listed if line.strip()]
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        below = [child for child, its in pairs if its == parent]
        found += below
        waiting += below
    return found
