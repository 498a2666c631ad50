"""From keypoints of people to their poses."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from h2ot_edge.engine import Engine
from h2ot_edge.poses import Poses, stack_people
from h2ot_edge.recording.people import Person, Recording

__all__ = ["Lifted", "lift"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Lifted:
    """The poses of everybody in a recording.

    Attributes:
        recording: what was lifted.
        poses: (m, 17, 3) of each person, of the frames in which they are there.
        windows: that the network ran.
    """

    recording: Recording
    poses: tuple[Poses, ...]
    windows: int

    def together(self) -> Poses:
        """(n, t, 17, 3) of everybody in all frames; NaN and not valid where they are not there."""
        recording = self.recording
        people = [who.name for who in recording.people]
        return stack_people(
            dict(zip(people, self.poses, strict=True)),
            starts={who.name: who.first for who in recording.people},
            frames=recording.frames,
            timestamps=recording.timestamps,
        )


def lift(
    engine: Engine,
    recording: Recording,
    *,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Lifted:
    """Lift everybody, each by themselves, as `Engine.infer` does.

    Args:
        engine: lifts.
        recording: of one person or more.
        progress: called after every call of the model with how many windows are done and how many
            there are, as far as is known.
        options: of `Engine.infer`: `on_missing`, `max_gap_s`.

    Raises:
        As `Engine.infer`.
    """
    done = last = 0

    def of_one(windows: int, total: int) -> None:
        nonlocal last
        last = total
        if progress is not None:
            progress(done + windows, done + total)

    poses = []
    for person in recording.people:
        last = 0
        poses.append(_lifted(engine, recording, person, progress=of_one, **options))
        done += last
    return Lifted(recording=recording, poses=tuple(poses), windows=done)


def _lifted(engine: Engine, recording: Recording, person: Person, **options: Any) -> Poses:
    times: dict[str, Any] = {"fps": recording.fps}
    if recording.timestamps is not None and len(person.keypoints) > 1:
        times = {"timestamps": recording.timestamps[person.first : person.stop]}
    poses = engine.infer(person.keypoints, image_size=recording.image_size, **times, **options)
    # One frame has no rate, and who is there briefly must not have one of their own.
    return poses.replace(fps=recording.fps)
