"""The last f frames, always in one piece."""

import numpy as np

from h2ot_edge.spec import FloatArray

__all__ = ["Ring"]


class Ring:
    """Every frame is written twice, f apart, so that any f frames in a row lie in one piece.

    Args:
        frames: f.
        shape: of a frame.
    """

    def __init__(self, frames: int, shape: tuple[int, ...]) -> None:
        self._twice = np.zeros((2 * frames, *shape), np.float32)
        self._frames = frames
        self._next = 0

    def fill(self, frame: FloatArray) -> None:
        """Make every frame this one."""
        self._twice[:] = frame

    def add(self, frame: FloatArray) -> None:
        """Replace the oldest frame."""
        self._twice[self._next] = self._twice[self._next + self._frames] = frame
        self._next = (self._next + 1) % self._frames

    @property
    def window(self) -> FloatArray:
        """(f, ...) the oldest frame first, a view that the next `add` changes."""
        return self._twice[self._next : self._next + self._frames]
