"""`Recording`: the keypoints of everybody in a film, whoever found them."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from h2ot_edge._gaps import seen_in
from h2ot_edge.clips import Clip
from h2ot_edge.errors import UsageError
from h2ot_edge.rates import rate_of
from h2ot_edge.readers.found import natural
from h2ot_edge.spec import FloatArray
from h2ot_edge.video.span import Span

__all__ = ["Person", "Recording", "RecordingBuilder"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Person:
    """Keypoints of a person, from the first frame with them to the last.

    Attributes:
        name: the tracker's; "" if no tracker ran.
        first: row of the recording in which they were first seen.
        keypoints: (m, 17, 2|3) float32 pixels, as in `Clip`; NaN and confidence 0 where they were
            not seen.
    """

    name: str
    first: int
    keypoints: FloatArray

    @property
    def stop(self) -> int:
        """Row after the last one in which they were seen."""
        return self.first + len(self.keypoints)

    @property
    def seen(self) -> int:
        """Frames in which some joint of theirs was seen."""
        return int(seen_in(self.keypoints).any(axis=-1).sum())

    @property
    def weight(self) -> float:
        """Sum of the confidences: larger for who is there longer, and seen better."""
        weights = self.keypoints[..., 2] if self.keypoints.shape[-1] == 3 else 1.0
        return float(np.where(seen_in(self.keypoints), weights, 0).sum())


@dataclass(frozen=True, eq=False, kw_only=True)
class Recording:
    """Everybody in a film, or in a file of keypoints.

    Attributes:
        frames: t, how many there are.
        people: in the order of their names' numbers.
        numbers: (t,) of the frames in the source.
        timestamps: (t,) float64 seconds, rising; None if unknown.
        fps: frames a second, the mean where it varies; None if unknown.
        image_size: (width, height) in pixels; None if the keypoints are normalised.
    """

    frames: int
    people: tuple[Person, ...]
    numbers: NDArray[np.intp]
    timestamps: NDArray[np.float64] | None = None
    fps: float | None = None
    image_size: tuple[float, float] | None = None

    @classmethod
    def of_clips(cls, clips: Sequence[Clip], *, whole: bool) -> "Recording":
        """From the clips of one file; all have the frames of the file.

        Args:
            clips: one of each person.
            whole: people are there from the first frame to the last, and what is missing is to be
                filled in; otherwise they come and go.
        """
        first = clips[0]
        take = _whole if whole else _trimmed
        people = [take(clip.person or "", clip.keypoints) for clip in clips]
        frames = len(first.keypoints)
        return cls(
            frames=frames,
            people=tuple(person for person in people if len(person.keypoints)),
            numbers=np.arange(frames) if first.numbers is None else first.numbers,
            timestamps=first.timestamps,
            fps=first.fps,
            image_size=first.image_size,
        )

    @property
    def times(self) -> NDArray[np.float64] | None:
        """(t,) seconds of the frames since the source's first; None if unknown."""
        if self.timestamps is not None:
            return self.timestamps
        return None if self.fps is None else self.numbers / (self.fps * self.step)

    @property
    def step(self) -> int:
        """Every how many frames of the source one was looked at; 1 of a single frame."""
        return max(1, int(np.median(np.diff(self.numbers)))) if self.frames > 1 else 1

    def only(self, chosen: Callable[[Person], bool]) -> "Recording":
        """With some of the people."""
        return dataclasses.replace(self, people=tuple(filter(chosen, self.people)))

    def without_short(self, min_seconds: float) -> "Recording":
        """Without those who are seen for less, and for less than half of it: mostly false finds.

        Nobody is left out if nobody knows the frame rate.
        """
        if self.fps is None:
            return self
        least = min(min_seconds * self.fps, self.frames / 2)
        return self.only(lambda person: person.seen >= least)

    def cut(self, start_s: float, stop_s: float | None) -> "Recording":
        """The frames from one time to another, the last one left out.

        Raises:
            UsageError: nobody knows when frames were taken, none is in between, or such times
                cannot be.
        """
        times = self.times
        if times is None:
            raise UsageError(
                "--from, --to: nobody knows when these frames were taken; give --fps HZ as well"
            )
        span = Span(start_s, stop_s)
        rows = [row for row, t in enumerate(times) if not span.before(t) and not span.after(t)]
        if not rows:
            raise UsageError(
                f"--from, --to: expected times within the clip, {times[0]:.3f} to "
                f"{times[-1]:.3f} s, got {start_s:g} to {'its end' if stop_s is None else stop_s}"
            )
        return self._rows(rows[0], rows[-1] + 1)

    def _rows(self, start: int, stop: int) -> "Recording":
        people = [
            Person(
                name=person.name,
                first=max(person.first, start) - start,
                keypoints=person.keypoints[max(start - person.first, 0) : stop - person.first],
            )
            for person in self.people
            if person.first < stop and person.stop > start
        ]
        return dataclasses.replace(
            self,
            frames=stop - start,
            people=tuple(people),
            numbers=self.numbers[start:stop],
            timestamps=None if self.timestamps is None else self.timestamps[start:stop],
        )


@dataclass
class RecordingBuilder:
    """Puts a recording together, frame by frame; memory grows with who was seen, not with gaps.

    Attributes:
        image_size: (width, height) in pixels.
        fps: of the source.
    """

    image_size: tuple[int, int]
    fps: float | None = None
    _numbers: list[int] = field(default_factory=list)
    _times: list[float] = field(default_factory=list)
    _people: dict[str, tuple[list[int], list[FloatArray]]] = field(default_factory=dict)

    def add(
        self, number: int, timestamp: float, names: Sequence[str], keypoints: FloatArray
    ) -> None:
        """Take the people (n, 17, 3) of the next frame; of several with one name the first."""
        row = len(self._numbers)
        self._numbers.append(number)
        self._times.append(timestamp)
        for name, own in zip(names, keypoints, strict=True):
            rows, seen = self._people.setdefault(name, ([], []))
            if not rows or rows[-1] != row:
                rows.append(row)
                seen.append(own)

    def recording(self) -> Recording:
        """What there is so far."""
        times = np.array(self._times, np.float64)
        return Recording(
            frames=len(times),
            people=tuple(self._person(name) for name in sorted(self._people, key=natural)),
            numbers=np.array(self._numbers, np.intp),
            timestamps=times,
            fps=round(rate_of(times), 6) if len(times) > 1 else self.fps,
            image_size=(float(self.image_size[0]), float(self.image_size[1])),
        )

    def _person(self, name: str) -> Person:
        rows, seen = self._people[name]
        keypoints = np.full((rows[-1] - rows[0] + 1, 17, 3), np.nan, np.float32)
        keypoints[..., 2] = 0
        keypoints[np.array(rows) - rows[0]] = seen
        return Person(name=name, first=rows[0], keypoints=keypoints)


def _whole(name: str, keypoints: FloatArray) -> Person:
    return Person(name=name, first=0, keypoints=keypoints)


def _trimmed(name: str, keypoints: FloatArray) -> Person:
    """Without the frames before they came and after they left."""
    rows = np.flatnonzero(seen_in(keypoints).any(axis=-1))
    if not len(rows):
        return Person(name=name, first=0, keypoints=keypoints[:0])
    # A copy: a view would hold all the frames in which they are not there.
    stay = keypoints[rows[0] : int(rows[-1]) + 1].copy()
    return Person(name=name, first=int(rows[0]), keypoints=stay)
