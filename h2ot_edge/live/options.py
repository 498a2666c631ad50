"""Options of a live stream."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.card import ModelCard
from h2ot_edge.errors import UsageError
from h2ot_edge.keypoints import checked_size
from h2ot_edge.live.convert import converter_of
from h2ot_edge.missing import MAX_GAP_S
from h2ot_edge.spec import FloatArray

__all__ = ["LiveOptions", "PoseFilter"]

Startup = Literal["pad", "wait"]


class PoseFilter(Protocol):
    """A filter that takes poses one at a time, such as `h2ot_edge.filters.OneEuro`."""

    @property
    def description(self) -> str:
        """What it does to a pose, in words."""

    def step(self, pose: NDArray[np.floating], fps: float) -> FloatArray:
        """Filter the next pose (17, 3), 1 / fps seconds after the one before."""

    def reset(self) -> None:
        """Forget the poses that came."""

    def fresh(self) -> "PoseFilter":
        """Another one that has seen nothing."""


@dataclass(frozen=True, kw_only=True)
class LiveOptions:
    """How the frames of a stream become poses.

    Attributes:
        lookahead: k, the fewest frames after its own that the network sees for a pose.
        hop: n, the network runs every n-th frame and gives n poses at a time. A pose is handed out
            k + n - 1 frames after its own, and the network saw k to k + n - 1 frames after it. Of
            many streams each has its turn.
        fps: frames a second of pushes without a timestamp; None takes the time of the push.
        image_size: (width, height) if the keypoints are pixels; None if they are normalised.
        startup: what stands in a window before the first frame: `pad` repeats that frame, so the
            first pose comes with frame k + n; `wait` answers nothing until there are f frames, and
            of many streams until it is one's turn then.
        max_gap_s: how long a joint that is missing counts as where it was last seen. After nobody
            was seen for longer, the stream answers nothing, and begins anew with who comes next.
        smooth: a filter of the poses, or several in order; every stream gets fresh ones.
        layout: of the keypoints' joints, a key in `h2ot_edge.layouts.LAYOUTS`; None for those of
            `h2ot_edge.skeleton`.
        clock: gives seconds, for the time of a push and for latencies.
    """

    lookahead: int
    hop: int = 1
    fps: float | None = None
    image_size: Sequence[float] | None = None
    startup: Startup = "pad"
    max_gap_s: float = MAX_GAP_S
    smooth: PoseFilter | Sequence[PoseFilter] | None = None
    layout: str | None = None
    clock: Callable[[], float] = time.monotonic

    @property
    def filters(self) -> tuple[PoseFilter, ...]:
        """Those of `smooth`, in order."""
        if self.smooth is None:
            return ()
        return tuple(self.smooth) if isinstance(self.smooth, Sequence) else (self.smooth,)

    @property
    def delay(self) -> int:
        """Frames between a pose's own and the newest one when it is handed out."""
        return self.lookahead + self.hop - 1

    def check(self, card: ModelCard) -> None:
        """Raise unless a model of `card` can carry them out.

        Raises:
            UsageError: an option out of its range.
            InputError: `image_size` is not one.
            UnknownName: no such layout.
        """
        if card.mode == "seq2frame":
            self._check_centred(card.frames // 2)
        if not 1 <= self.hop <= card.frames:
            raise UsageError(
                f"hop: expected 1 to {card.frames} frames, got {self.hop}; 1 runs the network with "
                "every frame"
            )
        most = card.frames - self.hop
        if not 0 <= self.lookahead <= most:
            raise UsageError(
                f"lookahead: expected 0 to {most} frames with windows of {card.frames} and hop "
                f"{self.hop}, got {self.lookahead}; 0 waits for no frame, a smaller hop leaves more"
            )
        if self.startup not in ("pad", "wait"):
            raise UsageError(
                f"startup: expected 'pad' or 'wait', got {self.startup!r}; pad answers from the "
                "first frames on, wait when a window is full"
            )
        self._check_seconds()
        if self.image_size is not None:
            checked_size(self.image_size)
        converter_of(self.layout)
        self._check_filters()

    def _check_filters(self) -> None:
        for one in self.filters:
            if isinstance(one, type) or not hasattr(one, "step"):
                raise UsageError(
                    "smooth: expected filters of poses such as h2ot_edge.filters.OneEuro(...), got "
                    f"{one!r}"
                )

    def _check_centred(self, centre: int) -> None:
        if self.hop != 1:
            raise UsageError(
                f"hop: expected 1, got {self.hop}; a seq2frame model gives one pose a window"
            )
        if self.lookahead != centre:
            raise UsageError(
                f"lookahead: expected {centre}, got {self.lookahead}; a seq2frame model gives the "
                "pose of its window's centre only"
            )

    def _check_seconds(self) -> None:
        for name, value, instead in (
            ("fps", self.fps, "leave it out to go by the time of the push"),
            ("max_gap_s", self.max_gap_s, f"leave it out for {MAX_GAP_S:g} s"),
        ):
            if value is not None and not 0 < value < math.inf:
                raise UsageError(
                    f"{name}: expected a finite number above 0, got {value:g}; {instead}"
                )
        if self.fps is not None and self.max_gap_s * self.fps < 1:
            raise UsageError(
                f"max_gap_s: expected at least the {1 / self.fps:g} s between frames, got "
                f"{self.max_gap_s:g}; every frame would begin a stream"
            )
