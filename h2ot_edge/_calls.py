"""Counting the calls that use something, so that it is closed only when none does."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from h2ot_edge.errors import EngineClosed


class Calls:
    """The calls of an engine that run now; any number, from any thread, until it is closed."""

    def __init__(self) -> None:
        self._running = 0
        self._closed = False
        self._changed = threading.Condition()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def begin(self) -> None:
        """Count a call, which `end` must end.

        Raises:
            EngineClosed: after `close`.
        """
        with self._changed:
            if self._closed:
                raise EngineClosed("this engine was closed; load the model again with Engine.load")
            self._running += 1

    def end(self) -> None:
        """Count a call off."""
        with self._changed:
            self._running -= 1
            self._changed.notify_all()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count a call for the length of a block.

        Raises:
            EngineClosed: after `close`.
        """
        self.begin()
        try:
            yield
        finally:
            self.end()

    def close(self) -> None:
        """Let no call begin any more, and wait for those that run."""
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: self._running == 0)
