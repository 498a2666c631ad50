"""The cache of engines: what it keeps, under which names, and what it clears."""

import errno
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from cached_engines import (
    BUILDING,
    DIGEST,
    ENGINE,
    KEY,
    NOT_KEPT,
    PLAN,
    asking,
    files_of,
    finish,
    flip,
    messages,
    names_in,
    not_needed,
    other_key,
    write_engine,
)

from h2ot_edge._files import replacing
from h2ot_edge.engines.cache import EngineCache
from h2ot_edge.engines.cache.entry import file_name_of
from h2ot_edge.engines.cache.folder import lock_in
from h2ot_edge.engines.cache.locks import locked
from h2ot_edge.errors import BuildError, UnknownName, UsageError


@pytest.fixture
def cache(tmp_path):
    return EngineCache(tmp_path / "home" / "engines")


@pytest.fixture
def kept(cache):
    """The plan of an engine that is there."""
    return cache.get_or_build(KEY, write_engine)


# what it keeps


def test_an_engine_is_built_once_and_kept(cache, caplog):
    made = []

    def build(path):
        made.append(path)
        write_engine(path)

    plan = cache.get_or_build(KEY, build)
    assert plan == cache.folder / f"{ENGINE}.engine"
    assert messages(caplog) == [BUILDING.format(folder=cache.folder)]
    assert names_in(cache.folder) == files_of(plan)
    assert plan.read_bytes() == PLAN
    assert json.loads(plan.with_name(f"{plan.name}.json").read_text())["tensorrt"] == "10.3.0"
    assert [path.name for path in made] == [plan.name]

    assert cache.get_or_build(KEY, not_needed) == plan
    assert messages(caplog) == []


def test_the_digests_are_those_of_sha256sum(kept):
    if shutil.which("sha256sum") is None:
        pytest.skip("sha256sum is not installed")
    command = ["sha256sum", "--check", "--strict", f"{kept.name}.sha256"]
    done = subprocess.run(command, cwd=kept.parent, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{kept.name}.json: OK\n{kept.name}: OK\n"


@pytest.mark.parametrize(
    "change",
    [
        {"onnx_sha256": "ac" * 32},
        {"options": {"batch": [1, 1, 4], "workspace_mib": None}},
        {"gpu": {"name": "Orin", "compute_capability": "8.9"}},
        {"gpu": None},
        {"tensorrt": "10.3.1"},
        {"target": "tensorrt-rtx"},
        {"more": 1},
    ],
    ids=str,
)
def test_whatever_an_engine_is_made_of_makes_another(cache, kept, change):
    plan = cache.get_or_build({**KEY, **change}, write_engine)
    assert plan != kept
    assert len(list(cache.entries())) == 2


def test_names_and_order_make_no_other(cache, kept):
    turned = {**dict(reversed(KEY.items())), "name": "another"}
    assert cache.get_or_build(turned, not_needed) == kept


@pytest.mark.parametrize(
    ("gpu", "told"), [(None, ""), ("RTX 4090", " for RTX 4090"), (KEY["gpu"], " for Orin (8.7)")]
)
def test_the_gpu_is_told_if_there_is_one(cache, caplog, gpu, told):
    cache.get_or_build({**KEY, "name": "a/b.onnx", "gpu": gpu}, write_engine)
    assert messages(caplog) == [
        f"building an engine of 'a/b.onnx'{told}, which can take minutes; it is kept in "
        f"{cache.folder}"
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("motionbert-s_2", "motionbert-s_2"),
        ("CON.aux", "CON-aux"),
        ('a<b>:"/\\|?*c\n', "a-b-c"),
        ("..", "engine"),
        ("模型 é", "模型-é"),
        ("x" * 100, "x" * 40),
    ],
)
def test_a_name_can_be_that_of_a_file_everywhere(cache, name, expected):
    assert file_name_of(name) == expected
    plan = cache.get_or_build({**KEY, "name": name}, write_engine)
    assert plan.name == f"{expected}-{DIGEST}.engine"
    assert [entry.name for entry in cache.entries()] == [expected]


def test_a_folder_may_have_any_name(tmp_path):
    folder = tmp_path / "my [engines] für 模型" / "b*"
    plan = EngineCache(folder).get_or_build(KEY, write_engine)
    assert plan.parent == folder
    assert EngineCache(folder).get_or_build(KEY, not_needed) == plan


def test_a_folder_does_not_go_with_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cache = EngineCache(Path("engines"))
    monkeypatch.chdir("/")
    assert cache.get_or_build(KEY, write_engine).parent == tmp_path / "engines"


def test_the_folder_may_vanish_between_calls(cache, kept):
    shutil.rmtree(cache.folder)
    assert list(cache.entries()) == cache.verify() == []
    assert cache.clear().removed == {}
    assert not cache.folder.exists()
    assert cache.get_or_build(KEY, write_engine) == kept


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"H2OT_HOME": "/h", "XDG_CACHE_HOME": "/x"}, "/h/engines"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/h2ot-edge/engines"),
        ({}, "/somebody/.cache/h2ot-edge/engines"),
    ],
)
def test_where_engines_are_kept(variables, folder, monkeypatch):
    for name in ("H2OT_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/somebody", **variables}.items():
        monkeypatch.setenv(name, value)
    assert EngineCache().folder == Path(folder)


def test_a_user_without_a_home(monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    for name in ("H2OT_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(UsageError) as caught:
        EngineCache()
    assert str(caught.value) == (
        "engines have no place: the user has no home folder; set H2OT_HOME to a folder that can be "
        "written"
    )


def test_timings_are_kept_for_each_library_version_and_gpu(cache, kept):
    about = {"target": "tensorrt", "tensorrt": "10.3.0", "gpu": "Orin (8.7)"}
    path = cache.timing_cache(about)
    assert path == cache.folder / "tensorrt-10-3-0-Orin-8-7-f17adb33db931ebb.timing"
    others = [{**about, name: "10.3-0"} for name in about]
    assert len({path, *(cache.timing_cache(other) for other in others)}) == 4
    path.write_bytes(b"timings")
    assert [entry.plan for entry in cache.entries()] == [kept]


def test_timings_may_be_written_by_two_at_a_time(cache, kept):
    path = cache.timing_cache({"target": "tensorrt"})
    with replacing(path) as slower:
        slower.write(b"slower")
        with replacing(path) as faster:
            faster.write(b"faster")
        assert path.read_bytes() == b"faster"
    assert path.read_bytes() == b"slower"
    assert names_in(cache.folder) == [*files_of(kept), path.name]


# builds that fail


class OutOfSorts(Exception):
    """Not one of ours."""


@pytest.mark.parametrize(
    "error",
    [
        OutOfSorts("no"),
        BuildError("TensorRT cannot build the graph: it gave no reason"),
        FileNotFoundError(errno.ENOENT, "No such file or directory", "/models/a.onnx"),
        OSError(errno.EIO, "Input/output error"),
        KeyboardInterrupt(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_of_a_build_goes_through_and_nothing_is_kept(cache, error):
    def build(path):
        path.write_bytes(b"half")
        raise error

    with pytest.raises(type(error)) as caught:
        cache.get_or_build(KEY, build)
    assert caught.value is error
    assert names_in(cache.folder) == []
    assert cache.get_or_build(KEY, write_engine).is_file()


def test_a_sidecar_of_another_plan_is_refused(cache):
    with pytest.raises(BuildError) as caught:
        cache.get_or_build(KEY, lambda path: write_engine(path, plan_sha256="0" * 64))
    assert str(caught.value) == (
        f"{ENGINE}.engine: its sidecar is for a plan with sha256 {'0' * 64}, the plan that was "
        f"written has {hashlib.sha256(PLAN).hexdigest()}; build it again"
    )
    assert names_in(cache.folder) == []


def test_a_build_that_cannot_be_put_in_its_place_leaves_nothing(cache):
    place = cache.folder / f"{ENGINE}.engine.sha256"

    def build(path):
        write_engine(path)
        place.mkdir()

    with pytest.raises(UsageError) as caught:
        cache.get_or_build(KEY, build)
    source = cache.folder / f".{ENGINE}.{os.getpid()}.tmp" / place.name
    error = f"[Errno 21] Is a directory: '{source}' -> '{place}'"
    assert str(caught.value) == NOT_KEPT.format(folder=cache.folder, error=error)
    assert names_in(cache.folder) == [place.name]


# clearing


def test_everything_is_cleared(cache, kept):
    other = cache.get_or_build(other_key(1), write_engine)
    timings = cache.timing_cache({"target": "tensorrt"})
    timings.write_bytes(b"timings")
    (cache.folder / "notes.txt").write_text("mine")
    sizes = {entry.plan.stem: entry.bytes for entry in cache.entries()}
    cleared = cache.clear()
    assert cleared.removed == {**sizes, timings.name: 7}
    assert (set(sizes), cleared.busy) == ({kept.stem, other.stem}, set())
    assert cleared.bytes == sum(sizes.values()) + 7
    assert sizes[kept.stem] > len(PLAN)
    assert names_in(cache.folder) == ["notes.txt"]


def test_the_broken_are_cleared(cache, kept):
    other = cache.get_or_build(other_key(1), write_engine)
    cache.timing_cache({"target": "tensorrt"}).write_bytes(b"timings")
    flip(other)
    assert list(cache.clear(broken=True).removed) == [other.stem]
    assert [entry.plan for entry in cache.entries()] == [kept]
    assert cache.clear(broken=True).removed == {}
    assert len(names_in(cache.folder)) == 4


def test_the_old_are_cleared(cache, kept):
    young = cache.get_or_build(other_key(1), write_engine)
    timings = cache.timing_cache({"target": "tensorrt"})
    timings.write_bytes(b"timings")
    for path in (*cache.folder.glob(f"{kept.name}*"), timings):
        time = path.stat().st_mtime - 3 * 86400
        os.utime(path, (time, time))
    assert cache.clear(older_than_days=3.1).removed == {}
    assert list(cache.clear(older_than_days=2.9).removed) == [kept.stem, timings.name]
    assert [entry.plan for entry in cache.entries()] == [young]


@pytest.mark.parametrize("whole", [False, True])
def test_the_named_are_cleared(cache, kept, whole):
    cache.get_or_build({**other_key(1), "name": "other"}, write_engine)
    cache.timing_cache({"target": "tensorrt"}).write_bytes(b"timings")
    assert list(cache.clear([kept.stem if whole else "motionbert-s"]).removed) == [kept.stem]
    assert [entry.name for entry in cache.entries()] == ["other"]
    assert len(names_in(cache.folder)) == 4


def test_a_name_that_no_engine_has_clears_nothing(cache, kept):
    with pytest.raises(UnknownName) as caught:
        cache.clear(["motionbert-s", "motionbert-m"])
    assert str(caught.value) == (
        f"no engine 'motionbert-m'; did you mean 'motionbert-s'? (known: motionbert-s, {kept.stem})"
    )
    assert kept.is_file()


def test_what_killed_processes_left_is_cleared_and_what_is_being_built_is_not(cache, kept):
    with asking(cache.folder, other_key(1)) as killed:
        assert killed.stdout.readline() == "building\n"
        killed.kill()
    with asking(cache.folder, other_key(2)) as building:
        assert building.stdout.readline() == "building\n"
        (dead,) = cache.folder.glob(f".*.{killed.pid}.tmp")
        (alive,) = cache.folder.glob(f".*.{building.pid}.tmp")
        cleared = cache.clear(broken=True)
        assert cleared.removed == {dead.name: 100}
        assert cleared.busy == {alive.name[1:].removesuffix(f".{building.pid}.tmp")}
        assert len(names_in(cache.folder)) == len(files_of(kept)) + 2
        assert finish(building)[0].startswith(str(cache.folder))
    assert [problem for _, problem in cache.verify()] == [None, None]
    assert len(names_in(cache.folder)) == 6


def test_a_timing_cache_that_was_not_finished_is_cleared(cache, kept):
    timings = cache.timing_cache({"target": "tensorrt"})
    names = [f".{timings.name}.{number}.tmp" for number in ("0bad", "1bad")]
    for name in names:
        (cache.folder / name).write_bytes(b"half")
    hour_ago = kept.stat().st_mtime - 3610
    os.utime(cache.folder / names[0], (hour_ago, hour_ago))
    assert cache.clear(broken=True).removed == {names[0]: 4}
    assert names_in(cache.folder) == [names[1], *files_of(kept)]


def test_what_vanishes_while_it_is_cleared_is_not_missed(cache, kept):
    timings = cache.timing_cache({"target": "tensorrt"}).name
    left = [f".{ENGINE}.11.tmp", f".{timings}.0bad.tmp", timings]
    for name in left:
        (cache.folder / name).symlink_to("gone")  # is listed, and is not there
    assert list(cache.clear().removed) == [kept.stem]
    assert names_in(cache.folder) == left


def test_a_lock_that_was_left_is_cleared(cache, kept):
    lock_in(cache.folder, "0" * 16).touch()
    assert cache.clear(["motionbert-s"], older_than_days=1).removed == {}
    assert names_in(cache.folder) == files_of(kept)


def test_an_engine_that_another_works_on_is_left_alone(cache, kept):
    with locked(lock_in(cache.folder, DIGEST), not_needed):
        cleared = cache.clear()
    assert (cleared.removed, cleared.busy, cleared.bytes) == ({}, {kept.stem}, 0)
    assert names_in(cache.folder) == files_of(kept)
