"""Protocol `h36m`: Human3.6M as the field measures it, on VideoPose3D's files.

Subjects 9 and 11, every recording in all four cameras; the mean over the frames of each of the 15
actions, then over actions. Sources: VideoPose3D (Pavllo et al., CVPR 2019), `run.py` and
`common/`; HoT (Li et al., CVPR 2024), `main_mixste_tpc.py` and `common/generator.py`.

The same as there: subjects, cameras, actions and their weights; the true poses, about the true
hip; the poses of the mirrored keypoints are averaged in; MPJPE is the mean of all 17 joints. As in
HoT the predicted hip is set to the origin and the other joints stay where they are; VideoPose3D
leaves the hip where it is too, so there its error counts.

Not the same: `Engine` has neighbouring windows overlap by a ninth and fades from one to the next,
and a recording's last window ends with it. HoT's windows are disjoint, about the recording's
middle, and its ends are repeated frames, which count. `--overlap 0` gives disjoint windows, all
but the last. HoT has the mirrored window keep the frames that the plain one kept; here each chooses
its own. VideoPose3D has no windows.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from h2ot_edge._names import unknown
from h2ot_edge.benchmarks.accuracy.protocols import Protocol, ProtocolOptions
from h2ot_edge.benchmarks.motion.h36m_files import (
    FPS,
    action_of,
    h36m_keypoints,
    h36m_positions,
)
from h2ot_edge.benchmarks.motion.labelled import LabelledClip
from h2ot_edge.benchmarks.motion.pickled_npz import array_names
from h2ot_edge.errors import InputError
from h2ot_edge.spec import FloatArray

__all__ = ["ACTIONS", "CAMERAS", "H36M", "WorldCamera", "h36m_clips"]

T = TypeVar("T")
Array = NDArray[np.float64]

ACTIONS = (
    *("Directions", "Discussion", "Eating", "Greeting", "Phoning", "Photo", "Posing"),
    *("Purchases", "Sitting", "SittingDown", "Smoking", "Waiting", "WalkDog", "Walking"),
    "WalkTogether",
)


@dataclass(frozen=True, kw_only=True)
class WorldCamera:
    """Where one of Human3.6M's cameras stood.

    Attributes:
        name: its number in the data set.
        size: (width, height) in pixels.
        orientation: unit quaternion (w, x, y, z) that turns the camera's axes into the world's.
        position_mm: in the world frame.
    """

    name: str
    size: tuple[int, int]
    orientation: tuple[float, float, float, float]
    position_mm: tuple[float, float, float]

    def to_camera(self, world: FloatArray) -> Array:
        """World points (..., 3), metres -> the camera's frame: x right, y down, z forward."""
        moved = world.astype(np.float64) - np.array(self.position_mm) / 1000
        turned: Array = moved @ _rotation(self.orientation)
        return turned


CAMERAS = {
    "S9": (
        WorldCamera(
            name="54138969",
            size=(1000, 1002),
            orientation=(
                *(0.15540587902069092, -0.15548215806484222),
                *(-0.7532095313072205, 0.6199594736099243),
            ),
            position_mm=(2044.45849609375, 4935.1171875, 1481.2275390625),
        ),
        WorldCamera(
            name="55011271",
            size=(1000, 1000),
            orientation=(
                *(0.618784487247467, -0.7634735107421875),
                *(-0.14132238924503326, 0.11933968216180801),
            ),
            position_mm=(1990.959716796875, -5123.810546875, 1568.8048095703125),
        ),
        WorldCamera(
            name="58860488",
            size=(1000, 1000),
            orientation=(
                *(0.13357827067375183, -0.1367100477218628),
                *(0.7689454555511475, -0.6100738644599915),
            ),
            position_mm=(-1670.9921875, 5211.98583984375, 1528.387939453125),
        ),
        WorldCamera(
            name="60457274",
            size=(1000, 1002),
            orientation=(
                *(0.5879399180412292, -0.7823407053947449),
                *(0.1427614390850067, -0.14794869720935822),
            ),
            position_mm=(-1696.04345703125, -3827.099853515625, 1591.4127197265625),
        ),
    ),
    "S11": (
        WorldCamera(
            name="54138969",
            size=(1000, 1002),
            orientation=(
                *(0.15232472121715546, -0.15442320704460144),
                *(-0.7547563314437866, 0.6191070079803467),
            ),
            position_mm=(2098.440185546875, 4926.5546875, 1500.278564453125),
        ),
        WorldCamera(
            name="55011271",
            size=(1000, 1000),
            orientation=(
                *(0.6189449429512024, -0.7600917220115662),
                *(-0.15300633013248444, 0.1255258321762085),
            ),
            position_mm=(2083.182373046875, -4912.1728515625, 1561.07861328125),
        ),
        WorldCamera(
            name="58860488",
            size=(1000, 1000),
            orientation=(
                *(0.14943228662014008, -0.15650227665901184),
                *(0.7681233882904053, -0.6026304364204407),
            ),
            position_mm=(-1609.8153076171875, 5177.3359375, 1537.896728515625),
        ),
        WorldCamera(
            name="60457274",
            size=(1000, 1002),
            orientation=(
                *(0.5894251465797424, -0.7818877100944519),
                *(0.13991211354732513, -0.14715361595153809),
            ),
            position_mm=(-1590.738037109375, -3854.1689453125, 1578.017578125),
        ),
    ),
}
"""The cameras of the test subjects, in the order of the keypoints' files.

Source: VideoPose3D, `common/h36m_dataset.py`, from the data set's own calibration.
"""


def h36m_clips(
    positions: Path, keypoints: Path, subjects: Sequence[str] = tuple(CAMERAS)
) -> Iterator[LabelledClip]:
    """Every recording of these subjects in every camera.

    Where there are more keypoints than poses, the rest is cut off, as VideoPose3D does: some
    videos go on after the motion capture ended.

    Args:
        positions: `data_3d_h36m.npz`.
        keypoints: `data_2d_h36m_gt.npz`, `data_2d_h36m_cpn_ft_h36m_dbb.npz` or another of its kind.
        subjects: keys of `CAMERAS`.

    Yields:
        Clips with keypoints (t, 17, 2) in pixels; `action` is one of `ACTIONS`.

    Raises:
        UnknownName: a subject that is not in `CAMERAS`.
        InputError: the files are not such files, or do not fit each other.
    """
    for subject in subjects:
        if subject not in CAMERAS:
            raise unknown("subject", subject, CAMERAS)
    poses, points = h36m_positions(positions), h36m_keypoints(keypoints)
    for subject in subjects:
        recordings = _of_subject(positions, poses, subject)
        seen = _of_subject(keypoints, points, subject)
        _check_actions(positions, subject, recordings)
        for recording, world in recordings.items():
            views = seen.get(recording, [])
            yield from _recording(keypoints, subject, recording, world, views)


def _of_subject(path: Path, known: Mapping[str, T], subject: str) -> T:
    if subject not in known:
        raise InputError(
            f"{path}: expected subject {subject}, found {', '.join(known)}; take the file of all "
            "subjects"
        )
    return known[subject]


def _check_actions(path: Path, subject: str, recordings: Iterable[str]) -> None:
    """A mean over other actions than the 15 would not be the published one."""
    found = {action_of(recording) for recording in recordings}
    if found != set(ACTIONS):
        raise InputError(
            f"{path}: {subject}: expected recordings of the 15 actions of Human3.6M, "
            f"{', '.join(sorted(found.symmetric_difference(ACTIONS)))} missing or unknown; take "
            "VideoPose3D's file, with its names"
        )


def _recording(
    path: Path, subject: str, recording: str, world: FloatArray, seen: list[FloatArray]
) -> Iterator[LabelledClip]:
    cameras = CAMERAS[subject]
    if len(seen) != len(cameras):
        raise InputError(
            f"{path}: {subject} {recording}: expected keypoints of {len(cameras)} cameras, got "
            f"{len(seen)}; take the keypoints of all recordings"
        )
    for camera, points in zip(cameras, seen, strict=True):
        if len(points) < len(world):
            raise InputError(
                f"{path}: {subject} {recording} camera {camera.name}: expected keypoints of at "
                f"least {len(world)} frames, as there are poses, got {len(points)}; take the "
                "keypoints of the whole recording"
            )
        yield _clip(subject, recording, camera, world, points[: len(world)])


def _clip(
    subject: str, recording: str, camera: WorldCamera, world: FloatArray, points: FloatArray
) -> LabelledClip:
    turned = camera.to_camera(world)
    return LabelledClip(
        name=f"{subject} {recording}/{camera.name}",
        subject=subject,
        action=action_of(recording),
        keypoints=points,
        truth=(turned - turned[:, :1]).astype(np.float32),
        fps=FPS,
        image_size=camera.size,
    )


def _rotation(quaternion: tuple[float, float, float, float]) -> Array:
    """The (3, 3) matrix R of a unit quaternion: R v is v turned, v R is v turned back."""
    w, *axis = quaternion
    x, y, z = axis
    across = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    # v + 2 w (u x v) + 2 u x (u x v), as VideoPose3D has it, without dividing by the length.
    rotation: Array = np.eye(3) + 2 * w * across + 2 * across @ across
    return rotation


def _clips(paths: Sequence[Path], options: ProtocolOptions) -> Iterator[LabelledClip]:
    wanted = ("positions_3d", "positions_2d")
    found = {key: [path for path in paths if key in array_names(path)] for key in wanted}
    if len(paths) != 2 or any(len(files) != 1 for files in found.values()):
        raise InputError(
            f"{', '.join(map(str, paths)) or 'no files'}: expected two files, VideoPose3D's "
            "data_3d_h36m.npz and one of its data_2d_h36m_*.npz"
        )
    (positions,), (keypoints,) = found.values()
    return h36m_clips(positions, keypoints, options.subjects or tuple(CAMERAS))


H36M = Protocol(
    name="h36m",
    title="Human3.6M",
    source="subjects 9 and 11, four cameras, mean over 15 actions, on the files of VideoPose3D "
    "(Pavllo et al., CVPR 2019)",
    clips=_clips,
    defaults=ProtocolOptions(subjects=tuple(CAMERAS)),
    actions_first=True,
    flip=True,
    root="zeroed",
)
