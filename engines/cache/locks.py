"""Locks that the operating system frees when their process dies, however it dies."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from h2ot_edge._names import require

__all__ = ["locked"]

_POLL = 0.1  # s


@contextmanager
def locked(path: Path, on_contention: Callable[[], object]) -> Iterator[None]:
    """Be the only process, and the only thread, in the block.

    Args:
        path: a file for it, which is removed at the end.
        on_contention: called before waiting for another; raises in order not to wait.

    Raises:
        MissingExtra: filelock is not installed.
        OSError: the file cannot be made, or its file system has no locks.
    """
    filelock = require("filelock", "cache")
    # The soft locks that filelock would fall back to outlive a process that is killed.
    lock = filelock.FileLock(path, fallback_to_soft=False)
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        on_contention()
        lock.acquire(poll_interval=_POLL)
    try:
        yield
    finally:
        # While it is held: whoever waits for the removed file sees that and makes another.
        with suppress(OSError):  # Windows keeps files that are open
            path.unlink()
        lock.release()
