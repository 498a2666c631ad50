"""The newest value, for any number of threads; who is slow misses some."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

__all__ = ["Board"]

T = TypeVar("T")


class Board(Generic[T]):
    """One thread puts, others follow; putting never waits for them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._value: T | None = None
        self._number = 0
        self._followers = 0
        self._ended = False

    @property
    def followers(self) -> int:
        """How many are following."""
        return self._followers

    def put(self, value: T) -> None:
        """Replace the value."""
        with self._changed:
            self._value, self._number = value, self._number + 1
            self._changed.notify_all()

    def end(self) -> None:
        """Let everybody who follows leave."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @contextmanager
    def follow(self, idle_s: float) -> Iterator[Iterator[T | None]]:
        """The values that are put from now on, each time the newest, until the end.

        None if there was none for so long.
        """
        with self._changed:
            self._followers += 1
            last = self._number
        try:
            yield self._values(last, idle_s)
        finally:
            with self._changed:
                self._followers -= 1

    def _values(self, last: int, idle_s: float) -> Iterator[T | None]:
        while True:
            with self._changed:
                last, value = self._newer(last, idle_s)
                if self._ended:
                    return
            yield value

    def _newer(self, last: int, idle_s: float) -> tuple[int, T | None]:
        """The number of the newest value, and it, if it is another than the last one."""
        came = self._changed.wait_for(lambda: self._ended or self._number != last, idle_s)
        return self._number, self._value if came else None
