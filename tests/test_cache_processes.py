"""The cache of engines: threads and processes at once, and processes that are killed."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from cached_engines import (
    BUILDING,
    DIGEST,
    ENGINE,
    KEY,
    asking,
    files_of,
    finish,
    messages,
    names_in,
    not_needed,
    write_engine,
)

from h2ot_edge.engines.cache import EngineCache
from h2ot_edge.engines.cache.folder import lock_in
from h2ot_edge.engines.cache.locks import locked


@pytest.fixture
def cache(tmp_path):
    return EngineCache(tmp_path / "home" / "engines")


# several at once


def waiting_for(who):
    return f"waiting for {who}, which builds the engine of 'motionbert-s'"


def test_threads_that_ask_at_once_build_once(cache, caplog):
    made, given = [], []
    all_wait = threading.Event()

    def build(path):
        made.append(path)
        assert all_wait.wait(30)
        write_engine(path)

    threads = [
        threading.Thread(target=lambda: given.append(cache.get_or_build(KEY, build)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    told = wait_for_messages(caplog, 4)
    all_wait.set()
    for thread in threads:
        thread.join(30)
    assert len(made) == 1
    assert len(given) == 4
    assert len(set(given)) == 1
    assert BUILDING.format(folder=cache.folder) in told
    waits = {waiting_for("another thread"), waiting_for("another process")}
    assert set(told) - {BUILDING.format(folder=cache.folder)} <= waits


def wait_for_messages(caplog, count):
    tick = threading.Event()
    for _ in range(600):
        if len(caplog.records) >= count:
            break
        tick.wait(0.05)
    return messages(caplog)


def test_a_holder_that_is_not_known_yet_is_another_process(cache, caplog):
    cache.folder.mkdir(parents=True)
    with locked(lock_in(cache.folder, DIGEST), not_needed):
        thread = threading.Thread(target=cache.get_or_build, args=(KEY, write_engine))
        thread.start()
        assert wait_for_messages(caplog, 1) == [waiting_for("another process")]
    thread.join(30)
    assert len(names_in(cache.folder)) == 3


def test_another_process_waits_and_takes_what_was_built(cache):
    with asking(cache.folder) as first:
        assert first.stdout.readline() == "building\n"
        with asking(cache.folder) as second:
            assert second.stderr.readline() == waiting_for(f"process {first.pid}") + "\n"
            plan, said = finish(first)
            assert said == BUILDING.format(folder=cache.folder) + "\n"
            assert finish(second) == (plan, "")
    ((entry, problem),) = cache.verify()
    assert (f"{entry.plan}\n", problem) == (plan, None)
    assert entry.sidecar()["tensorrt"] == f"built by {first.pid}"
    assert names_in(cache.folder) == files_of(entry.plan)


def test_a_process_that_is_killed_leaves_nothing_that_counts(cache):
    with asking(cache.folder) as killed:
        assert killed.stdout.readline() == "building\n"
        killed.kill()
    left = [f".{DIGEST}.lock", f".{ENGINE}.{killed.pid}.tmp"]
    assert names_in(cache.folder) == left
    assert list(cache.entries()) == []
    with asking(cache.folder) as process:
        told, said = finish(process)
    plan = cache.folder / f"{ENGINE}.engine"
    assert told == f"building\n{plan}\n"
    assert said == BUILDING.format(folder=cache.folder) + "\n"
    assert names_in(cache.folder) == files_of(plan)


def test_who_waits_for_a_process_that_is_killed_builds(cache):
    with asking(cache.folder) as killed:
        assert killed.stdout.readline() == "building\n"
        with asking(cache.folder) as waiting:
            assert waiting.stderr.readline() == waiting_for(f"process {killed.pid}") + "\n"
            killed.kill()
            assert waiting.stdout.readline() == "building\n"
            plan, said = finish(waiting)
    assert said == BUILDING.format(folder=cache.folder) + "\n"
    assert names_in(cache.folder) == files_of(Path(plan.rstrip("\n")))


MANY = """
import sys, time
from pathlib import Path
from cached_engines import PLAN, other_key, write_engine
from h2ot_edge.engines.cache import EngineCache

folder = Path(sys.argv[1])

def build(path):
    with (folder.parent / "builds").open("a") as builds:
        builds.write(path.stem + "\\n")
    time.sleep(0.02)
    write_engine(path)

for number in map(int, sys.argv[2:]):
    assert EngineCache(folder).get_or_build(other_key(number), build).read_bytes() == PLAN
"""


def test_many_processes_build_many_engines_once_each(cache):
    cache.folder.mkdir(parents=True)
    orders = ([0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [2, 4, 0, 1, 5, 3])
    run_at_once(MANY, [[cache.folder, *order] for order in orders])
    built = (cache.folder.parent / "builds").read_text().split()
    assert sorted(built) == [entry.plan.stem for entry in cache.entries()]
    assert len(built) == 6
    assert len(names_in(cache.folder)) == 18


ALONE = """
import random, sys, time
from pathlib import Path
from h2ot_edge.engines.cache.locks import locked

lock, inside = map(Path, sys.argv[1:])
end = time.monotonic() + 1
while time.monotonic() < end:
    with locked(lock, lambda: None):
        inside.touch(exist_ok=False)
        time.sleep(random.uniform(0, 0.003))
        inside.unlink()
    time.sleep(random.uniform(0, 0.003))
"""


def test_a_lock_that_is_removed_each_time_is_held_by_one(tmp_path):
    run_at_once(ALONE, [[tmp_path / "lock", tmp_path / "inside"]] * 4)
    assert names_in(tmp_path) == []


def run_at_once(code, arguments):
    """Run a process for each list of arguments; all must end well."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, *map(str, given)],
            **dict.fromkeys(("stdout", "stderr"), subprocess.PIPE),
            cwd=Path(__file__).parent,  # where they find cached_engines
            text=True,
        )
        for given in arguments
    ]
    ends = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), ends
