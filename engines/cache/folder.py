"""What lies in the folder of the cache, under which names.

* NAME-DIGEST.engine, .engine.json, .engine.sha256: an engine, see `CacheEntry`
* NAME-DIGEST.timing: a timing cache
* .NAME-DIGEST.PROCESS.tmp: a folder in which an engine is being built
* .DIGEST.lock: held for as long as that is
* .NAME-DIGEST.timing.RANDOM.tmp: a timing cache that is being written, see `replacing`
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from h2ot_edge.engines.cache.entry import CacheEntry, last_written

__all__ = [
    "Unfinished",
    "abandoned_in",
    "entries_in",
    "lock_in",
    "locks_in",
    "timings_in",
    "unfinished_in",
]

_TEMPORARY = re.compile(r"\.(?P<engine>.+-(?P<digest>[0-9a-f]{16}))\.(?P<process>\d+)\.tmp")
_TIMING = re.compile(r"\..+-[0-9a-f]{16}\.timing\.[0-9a-f]+\.tmp")
_LOCK = re.compile(r"\.(?P<digest>[0-9a-f]{16})\.lock")


@dataclass(frozen=True)
class Unfinished:
    """A build that is going on, or that was killed: a folder.

    Attributes:
        path: where it is.
        engine: its name, NAME-DIGEST.
        digest: the second part of that.
        process: that builds or built it.
    """

    path: Path
    engine: str
    digest: str
    process: int

    @classmethod
    def of(cls, entry: CacheEntry) -> "Unfinished":
        """Where this process builds an engine."""
        engine, process = entry.plan.stem, os.getpid()
        path = entry.plan.with_name(f".{engine}.{process}.tmp")
        return cls(path, engine, entry.digest, process)

    @property
    def bytes(self) -> int:
        """Size of what it has written."""
        return sum(path.stat().st_size for path in self.path.rglob("*"))


def entries_in(folder: Path) -> list[CacheEntry]:
    """All engines, whole or not, by name."""
    found = {CacheEntry.of(path) for path in _files(folder)}
    return sorted((entry for entry in found if entry), key=lambda entry: entry.plan)


def unfinished_in(folder: Path) -> list[Unfinished]:
    """All builds that are going on or were killed."""
    found = ((path, _TEMPORARY.fullmatch(path.name)) for path in _files(folder))
    return [
        Unfinished(path, match["engine"], match["digest"], int(match["process"]))
        for path, match in found
        if match
    ]


def timings_in(folder: Path) -> list[Path]:
    """All timing caches."""
    return [path for path in _files(folder) if path.suffix == ".timing"]


def abandoned_in(folder: Path) -> list[Path]:
    """Timing caches that a process was killed over: writing one takes no hour."""
    hour_ago = datetime.now(timezone.utc) - timedelta(hours=1)
    unfinished = (path for path in _files(folder) if _TIMING.fullmatch(path.name))
    return [path for path in unfinished if (last_written([path]) or hour_ago) < hour_ago]


def lock_in(folder: Path, digest: str) -> Path:
    """The lock of an engine."""
    return folder / f".{digest}.lock"


def locks_in(folder: Path) -> Iterator[str]:
    """Digests of the engines that have a lock, held or not."""
    for path in _files(folder):
        if match := _LOCK.fullmatch(path.name):
            yield match["digest"]


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
