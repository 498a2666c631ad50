"""The cache of engines: damaged files, full disks, folders that cannot be written."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cached_engines import (
    BUILDING,
    DIGEST,
    KEY,
    NOT_KEPT,
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

from h2ot_edge.engines.cache import CacheEntry, EngineCache
from h2ot_edge.errors import MissingExtra, UsageError

NO_ROOM = (
    "{folder}: the engine of 'motionbert-s' cannot be kept there ({error}); h2ot-cache clear makes "
    "room, or set H2OT_HOME to a folder that has more"
)


@pytest.fixture
def cache(tmp_path):
    return EngineCache(tmp_path / "home" / "engines")


@pytest.fixture
def kept(cache):
    """The plan of an engine that is there."""
    return cache.get_or_build(KEY, write_engine)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


# what was kept is damaged


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def scribble(path):
    path.write_bytes(b"\xff not JSON")


NOT_WRITTEN = "the sha256 of {name} is not the one in {engine}.sha256"


@pytest.mark.parametrize("damage", [flip, cut, scribble, Path.unlink])
@pytest.mark.parametrize("part", ["", ".json", ".sha256"])
def test_what_is_damaged_is_built_again(cache, kept, caplog, damage, part):
    damage(kept.with_name(kept.name + part))
    messages(caplog)
    ((entry, problem),) = cache.verify()
    assert entry == CacheEntry(kept, "motionbert-s", DIGEST)
    assert problem in (
        f"{kept.name}{part} is missing",
        *(NOT_WRITTEN.format(name=kept.name + end, engine=kept.name) for end in ("", ".json")),
    )
    assert kept.name + (part if part != ".sha256" else "") in problem
    assert cache.get_or_build(KEY, write_engine) == kept
    assert messages(caplog) == [
        f"{kept} cannot be used: {problem}; it is built again",
        BUILDING.format(folder=cache.folder),
    ]
    assert cache.verify() == [(entry, None)]
    assert names_in(cache.folder) == files_of(kept)


def test_what_cannot_be_removed_is_said(cache, kept, caplog):
    kept.unlink()
    kept.mkdir()
    messages(caplog)
    error = f"[Errno 21] Is a directory: '{kept}'"
    with pytest.raises(UsageError) as caught:
        cache.get_or_build(KEY, not_needed)
    assert str(caught.value) == NOT_KEPT.format(folder=cache.folder, error=error)
    assert messages(caplog) == [
        f"{kept} cannot be used: it cannot be read ({error}); it is built again"
    ]
    with pytest.raises(UsageError) as caught:
        cache.clear()
    assert str(caught.value) == (
        f"{cache.folder}: engines cannot be removed ({error}); run h2ot-cache as a user who may "
        "write there"
    )


# places that cannot be written


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    cache = EngineCache(tmp_path / "file" / "engines")
    with pytest.raises(UsageError) as caught:
        cache.get_or_build(KEY, not_needed)
    error = f"[Errno 20] Not a directory: '{cache.folder}'"
    assert str(caught.value) == NOT_KEPT.format(folder=cache.folder, error=error)
    assert list(cache.entries()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc, where nobody can make a folder")
def test_a_folder_whose_parent_cannot_be_made():
    cache = EngineCache(Path("/proc/h2ot/engines"))
    with pytest.raises(UsageError) as caught:
        cache.get_or_build(KEY, not_needed)
    error = "[Errno 2] No such file or directory: '/proc/h2ot'"
    assert str(caught.value) == NOT_KEPT.format(folder=cache.folder, error=error)


def test_a_read_only_cache_can_be_read(small_disk):
    cache = EngineCache(small_disk)
    plan = cache.get_or_build(KEY, write_engine)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert cache.get_or_build(KEY, not_needed) == plan
    with pytest.raises(UsageError) as caught:
        cache.get_or_build(other_key(1), not_needed)
    (lock,) = (part for part in str(caught.value).split("'") if part.endswith(".lock"))
    error = f"[Errno 30] Read-only file system: '{lock}'"
    assert str(caught.value) == NOT_KEPT.format(folder=cache.folder, error=error)


@pytest.mark.parametrize("last", ["plan", "sidecar", "digests"])
def test_a_full_disk_keeps_what_is_there(small_disk, last):
    cache = EngineCache(small_disk / "engines")
    kept = cache.get_or_build(KEY, write_engine)
    before = names_in(cache.folder)

    def build(path):
        sizes = {"plan": 400_000, "sidecar": 10, "digests": 10}
        write_engine(path, bytes(sizes[last]), more="x" * (400_000 if last == "sidecar" else 0))
        with path.with_name("filler").open("wb", buffering=0) as filler:
            while filler.write(bytes(4096)):
                pass

    def build_and_fill(path):
        try:
            build(path)
        except OSError:
            if last != "digests":
                raise

    with pytest.raises(UsageError) as caught:
        cache.get_or_build(other_key(1), build_and_fill)
    error = "[Errno 28] No space left on device"
    assert str(caught.value) == NO_ROOM.format(folder=cache.folder, error=error)
    assert names_in(cache.folder) == before
    assert cache.get_or_build(KEY, not_needed) == kept


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on the size of files")
def test_a_file_that_may_not_grow_is_a_full_disk(cache, kept):
    import resource

    with asking(
        cache.folder,
        other_key(1),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
    ) as process:
        _, said = finish(process)
    error = "[Errno 27] File too large"
    assert said.splitlines()[-1] == (
        "h2ot_edge.errors.UsageError: " + NO_ROOM.format(folder=cache.folder, error=error)
    )
    assert names_in(cache.folder) == files_of(kept)
    assert cache.get_or_build(KEY, not_needed) == kept


def test_a_file_system_without_locks_is_refused(cache, monkeypatch):
    def flock(descriptor, operation):
        raise OSError(errno.ENOSYS, "Function not implemented")

    # The one thing here that is pretended: such file systems are rare.
    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.raises(UsageError) as caught:
        cache.get_or_build(KEY, not_needed)
    error = "[Errno 38] Function not implemented"
    assert str(caught.value) == NOT_KEPT.format(folder=cache.folder, error=error)


def test_without_filelock_its_extra_is_named(cache, kept, monkeypatch):
    monkeypatch.setitem(sys.modules, "filelock", None)
    assert cache.get_or_build(KEY, not_needed) == kept
    for use in (lambda: cache.get_or_build(other_key(1), not_needed), cache.clear):
        with pytest.raises(MissingExtra) as caught:
            use()
        assert str(caught.value) == (
            "filelock cannot be imported (import of filelock halted; None in sys.modules); "
            "pip install 'h2ot-edge[cache]'"
        )
