"""What frames come from: `Frame` and the protocol `Source`."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.errors import InputError

__all__ = ["Frame", "Image", "Source", "was_closed"]

Image = NDArray[np.uint8]
"""(h, w, 3) uint8, BGR, upright, C-contiguous, writable."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Frame:
    """An image of a source.

    Attributes:
        number: from 0, counted in the source, so that it is the same wherever one starts.
        timestamp: seconds since the source's first frame, rising.
        image: (h, w, 3) uint8, BGR, upright, C-contiguous, writable; nobody else holds it.
    """

    number: int
    timestamp: float
    image: Image


class Source(Protocol):
    """Frames, one after the other; each is made when it is asked for."""

    @property
    def name(self) -> str:
        """What to call it in messages and captions."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels, upright."""
        ...

    @property
    def fps(self) -> float | None:
        """Frames a second, the mean where it varies; None if nobody knows."""
        ...

    @property
    def frames(self) -> int | None:
        """How many will come, an estimate; None if nobody knows."""
        ...

    @property
    def live(self) -> bool:
        """Whether frames come at their own pace and cannot be had again."""
        ...

    def __iter__(self) -> Iterator[Frame]:
        """Go through it.

        Raises:
            InputError: it was closed, or is live and was gone through; others as they come.
        """
        ...

    def close(self) -> None:
        """Let go of the file or device; who goes through it gets no frame more."""
        ...

    def __enter__(self) -> "Source": ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def was_closed(name: str) -> InputError:
    """The error of who goes through a source that was closed."""
    return InputError(f"{name}: was closed; open it again")
