"""Clearing the cache, without touching what is being built."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NoReturn

from h2ot_edge._names import unknown
from h2ot_edge.engines.cache.entry import CacheEntry, last_written
from h2ot_edge.engines.cache.folder import (
    abandoned_in,
    entries_in,
    lock_in,
    locks_in,
    timings_in,
    unfinished_in,
)
from h2ot_edge.engines.cache.locks import locked
from h2ot_edge.errors import UsageError

__all__ = ["Cleared", "clear"]


@dataclass(frozen=True)
class Cleared:
    """What was removed.

    Attributes:
        removed: bytes of each engine, timing cache and killed build, by name.
        busy: engines that are being built and were left alone.
    """

    removed: dict[str, int] = field(default_factory=dict)
    busy: set[str] = field(default_factory=set)

    @property
    def bytes(self) -> int:
        """Of all that was removed."""
        return sum(self.removed.values())


class _Busy(Exception):
    """Another process or thread holds the lock."""


def clear(
    folder: Path, names: Sequence[str], *, broken: bool, older_than_days: float | None
) -> Cleared:
    """See `EngineCache.clear`."""
    cleared = Cleared()
    try:
        for entry in _named(entries_in(folder), names):
            if _is_old(entry.files, older_than_days):
                _remove_engine(folder, entry, broken, cleared)
        if not (names or broken):
            _remove_timings(folder, older_than_days, cleared)
        _remove_unfinished(folder, cleared)
    except OSError as error:
        raise UsageError(
            f"{folder}: engines cannot be removed ({error}); run h2ot-cache as a user who may "
            "write there"
        ) from error
    return cleared


def _named(entries: Sequence[CacheEntry], names: Sequence[str]) -> Iterator[CacheEntry]:
    """Those that are meant; all if no name is given.

    Raises:
        UnknownName: nothing has the name.
    """
    known = {name for entry in entries for name in (entry.name, entry.plan.stem)}
    for name in names:
        if name not in known:
            raise unknown("engine", name, sorted(known))
    for entry in entries:
        if not names or entry.name in names or entry.plan.stem in names:
            yield entry


def _is_old(files: Sequence[Path], days: float | None) -> bool:
    written = last_written(files)
    if days is None or written is None:
        return True
    return datetime.now(timezone.utc) - written > timedelta(days=days)


def _remove_engine(folder: Path, entry: CacheEntry, broken: bool, cleared: Cleared) -> None:
    try:
        with _alone(folder, entry.digest):
            if entry.problem() or not broken:
                cleared.removed[entry.plan.stem] = entry.remove()
    except _Busy:
        cleared.busy.add(entry.plan.stem)


def _remove_timings(folder: Path, older_than_days: float | None, cleared: Cleared) -> None:
    for path in timings_in(folder):
        if _is_old([path], older_than_days):
            _remove_file(path, cleared)


def _remove_file(path: Path, cleared: Cleared) -> None:
    with suppress(FileNotFoundError):  # another process was faster
        size = path.stat().st_size
        path.unlink()
        cleared.removed[path.name] = size


def _remove_unfinished(folder: Path, cleared: Cleared) -> None:
    """Remove folders, files and locks of processes that were killed."""
    for path in abandoned_in(folder):
        _remove_file(path, cleared)
    for build in unfinished_in(folder):
        try:
            with _alone(folder, build.digest):
                if build.path.is_dir():  # else it came to its end meanwhile
                    cleared.removed[build.path.name] = build.bytes
                    shutil.rmtree(build.path)
        except _Busy:
            cleared.busy.add(build.engine)
    for digest in locks_in(folder):
        with suppress(_Busy), _alone(folder, digest):
            pass  # its end removes the lock


@contextmanager
def _alone(folder: Path, digest: str) -> Iterator[None]:
    """Hold the lock of an engine.

    Raises:
        _Busy: another holds it.
    """
    with locked(lock_in(folder, digest), _give_up):
        yield


def _give_up() -> NoReturn:
    raise _Busy
