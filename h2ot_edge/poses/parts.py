"""Parts of `Poses`: clips of several, frames of one."""

from typing import TYPE_CHECKING, Any

from h2ot_edge.errors import InputError

if TYPE_CHECKING:
    from h2ot_edge.poses import Poses

__all__ = ["clip_of", "part_of"]

_ALONG = ("positions", "valid", "confidence")
"""What has the axes of the positions, but for the last ones."""


def clip_of(poses: "Poses", number: int) -> "Poses":
    """One clip of (n, t, 17, 3)."""
    return poses.replace(
        **{name: getattr(poses, name)[number] for name in _ALONG},
        kept=None if poses.kept is None else poses.kept[number],
        people=poses.people[number : number + 1],
    )


def part_of(poses: "Poses", part: slice) -> "Poses":
    """Some clips, or some frames of one."""
    changes: dict[str, Any] = {name: getattr(poses, name)[part] for name in _ALONG}
    changes["kept"] = None if poses.kept is None else poses.kept[part]
    if poses.ndim == 4:
        return poses.replace(**changes, people=poses.people[part])
    step = 1 if part.step is None else part.step
    if step < 0:
        raise InputError(
            f"poses: expected a step forward in time, got {step}; np.asarray(poses) can be "
            "taken in any order"
        )
    changes["fps"] = None if poses.fps is None else poses.fps / step
    changes["timestamps"] = None if poses.timestamps is None else poses.timestamps[part]
    return poses.replace(**changes)
