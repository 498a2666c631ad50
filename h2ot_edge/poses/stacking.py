"""Poses of a recording from those of the people in it, who come and go."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.rates import rate_of
from h2ot_edge.skeleton import JOINTS

if TYPE_CHECKING:
    from h2ot_edge.poses import Poses

__all__ = ["stack_people"]

Times = NDArray[np.float64]

_MOST_GB = 4.0
"""Of the arrays; more is nearly always many false finds in a long film."""

_JOINT_BYTES = 3 * 4 + 1 + 4
"""A position, whether it is valid, and a confidence."""

_ALIKE = ("frame", "unit", "axes")


def stack_people(
    people: "Mapping[str, Poses]",
    *,
    starts: Mapping[str, int] | None = None,
    frames: int | None = None,
    timestamps: ArrayLike | None = None,
) -> "Poses":
    """Poses of everybody in a recording, each there for frames of their own.

    Frames in which somebody is not there are NaN, not valid, with confidence 0 and not kept. A note
    in `filters` that not all have says whose it is. What was kept is known only if it is of all.
    Filters take no NaN: filter each before.

    Args:
        people: by name, poses (t_i, 17, 3) of the same frame of reference, unit and axes.
        starts: by name, the frame of the recording in which theirs begin, from 0; all at 0 if not
            given.
        frames: t of the recording; it ends with the last of the people if not given.
        timestamps: (t,) seconds of the recording, for those of its people. Not given: theirs, if
            together they have all; or those of the frame rate, if each of them begins at 0.

    Returns:
        (n, t, 17, 3) in the order of `people`, whose names it has. Its fps is that of all people,
        or where their timestamps make it differ that of the timestamps.

    Raises:
        InputError: nobody, or people of several frames, units, axes, rates or times, or who are
            several themselves; frames in which nobody tells the time; more than 4 GB.
        UsageError: starts of others, or people who do not fit into the recording.
    """
    if not people:
        raise InputError("stack_people: expected poses of at least one person, got none")
    _check_alike(people)
    places = _places(people, starts, frames)
    count = frames if frames is not None else max(place.stop for place in places)
    _check_size(len(people), count)
    times = _times(people, places, count, timestamps)
    return next(iter(people.values())).replace(
        **_stacked(list(people.values()), places, count),
        people=tuple(people),
        timestamps=times,
        fps=_fps(people, times),
        filters=_filters(people),
    )


def _check_size(people: int, frames: int) -> None:
    size_gb = people * frames * len(JOINTS) * _JOINT_BYTES / 1e9
    if size_gb > _MOST_GB:
        raise InputError(
            f"stack_people: expected at most {_MOST_GB:g} GB, got {people} people in {frames} "
            f"frames, {size_gb:.1f} GB; take fewer people (--person ID, or those who stay longer: "
            "--min-seconds S), or part of the film (--from, --to)"
        )


def _stacked(
    clips: "Sequence[Poses]", places: Sequence[slice], frames: int
) -> dict[str, NDArray[Any] | None]:
    size = (len(clips), frames)
    positions = np.full((*size, len(JOINTS), 3), np.nan, np.float32)
    valid = np.zeros((*size, len(JOINTS)), np.bool_)
    confidence = np.zeros((*size, len(JOINTS)), np.float32)
    kept = np.zeros(size, np.bool_) if all(clip.kept is not None for clip in clips) else None
    for row, (clip, place) in enumerate(zip(clips, places, strict=True)):
        positions[row, place], valid[row, place] = clip.positions, clip.valid
        confidence[row, place] = clip.confidence
        if kept is not None:
            kept[row, place] = clip.kept
    return {"positions": positions, "valid": valid, "confidence": confidence, "kept": kept}


def _check_alike(people: "Mapping[str, Poses]") -> None:
    first = next(iter(people))
    for name, clip in people.items():
        if clip.ndim != 3:
            raise InputError(
                f"stack_people: expected one person (t, 17, 3), got {clip.shape} of {name!r}; "
                "poses.clips() gives each"
            )
        for what in _ALIKE:
            mine, theirs = getattr(clip, what), getattr(people[first], what)
            if mine != theirs:
                raise InputError(
                    f"stack_people: expected {what} {theirs!r} of all, as {first!r} has, got "
                    f"{mine!r} of {name!r}; bring them together first"
                )


def _places(
    people: "Mapping[str, Poses]", starts: Mapping[str, int] | None, frames: int | None
) -> list[slice]:
    """Frames of the recording in which each is there."""
    if starts is not None and starts.keys() != people.keys():
        raise UsageError(
            f"starts: expected a frame for each of {', '.join(map(repr, people))}, got "
            f"{', '.join(map(repr, starts)) or 'none'}"
        )
    places = []
    for name, clip in people.items():
        start = 0 if starts is None else int(starts[name])
        if start < 0 or (frames is not None and start + len(clip) > frames):
            within = "from 0 on" if frames is None else f"0 to {frames - 1}"
            raise UsageError(
                f"stack_people: expected everybody in frames {within}, got {name!r} in {start} to "
                f"{start + len(clip) - 1}; starts are frames of the recording"
            )
        places.append(slice(start, start + len(clip)))
    return places


def _times(
    people: "Mapping[str, Poses]", places: Sequence[slice], frames: int, given: ArrayLike | None
) -> Times | None:
    """(t,) seconds of the recording."""
    if given is not None:
        times = np.array(given, np.float64)
        if times.shape != (frames,):
            raise InputError(f"timestamps: expected {(frames,)} seconds, got {times.shape}")
        return times
    if all(clip.timestamps is None for clip in people.values()):
        return None
    fps = _counting(people)
    return _merged(people, places, frames) if fps is None else np.arange(frames) / fps


def _counting(people: "Mapping[str, Poses]") -> float | None:
    """The rate at which all timestamps only count frames, as `Engine.infer(fps=)` gives them."""
    fps = next(iter(people.values())).fps
    if fps is None:
        return None
    for clip in people.values():
        counted = np.arange(len(clip)) / fps
        if clip.timestamps is None or not np.allclose(clip.timestamps, counted, rtol=0, atol=1e-6):
            return None
    return fps


def _merged(people: "Mapping[str, Poses]", places: Sequence[slice], frames: int) -> Times:
    known = np.full(frames, np.nan)
    for (name, clip), place in zip(people.items(), places, strict=True):
        if clip.timestamps is None:
            continue
        before = known[place]
        if not (np.isnan(before) | (before == clip.timestamps)).all():
            raise InputError(
                f"stack_people: the timestamps of {name!r} are not those of others in the same "
                "frames; give starts, or timestamps of the recording"
            )
        known[place] = clip.timestamps
    missing = np.isnan(known)
    if missing.any():
        raise InputError(
            f"stack_people: in {missing.sum()} of {frames} frames, first in frame "
            f"{missing.argmax()}, nobody tells the time; give timestamps of the recording"
        )
    return known


def _fps(people: "Mapping[str, Poses]", times: Times | None) -> float | None:
    rates = list(dict.fromkeys(clip.fps for clip in people.values()))
    if len(rates) == 1:
        return rates[0]
    if times is not None and len(times) > 1:
        return rate_of(times)  # that of a short stay may differ
    found = " and ".join("None" if rate is None else f"{rate:g}" for rate in rates[:2])
    raise InputError(
        f"stack_people: expected one frame rate, got {found}; give timestamps of the recording, or "
        "poses.replace(fps=...)"
    )


def _filters(people: "Mapping[str, Poses]") -> tuple[str, ...]:
    """Notes in order; those that not all have say whose they are."""
    first = next(iter(people.values())).filters
    if all(clip.filters == first for clip in people.values()):
        return first
    whose: dict[str, list[str]] = {}
    for name, clip in people.items():
        for note in dict.fromkeys(clip.filters):
            whose.setdefault(note, []).append(name)
    return tuple(
        note if len(names) == len(people) else f"{note} (of {', '.join(names)})"
        for note, names in whose.items()
    )
