"""What was lifted, kept for a file."""

from array import array
from dataclasses import dataclass, field

import numpy as np

from h2ot_edge.live import LivePose
from h2ot_edge.live_view.scene import Scene
from h2ot_edge.poses import Poses, stack_people
from h2ot_edge.rates import rate_of
from h2ot_edge.skeleton import JOINTS

__all__ = ["Recording"]


@dataclass(eq=False)
class _Person:
    """Poses of somebody, 0.3 kB each."""

    first: LivePose
    frames: "array[int]" = field(default_factory=lambda: array("q"))
    numbers: "array[float]" = field(default_factory=lambda: array("f"))
    valid: bytearray = field(default_factory=bytearray)


class Recording:
    """Counts scenes, and keeps their poses if they are wanted.

    Args:
        keep: whether they are; a camera may run for months.

    Attributes:
        frames: how many scenes there were.
        people: names of those who had a pose, in the order in which they came.
    """

    def __init__(self, *, keep: bool = True) -> None:
        self._keep = keep
        self._times = array("d")
        self._people: dict[str, _Person] = {}
        self.frames = 0
        self.people: dict[str, None] = {}

    def add(self, scene: Scene) -> None:
        """Take a scene; frames without anybody count too."""
        self.frames += 1
        self.people.update(dict.fromkeys(scene.poses))
        if self._keep:
            self._add(scene)

    def _add(self, scene: Scene) -> None:
        for name, pose in scene.poses.items():
            person = self._people.setdefault(name, _Person(pose))
            person.frames.append(len(self._times))
            person.numbers.frombytes(np.column_stack([pose.positions, pose.confidence]).tobytes())
            person.valid.extend(pose.valid.tobytes())
        self._times.append(scene.frame.timestamp)

    def poses(self) -> Poses | None:
        """Of everybody, (n, t, 17, 3) with their names, or (t, 17, 3) of one person.

        Frames in which somebody was not there are NaN. None if nobody was there at all.
        """
        if not self._people:
            return None
        times = np.array(self._times)
        clips = {name: self._clip(person, times) for name, person in self._people.items()}
        starts = {name: person.frames[0] for name, person in self._people.items()}
        poses = stack_people(clips, starts=starts, frames=len(times), timestamps=times)
        return poses.clips()[0] if len(clips) == 1 else poses

    def _clip(self, person: _Person, times: np.ndarray) -> Poses:
        start, stop = person.frames[0], person.frames[-1] + 1
        there = np.array(person.frames) - start
        numbers = np.full((stop - start, len(JOINTS), 4), np.nan, np.float32)
        numbers[..., 3] = 0
        numbers[there] = np.frombuffer(person.numbers, np.float32).reshape(-1, len(JOINTS), 4)
        valid = np.zeros(numbers.shape[:2], np.bool_)
        valid[there] = np.frombuffer(person.valid, np.bool_).reshape(-1, len(JOINTS))
        return Poses(
            positions=numbers[..., :3],
            unit=person.first.unit,  # type: ignore[arg-type]  # `Poses` looks
            axes=person.first.axes,
            fps=rate_of(times[start:stop]) if stop - start > 1 else None,
            timestamps=times[start:stop],
            valid=valid,
            confidence=numbers[..., 3],
            filters=person.first.filters,
        )
