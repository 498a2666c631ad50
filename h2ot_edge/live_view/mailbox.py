"""Things from one thread to another: the newest ones, or every one."""

import threading
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

__all__ = ["Mailbox"]

T = TypeVar("T")


class Mailbox(Generic[T]):
    """One thread puts, one takes; iterating gives what comes until the end.

    Args:
        most: how many may wait.
        every: a full box makes `put` wait; otherwise it drops the oldest.

    Attributes:
        dropped: how many were put and never taken.
    """

    def __init__(self, most: int = 1, *, every: bool = False) -> None:
        self._most, self._every = most, every
        self._waiting: deque[T] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._error: BaseException | None = None
        self.dropped = 0

    def put(self, item: T) -> bool:
        """Add one; whether anybody will take it."""
        with self._changed:
            if self._every:
                self._changed.wait_for(lambda: self._ended or len(self._waiting) < self._most)
            if self._ended:
                return False
            if len(self._waiting) == self._most:
                self._waiting.popleft()
                self.dropped += 1
            self._waiting.append(item)
            self._changed.notify_all()
            return True

    def end(self, error: BaseException | None = None) -> None:
        """Nothing more is put, or taken: what waits is still given, then the error is raised.

        The first error counts.
        """
        with self._changed:
            self._ended = True
            self._error = self._error or error
            self._changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ended or self._waiting)
                if not self._waiting:
                    if self._error is not None:
                        raise self._error
                    return
                item = self._waiting.popleft()
                self._changed.notify_all()
            yield item
