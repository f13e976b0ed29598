"""If these fail, a killed run starts from nothing, or a changed input is taken for a finished one."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from lab import engine
from lab.errors import LabError
from lab.params import EngineParams

ONE, TWO = EngineParams(workers=1), EngineParams(workers=2)


def shout(item: Path, folder: Path, name: str, mark: str = "!") -> dict:
    (folder / "removed").mkdir()
    (folder / f"{name}.txt").write_text(item.read_text().upper() + mark)
    (folder / "removed" / f"{name}.txt").write_text("")
    with open(item.parent / "calls.log", "a") as log:
        log.write(f"{name}\n")
    return {"length": len(item.read_text())}


def die(item: Path, folder: Path, name: str) -> dict:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


@pytest.fixture
def items(tmp_path, monkeypatch) -> dict[str, Path]:
    monkeypatch.chdir(tmp_path)
    for name in "abc":
        (tmp_path / f"{name}.in").write_text(name * 3)
    return {name: tmp_path / f"{name}.in" for name in "abc"}


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def calls(tmp_path: Path) -> int:
    return len((tmp_path / "calls.log").read_text().split())


def test_one_and_two_workers_give_the_same_bytes_in_the_same_order(items, tmp_path):
    results = []
    for workers, out in ((ONE, tmp_path / "one"), (TWO, tmp_path / "two")):
        engine.clear("shout")
        results.append(engine.run("shout", shout, items, engine=workers, out=out))
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert [shard.name for shard in results[0]] == [shard.name for shard in results[1]] == list("abc")
    assert files(tmp_path / "one")["b.txt"] == b"BBB!"


def when(item: Path, folder: Path, name: str) -> dict:
    started = time.monotonic()
    time.sleep(0.3)
    return {"started": started, "ended": time.monotonic()}


def test_workers_begin_with_the_largest_shards(items):
    for name, size in zip("abc", (1, 3, 2), strict=True):
        items[name].write_text("x" * size)
    times = {shard.name: shard.result for shard in engine.run("when", when, items, engine=TWO)}
    assert times["a"]["started"] >= min(times["b"]["ended"], times["c"]["ended"])


def test_finished_shards_are_not_done_again_until_cleared(items, tmp_path):
    for _ in range(2):
        engine.run("shout", shout, items, engine=ONE)
    assert calls(tmp_path) == 3
    engine.clear("shout")
    engine.run("shout", shout, items, engine=ONE)
    assert calls(tmp_path) == 6


def test_a_stage_that_is_at_work_here_already_is_refused(items, tmp_path):
    def again(item: Path, folder: Path, name: str) -> dict:
        with pytest.raises(LabError, match="shout: another run of this stage is at work"):
            engine.run("shout", shout, items, engine=ONE)
        return {}

    assert len(engine.run("shout", again, items, engine=ONE)) == 3
    assert not (tmp_path / "calls.log").exists()


def test_changed_input_or_parameters_are_done_again(items, tmp_path):
    engine.run("shout", shout, items, engine=ONE, params={"mark": "!"})
    items["b"].write_text("other")
    engine.run("shout", shout, items, engine=ONE, params={"mark": "!"})
    assert calls(tmp_path) == 4
    engine.run("shout", partial(shout, mark="?"), items, engine=ONE, params={"mark": "?"})
    assert calls(tmp_path) == 7


def test_a_killed_worker_is_a_clear_error(items):
    with pytest.raises(LabError, match=r"worker was killed .* Finished shards are kept"):
        engine.run("die", die, items, engine=TWO)


def test_a_ray_cluster_that_is_not_there(items, monkeypatch):
    def init(**_: object) -> None:
        raise ConnectionError("Could not find any running\nRay instance.")

    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(is_initialized=lambda: False, init=init))
    with pytest.raises(LabError, match=r"engine.address 'auto': there is no Ray cluster \(Could not find any running"):
        engine.run("stage", shout, items, engine=EngineParams(kind="ray", address="auto"))


def test_an_unfinished_shard_left_by_a_kill_is_made_anew(items, tmp_path):
    first = engine.run("shout", shout, items, engine=ONE)[0]
    first.folder.rename(first.folder.with_name(first.folder.name + ".tmp"))
    again = engine.run("shout", shout, items, engine=ONE, out=tmp_path / "out")
    assert (tmp_path / "out" / "a.txt").read_text() == "AAA!"
    assert calls(tmp_path) == 4 and again[0].result == {"length": 3}


def test_no_worker_outlives_a_killed_parent(tmp_path):
    (tmp_path / "sleepers.py").write_text(
        textwrap.dedent("""
        import os, time
        from pathlib import Path
        from lab import engine
        from lab.params import EngineParams

        def sleep(item, folder, name):
            Path(item).write_text(str(os.getpid()))
            time.sleep(60)
            return {}

        if __name__ == "__main__":
            engine.run("sleep", sleep, {n: n for n in "ab"}, inputs=lambda item: [], engine=EngineParams(workers=2))
        """)
    )
    parent = subprocess.Popen([sys.executable, "sleepers.py"], cwd=tmp_path)
    pids = [tmp_path / "a", tmp_path / "b"]
    wait_until(lambda: all(path.exists() and path.read_text() for path in pids))
    parent.kill()
    parent.wait()
    wait_until(lambda: not any(alive(int(path.read_text())) for path in pids))


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z" if Path("/proc/self").exists() else True


def wait_until(condition, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
