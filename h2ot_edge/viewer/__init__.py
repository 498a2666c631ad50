"""Poses to look at: one HTML page that works offline. See docs/viewer.md."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from h2ot_edge._files import checked_name, write_whole
from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.poses import Poses, check_axes
from h2ot_edge.viewer.page import html_of
from h2ot_edge.viewer.people import document_of

__all__ = ["check_page_path", "write_page"]

_SHARED = ("frame", "unit", "fps")
"""What all people of a page have in common, besides their frames and timestamps."""


def check_page_path(path: str | Path) -> Path:
    """The path, if a page can have that name; to be asked before the work is done.

    Raises:
        UsageError: the name does not end in .html, or is that of a folder.
    """
    return checked_name(path, (".html", ".htm"), "a page is")


def write_page(
    path: str | Path,
    people: "Poses | Sequence[Poses]",
    *,
    names: Sequence[str] | None = None,
    kept: ArrayLike | None = None,
    title: str = "Poses",
) -> Path:
    """Write a page in which poses can be turned, played and scrubbed; a browser is all it needs.

    The file holds all of it, three.js too, and asks no network for anything. The same poses give
    the same bytes. `FILE.html#frame=50` opens at a frame; `&view=front`, `side` or `top` turns it.

    Args:
        path: of the page, ends in .html; its folder is made, an old file replaced as a whole.
        people: poses of a clip, of n clips that are n people, or of each person. All begin and end
            together: frames in which somebody is not there are NaN.
        names: of the people; those of `Poses.people` if not given, else `person 1`, ...
        kept: frame numbers, from 0, that token pruning kept; they are marked on the timeline. Not
            given: those of `Poses.kept`, of each person their own.
        title: of the page.

    Returns:
        The path.

    Raises:
        InputError: nothing to show, people of other frames, units or times, `kept` outside of the
            clip, or axes that do not say which way is up.
        UsageError: the name does not end in .html, the folder cannot be made, or there are other
            numbers of names and people.
    """
    path = check_page_path(path)
    clips = _clips(people)
    for number, clip in enumerate(clips, start=1):
        _check_alike(number, clip, clips[0])
    _check_shown(clips)
    named = _names(names, clips)
    marks = None if kept is None else _frame_numbers(kept, len(clips[0]))
    write_whole(path, html_of(document_of(clips, named, marks), title))
    return path


def _clips(people: "Poses | Sequence[Poses]") -> list[Poses]:
    given = [people] if isinstance(people, Poses) else list(people)
    if not given:
        raise InputError("people: expected poses of at least one, got none; give Poses")
    for each in given:
        if not isinstance(each, Poses):
            raise InputError(
                f"people: expected Poses, got {type(each).__name__}; make them of an array with "
                "Poses(positions=...), which says what its numbers mean"
            )
    return [clip for each in given for clip in each.clips()]


def _check_alike(number: int, clip: Poses, first: Poses) -> None:
    """What one page can show; `number` counts from 1."""
    check_axes(f"person {number}", clip.frame, clip.axes)
    if len(clip) != len(first):
        raise InputError(
            f"person {number}: expected {len(first)} frames as person 1 has, got {len(clip)}; "
            "stack_people fills in the frames in which somebody is not there"
        )
    for name in _SHARED:
        mine, theirs = getattr(clip, name), getattr(first, name)
        if mine != theirs:
            raise InputError(
                f"person {number}: expected {name} {theirs!r} as person 1 has, got {mine!r}; bring "
                "them together, or write a page of each"
            )
    if not _same(clip.timestamps, first.timestamps):
        raise InputError(
            f"person {number}: expected the timestamps of person 1; stack_people puts everybody on "
            "those of a recording"
        )


def _same(one: Any, other: Any) -> bool:
    return (one is None) == (other is None) and (one is None or np.array_equal(one, other))


def _check_shown(clips: Sequence[Poses]) -> None:
    if not any(np.isfinite(clip.positions).all(axis=-1).any() for clip in clips):
        raise InputError(
            "people: expected a joint that is finite, got none; see whether anybody was detected"
        )


def _names(names: Sequence[str] | None, clips: Sequence[Poses]) -> list[str]:
    if names is None:
        return ["".join(clip.people) or f"person {n}" for n, clip in enumerate(clips, start=1)]
    if len(names) != len(clips):
        raise UsageError(
            f"names: expected one a person ({len(clips)}), got {len(names)}; leave them out for "
            "those of the poses"
        )
    return [str(name) for name in names]


def _frame_numbers(kept: ArrayLike, frames: int) -> list[int]:
    """In order, each once."""
    array = np.asarray(kept)
    if array.size == 0:
        return []
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise InputError(
            f"kept: expected frame numbers (k,), got {array.dtype} {array.shape}; np.flatnonzero "
            "makes numbers of flags"
        )
    for number in (int(array.min()), int(array.max())):
        if not 0 <= number < frames:
            raise InputError(
                f"kept: expected frames 0 to {frames - 1}, got {number}; count those of these poses"
            )
    return [int(number) for number in np.unique(array)]
