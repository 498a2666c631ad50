"""Poses from a thread to an event loop."""

import asyncio
import threading
from collections import deque
from contextlib import suppress

from h2ot_edge.live.pose import LivePose

__all__ = ["PoseReader"]


class PoseReader:
    """An asynchronous iterator over poses.

    Attributes:
        missed: poses that were dropped because nobody read them in time.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, most: int) -> None:
        self._loop, self._most = loop, most
        self._poses: deque[LivePose] = deque()
        self._changed = threading.Lock()
        self._news = asyncio.Event()
        self._told = False  # of news, so that a slow loop does not collect calls
        self._ended = False
        self._error: BaseException | None = None
        self.missed = 0

    def put(self, pose: LivePose) -> None:
        """Add a pose, from any thread."""
        with self._changed:
            self._poses.append(pose)
            if len(self._poses) > self._most:
                self._poses.popleft()
                self.missed += 1
        self._tell()

    def end(self, error: BaseException | None) -> None:
        """Let the iteration end behind the poses there are, or raise the error there."""
        with self._changed:
            self._ended, self._error = True, error
        self._tell()

    def __aiter__(self) -> "PoseReader":
        return self

    async def __anext__(self) -> LivePose:
        while (pose := self._next()) is None:
            await self._news.wait()
        return pose

    def _next(self) -> LivePose | None:
        with self._changed:
            if self._poses:
                return self._poses.popleft()
            self._news.clear()
            self._told = False
            if not self._ended:
                return None
        if self._error is not None:
            raise self._error
        raise StopAsyncIteration

    def _tell(self) -> None:
        with self._changed:
            if self._told:
                return
            self._told = True
        with suppress(RuntimeError):  # the loop was closed, so nobody reads
            self._loop.call_soon_threadsafe(self._news.set)
