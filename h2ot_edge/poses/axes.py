"""Which way x, y and z point in each frame of reference: the one rule, for all that depends on it.

The words are free text that nothing here can turn by. So what needs to know which way is up, or
which hand the axes are of, refuses poses of any others.
"""

from collections.abc import Mapping, Sequence

from h2ot_edge.errors import InputError

__all__ = ["AXES", "CAMERA_AXES", "WORLD_AXES", "check_axes"]

Axes = tuple[str, str, str]

CAMERA_AXES: Axes = ("x right", "y down", "z away from the camera")
WORLD_AXES: Axes = ("x to the camera's right", "y ahead of the camera", "z up")

AXES: Mapping[str, Axes] = {"root": CAMERA_AXES, "camera": CAMERA_AXES, "world": WORLD_AXES}
"""By frame of reference."""


def check_axes(doing: str, frame: str, axes: Sequence[str]) -> None:
    """Raise unless the axes are those of the frame.

    Args:
        doing: what begins the message, such as the name of a file.
        frame: of the poses.
        axes: of the poses.

    Raises:
        InputError: they are others.
    """
    if tuple(axes) != AXES[frame]:
        raise InputError(
            f"{doing}: expected the axes of frame {frame!r} ({', '.join(AXES[frame])}), got "
            f"{', '.join(axes)}; turn the positions into those, else nobody knows which way is up"
        )
