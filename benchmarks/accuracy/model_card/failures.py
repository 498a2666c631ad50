"""Which frames of a model to look at: the worst ones, a typical bad one, one of each kind."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.benchmarks.accuracy.model_card.kinds import KINDS
from h2ot_edge.benchmarks.accuracy.model_card.lifting import Lifted

__all__ = ["PICTURES", "Failure", "Share", "find_failures", "shares"]

WORST = (
    "The worst frame",
    "The worst frame of another motion",
    "The worst frame of a third motion",
)

PICTURES = (*(f"worst-{rank}" for rank in range(1, len(WORST) + 1)), "typical", *KINDS)
"""Names of all pictures that a page can have, in its order."""

Chosen = tuple[Lifted, int]


@dataclass(frozen=True, eq=False, kw_only=True)
class Failure:
    """A frame to look at.

    Attributes:
        name: one of `PICTURES`.
        title: what it shows.
        lifted: the clip.
        frame: number in the clip.
    """

    name: str
    title: str
    lifted: Lifted
    frame: int

    @property
    def error_mm(self) -> float:
        """Of this frame, mean over the joints."""
        return float(self.lifted.errors_mm[self.frame])


@dataclass(frozen=True, kw_only=True)
class Share:
    """How often a kind comes, and how bad it is.

    Attributes:
        kind: key of `KINDS`.
        frames: of this kind.
        percent: of all frames.
        error_mm: mean over the frames of this kind; None if there are none.
    """

    kind: str
    frames: int
    percent: float
    error_mm: float | None


def find_failures(clips: Sequence[Lifted]) -> list[Failure]:
    """Choose frames, each from another motion as long as there are any.

    First the worst frames of the motions with the largest errors; then the frame with the median
    error of the clip where that is largest; then the worst frame of every kind that occurs. Of
    equal errors the earlier one is taken, so that the same model and data give the same frames.

    Args:
        clips: one or more, in an order that does not change.
    """
    found: list[Failure] = []
    for name, title, choose in _wanted(clips):
        shown = {failure.lifted.motion for failure in found}
        fresh = [lifted for lifted in clips if lifted.motion not in shown]
        # A fourth of the worst from a motion that was shown is no news; a kind is.
        chosen = choose(fresh) or (choose(clips) if name in KINDS or not found else None)
        if chosen is not None:
            found.append(Failure(name=name, title=title, lifted=chosen[0], frame=chosen[1]))
    return found


def shares(clips: Sequence[Lifted]) -> list[Share]:
    """How often every kind comes, in the order of `KINDS`."""
    errors = np.concatenate([lifted.errors_mm for lifted in clips])
    result = []
    for name, kind in KINDS.items():
        holds = np.concatenate([kind.holds(lifted) for lifted in clips])
        result.append(
            Share(
                kind=name,
                frames=int(holds.sum()),
                percent=100 * float(holds.mean()),
                error_mm=float(errors[holds].mean()) if holds.any() else None,
            )
        )
    return result


Choose = Callable[[Sequence[Lifted]], Chosen | None]


def _wanted(clips: Sequence[Lifted]) -> Iterator[tuple[str, str, Choose]]:
    """Name, title, and how the frame is chosen among clips, for every picture."""
    for number, title in enumerate(WORST, start=1):
        yield f"worst-{number}", title, _worst
    yield "typical", "Typical of the clip with the largest median error", _typical
    for name, kind in KINDS.items():
        yield name, kind.title, lambda given, kind=kind: _worst(given, kind.holds)  # type: ignore[misc]


def _worst(
    clips: Sequence[Lifted], holds: Callable[[Lifted], NDArray[np.bool_]] | None = None
) -> Chosen | None:
    """The frame with the largest error, among those of a kind."""
    best: Chosen | None = None
    largest = -np.inf
    for lifted in clips:
        errors = lifted.errors_mm
        if holds is not None:
            errors = np.where(holds(lifted), errors, -np.inf)
        frame = int(errors.argmax())
        if errors[frame] > largest:
            best, largest = (lifted, frame), float(errors[frame])
    return best


def _typical(clips: Sequence[Lifted]) -> Chosen | None:
    """The frame with the median error of the clip where that is largest."""
    if not clips:
        return None
    frames = [_median_frame(lifted) for lifted in clips]
    worst = int(np.argmax([lifted.errors_mm[n] for lifted, n in zip(clips, frames, strict=True)]))
    return clips[worst], frames[worst]


def _median_frame(lifted: Lifted) -> int:
    return int(np.argsort(lifted.errors_mm, kind="stable")[len(lifted.errors_mm) // 2])
