"""`Found`: what a detector found in a clip, whatever wrote it down; and which person is taken."""

import itertools
import logging
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.errors import InputError
from h2ot_edge.layouts import LAYOUTS
from h2ot_edge.readers.parsing import listed
from h2ot_edge.spec import FloatArray

__all__ = ["Found", "Track", "in_order", "natural", "skipped"]

_logger = logging.getLogger(__name__)

_LONGEST = 1_000_000
"""Frames; numbers further apart than this are timestamps, from which no gap can be told."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Found:
    """Detections of any number of people in the frames of a clip.

    Attributes:
        layout: key in `LAYOUTS`.
        frames: names of the frames in which the detector looked, in their order.
        frame: (n,) which of them each detection is in.
        keypoints: (n, j, 3) float32: x, y, confidence.
        people: a tracker's name for the person of each detection; () if there is no tracker.
        scores: (n,) how strong a detection is.
        shares: whether x and y are shares of the image's width and height, 0 to 1.
        image_size: (width, height), if the file says it.
        fps: if the file says it.
        times: (frames,) seconds of each, if the file says it; they rise with the frames' names.
        numbered: whether the names of frames are their numbers in the film.
    """

    layout: str
    frames: Sequence[str]
    frame: NDArray[np.intp]
    keypoints: FloatArray
    people: Sequence[str] = ()
    scores: NDArray[np.float64]
    shares: bool = False
    image_size: tuple[float, float] | None = None
    fps: float | None = None
    times: NDArray[np.float64] | None = None
    numbered: bool = False

    def track(self, source: str, person: str | None, allow_missing: bool) -> "Track":
        """One person, frame by frame.

        Args:
            source: what to call the file in errors.
            person: whom; None for the one with the highest total score, or without a tracker the
                strongest of each frame.
            allow_missing: frames without the person are NaN with confidence 0, and no error.

        Raises:
            InputError: no such person, nobody at all, or missing in some frames.
        """
        chosen = self._chosen(source, person)
        order, times = self.clock(source, self.times)
        rows = self._best_of_each_frame(chosen)[order]
        names, gone = self._names, rows < 0
        if gone.any() and not allow_missing:
            who = "the person" if person is None else f"person {person}"
            raise InputError(
                f"{source}: {who} is missing in {gone.sum()} of {len(names)} "
                f"frames: {listed([names[at] for at in order[gone]])}; "
                "have them filled in (allow_missing=True, or --on-missing interpolate on the "
                "command line), or cut the clip there"
            )
        converted = LAYOUTS[self.layout].to_h36m(self.keypoints[rows])
        converted[gone] = (np.nan, np.nan, 0)
        return Track(
            keypoints=converted,
            times=times,
            person=self.people[chosen[0]] if self.people else None,
            people=self.everybody,
            numbers=self._numbers,
        )

    @cached_property
    def everybody(self) -> tuple[str, ...]:
        """Whom the tracker knew, in the order of their numbers."""
        return tuple(sorted(set(self.people), key=natural))

    def clock(
        self, source: str, own: NDArray[np.float64] | None
    ) -> tuple[NDArray[np.intp], NDArray[np.float64] | None]:
        """Places of the frames in their order, behind the last those skipped; and their seconds.

        Args:
            source: what to call the file in errors.
            own: (frames,) seconds; None if unknown. Those of skipped frames are in between.

        Raises:
            InputError: seconds that do not rise.
        """
        order = self._order
        if own is None:
            return order, None
        places = np.flatnonzero(order < len(own))
        times = own[order[places]]
        rising = np.isfinite(times) & (np.diff(times, prepend=-np.inf) > 0)
        if not rising.all():
            at = int(rising.argmin())
            raise InputError(
                f"{source}: expected times in seconds that rise from frame to frame, got "
                f"{times[at]:g} for frame {self.frames[order[places[at]]]}"
                + (f" after {times[at - 1]:g}" if at else "")
            )
        return order, np.interp(np.arange(len(order)), places, times)

    @cached_property
    def _names(self) -> list[str]:
        """Of the frames, and behind them of those skipped."""
        return [*self.frames, *skipped(self.frames)]

    @cached_property
    def _order(self) -> NDArray[np.intp]:
        return np.array(in_order(self._names), np.intp)

    @cached_property
    def _numbers(self) -> NDArray[np.intp] | None:
        """In the film, of the frames in their order."""
        if not self.numbered:
            return None
        return np.array([int(self._names[at]) for at in self._order], np.intp)

    @cached_property
    def _rows_of(self) -> Mapping[str, NDArray[np.intp]]:
        """Numbers of each person's detections."""
        place = {name: at for at, name in enumerate(self.everybody)}
        whose = np.array([place[name] for name in self.people], np.intp)
        by_person = np.argsort(whose, kind="stable")
        rows = np.split(by_person, np.searchsorted(whose[by_person], range(1, len(place))))
        return dict(zip(self.everybody, rows, strict=True))

    def _chosen(self, source: str, person: str | None) -> NDArray[np.intp]:
        """Numbers of the detections that may be taken."""
        if not len(self.frame):
            raise InputError(f"{source}: nobody is found in any frame; there is nothing to read")
        if person is not None and not self.people:
            raise InputError(
                f"{source}: expected numbers of people for person={person}, but the file has none "
                "(no tracker ran); leave person out to take the strongest of each frame, or have "
                "people tracked (track=True, or --track on the command line)"
            )
        if not self.people:
            self._warn_of_crowds(source)
            return np.arange(len(self.frame))
        if person is None:
            person = self._strongest()
        if person not in self._rows_of:
            known = listed(self.everybody)
            raise InputError(f"{source}: expected one of the people {known}, got person={person}")
        return self._rows_of[person]

    def _strongest(self) -> str:
        totals: dict[str, float] = {}
        for name, score in zip(self.people, self.scores.tolist(), strict=True):
            totals[name] = totals.get(name, 0.0) + score
        return max(totals, key=lambda name: totals[name])

    def _best_of_each_frame(self, chosen: NDArray[np.intp]) -> NDArray[np.intp]:
        """(frames and those skipped,) which detection; -1 without.

        Twice the same person in a frame is a slip, and the stronger, or the first, is kept.
        """
        best = np.full(len(self._names), -1)
        weakest_first = chosen[np.lexsort((-chosen, self.scores[chosen]))]
        best[self.frame[weakest_first]] = weakest_first
        return best

    def _warn_of_crowds(self, source: str) -> None:
        crowded = int((np.bincount(self.frame) > 1).sum())
        if crowded:
            _logger.warning(
                "%s: %d of %d frames have several people and the file has no tracks; the strongest "
                "of each frame is taken, who need not be the same person; have them tracked "
                "(track=True, or --track on the command line)",
                source,
                crowded,
                len(self.frames),
            )


@dataclass(frozen=True, eq=False, kw_only=True)
class Track:
    """One person.

    Attributes:
        keypoints: (t, 17, 3) float32, Human3.6M's joints, the unit of `Found`.
        person: a tracker's name for the person; None without a tracker.
        people: everybody whom the tracker knew.
        times: (t,) seconds; None if the file does not say them.
        numbers: (t,) of the frames in the film; None if the file does not say them.
    """

    keypoints: FloatArray
    person: str | None
    people: tuple[str, ...]
    times: NDArray[np.float64] | None
    numbers: NDArray[np.intp] | None


def natural(name: str) -> list[tuple[bool, int, str]]:
    """Sort key that puts frame 9 before frame 10."""
    parts = re.split(r"([0-9]+)", name)
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]


def in_order(names: Sequence[str]) -> list[int]:
    """Places of the names, in their natural order."""
    return sorted(range(len(names)), key=lambda at: natural(names[at]))


def skipped(names: Sequence[str]) -> list[str]:
    """Frames that the numbering skips: detectors leave out frames in which they found nobody.

    Every second or tenth frame of a video is no gap: the step is what all differences share.
    """
    stems = [re.split(r"([0-9]+)(?=[^0-9]*$)", PurePath(name).stem, maxsplit=1) for name in names]
    if any(len(stem) != 3 for stem in stems) or len({stem[0] for stem in stems}) != 1:
        return []
    if any(len(stem[1]) > 18 for stem in stems):
        return []
    numbers = sorted(int(stem[1]) for stem in stems)
    step = math.gcd(*(b - a for a, b in itertools.pairwise(numbers)))
    if step == 0 or numbers[-1] - numbers[0] > _LONGEST:
        return []
    missing = sorted(set(range(numbers[0], numbers[-1], step)) - set(numbers))
    prefix, first, rest = min(stems, key=lambda stem: int(stem[1]))
    suffix = rest + PurePath(names[0]).suffix
    return [f"{prefix}{str(number).zfill(len(first))}{suffix}" for number in missing]
