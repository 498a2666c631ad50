"""`Poses`: what `Engine.infer` gives, and what its numbers mean. See docs/coordinates.md."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from h2ot_edge._names import look_up
from h2ot_edge.errors import InputError
from h2ot_edge.poses import checks, moving
from h2ot_edge.poses.as_array import AsArray
from h2ot_edge.poses.axes import AXES, CAMERA_AXES, WORLD_AXES, check_axes
from h2ot_edge.poses.parts import clip_of, part_of
from h2ot_edge.poses.stacking import stack_people
from h2ot_edge.poses.upright import up_from_tilt
from h2ot_edge.poses.viewing import camera_matrix
from h2ot_edge.skeleton import JOINTS
from h2ot_edge.spec import FloatArray

__all__ = [
    "AXES",
    "CAMERA_AXES",
    "WORLD_AXES",
    "Frame",
    "Poses",
    "Unit",
    "check_axes",
    "stack_people",
    "up_from_tilt",
]

Frame = Literal["root", "camera", "world"]
Unit = Literal["m", "normalised"]

_HINTS = {
    "to_camera": "it moves what is about the root, once",
    "to_world": "call to_camera first, or pass root_at_origin=True for poses about the root",
}
_PLACE = {name: number for number, name in enumerate(JOINTS)}


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Poses(AsArray):
    """3-D poses of a clip, or of n clips of one length, and what their numbers mean.

    To numpy it is the array `positions`: `np.asarray(poses)`, arithmetic, functions; arrays come
    out. Arithmetic of two `Poses` of different frames or units raises. Two `Poses` are equal only
    if they are one object. Its arrays are read-only views of those it was made of; changed copies
    come from `replace` and the converters.

    `poses["lknee"]` is a joint (..., t, 3); `poses[5]` a frame (17, 3), of several clips a clip;
    `poses[10:20]` is `Poses`; other indices give arrays.

    Attributes:
        positions: (t, 17, 3) or (n, t, 17, 3) float32; NaN where there is no pose.
        frame: `root`: about the hip, in the camera's orientation; `camera`: from the camera;
            `world`: z up, see `to_world`.
        unit: `m`, or `normalised`, where 1 is about half the image's width at the person.
        axes: directions of x, y and z; those of `AXES` for the frame if not given.
        fps: frames a second; None if unknown.
        timestamps: (t,) float64 seconds, rising; None if unknown.
        valid: (..., t, 17) bool; False where the joint's pose rests on no observation. All if
            not given.
        confidence: (..., t, 17) float32 of the 2-D keypoints; 1 if not given.
        filters: what was done to the poses of the network, in order, with parameters.
        joints: names in the order of the joint axis.
        people: who is in each of the n clips, or in the one; empty if not told.
        kept: (t,) or (n, t) bool, the frames whose token pruning kept to the end; None if nobody
            knows or it says nothing, see `Engine.infer`.

    Raises:
        InputError: arrays that do not fit each other, or values out of range.
        UnknownName: no such frame or unit.
    """

    positions: FloatArray
    frame: Frame = "root"
    unit: Unit = "m"
    axes: tuple[str, str, str] = None  # type: ignore[assignment]  # filled in by __post_init__
    fps: float | None = None
    timestamps: NDArray[np.float64] | None = None
    valid: NDArray[np.bool_] = None  # type: ignore[assignment]
    confidence: FloatArray = None  # type: ignore[assignment]
    filters: tuple[str, ...] = ()
    joints: tuple[str, ...] = JOINTS
    people: tuple[str, ...] = ()
    kept: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        look_up("frame", self.frame, dict.fromkeys(("root", "camera", "world")))
        look_up("unit", self.unit, dict.fromkeys(("m", "normalised")))
        axes = AXES[self.frame] if self.axes is None else self.axes
        checks.check_words(axes, self.joints)
        positions = checks.positions_of(self.positions)
        places = positions.shape[:-1]
        parts = {
            "positions": positions,
            "axes": axes,
            "valid": checks.flags_of(self.valid, places),
            "confidence": checks.confidence_of(self.confidence, places),
            "fps": checks.fps_of(self.fps),
            "timestamps": checks.timestamps_of(self.timestamps, places[-2]),
            "filters": tuple(self.filters),
            "people": checks.people_of(self.people, places[:-2]),
            "kept": checks.kept_of(self.kept, places[:-1]),
        }
        for name, value in parts.items():
            object.__setattr__(self, name, value)

    def replace(self, **changes: Any) -> "Poses":
        """A copy with other attributes; checked as a new one is."""
        return dataclasses.replace(self, **changes)

    def clips(self) -> "tuple[Poses, ...]":
        """The clips of (n, t, 17, 3), each (t, 17, 3); of one clip itself."""
        if self.ndim == 3:
            return (self,)
        return tuple(clip_of(self, number) for number in range(len(self)))

    def to_metric(
        self,
        height_m: float | Sequence[float] | None = None,
        *,
        bones: Mapping[str, float] | None = None,
        rescale: bool = False,
    ) -> "Poses":
        """Poses in metres, from how tall the person is; one scale for a whole clip.

        The person's size in `positions` is that of the median bone lengths over valid frames. The
        unit `normalised` grows with the person's image, so of somebody who comes much nearer the
        far frames come out small and the near ones large.

        Args:
            height_m: stature in metres, without shoes; one, or one a clip. That of the poses is
                1.074 times the bones from ankle to head, to 2 to 3 %; see `h2ot_edge.bones`.
            bones: or lengths in metres of bones that were measured, by their names in
                `h2ot_edge.bones.BONES`; the scale is that of the least squares over them.
            rescale: also for poses that are metres already, whose size is the network's guess;
                `camera` and `world` are scaled about their origin, which leaves them on the same
                rays if that is the camera.

        Raises:
            UsageError: both or neither of height and bones, or values that cannot be.
            UnknownName: no such bone.
            InputError: the poses are metres already, or the bones are valid in no frame.
        """
        if self.unit == "m" and not rescale:
            raise InputError(
                "to_metric: expected poses of unit 'normalised', got 'm'; they are metric already, "
                "pass rescale=True to give the person another size"
            )
        return moving.to_metric(self, height_m, bones)

    def to_camera(
        self,
        keypoints: ArrayLike,
        *,
        K: ArrayLike | None = None,  # what everybody calls it
        focal_px: float | None = None,
        image_size: Sequence[float] | None = None,
    ) -> "Poses":
        """Poses in metres from the camera: each frame is moved to where its keypoints see it.

        Nothing is turned or scaled: a wrong size of the person is a depth that is wrong by the same
        share, and so is a wrong focal length. Of a clip all frames are found together, so that the
        depth is steady, see `h2ot_edge.poses.root`; that looks ahead. Joints weigh what their
        confidence is; those that are not valid, NaN, or have confidence 0 do not count. Frames
        without any are bridged in a straight line. The lens is one without distortion.

        Args:
            keypoints: (t, 17, 2|3) or (n, t, 17, 2|3) pixels that the poses were lifted from; a
                third channel is a confidence, without it that of the poses is taken.
            K: (3, 3) from the camera's frame to pixels.
            focal_px: or the focal length in pixels; the principal point is then the image's centre.
            image_size: (width, height) in pixels, for `focal_px`.

        Raises:
            InputError: the poses are not about the root in metres, or have neither fps nor
                timestamps; the keypoints are of another shape, not pixels, or nowhere seen; the
                person comes out behind the camera.
            UsageError: both or neither of K and focal_px, a focal_px without image_size, or values
                that cannot be.
        """
        self._check("to_camera", "root")
        camera = camera_matrix(K, focal_px, image_size)
        return moving.to_camera(self, keypoints, camera)

    def to_world(
        self,
        up: str | ArrayLike = "-y",
        *,
        floor: bool = True,
        root_at_origin: bool = False,
    ) -> "Poses":
        """Poses in a frame with z up: x to the camera's right, y ahead of it.

        Its origin is on the floor below the camera. Of poses of frame `root` it is on the floor
        below the hip: nobody gets anywhere, as on a treadmill, and the hip keeps its height.

        Args:
            up: which way is up in the camera's frame: `-y` if the camera is level; or three
                numbers, such as an accelerometer at rest shows, or `up_from_tilt`.
            floor: put the floor, one for the whole clip, at z = 0. It is 7 cm, an ankle's height,
                below the 10th percentile over valid frames of the lower ankle's height; of who
                never comes down within a clip it is too high. Without it z = 0 is the height of
                the camera, or of the hip.
            root_at_origin: take poses of frame `root` too.

        Raises:
            InputError: the poses are not in metres, are in the world already, or about the root
                without `root_at_origin`; or no ankle is valid.
            UsageError: `up` is no direction, or the one in which the camera looks.
        """
        self._check("to_world", "root" if root_at_origin else "camera")
        return moving.to_world(self, up, floor)

    def filtered(self, function: Callable[..., FloatArray], **parameters: float) -> "Poses":
        """Poses after a filter, as in `poses.filtered(one_euro, min_cutoff_hz=1, beta=5)`.

        Args:
            function: takes (t, 17, 3), fps and the parameters, gives (t, 17, 3).
            parameters: of the function; they are noted in `filters`.

        Raises:
            InputError: the poses are not in metres, have no fps, or are not finite.
            UsageError: a parameter out of its range.
        """
        self._check("filtered", self.frame)
        if self.fps is None:
            raise InputError("filtered: expected poses with fps, got None; poses.replace(fps=...)")
        done = [function(np.asarray(clip), self.fps, **parameters) for clip in self.clips()]
        words = ", ".join(f"{name}={value:g}" for name, value in parameters.items())
        note = f"{function.__name__}({words})"
        positions = np.asarray(done, np.float32).reshape(self.shape)
        return self.replace(positions=positions, filters=(*self.filters, note))

    def distance_to(self, other: "Poses") -> float:
        """The mean distance of joints (MPJPE) that are valid in both, millimetres.

        Raises:
            InputError: other frames, units or shapes, not in metres, or no joint valid in both.
        """
        self._check("distance_to", self.frame)
        self.check_alike(other)
        if self.shape != other.shape:
            raise InputError(f"distance_to: expected poses {self.shape}, got {other.shape}")
        both = self.valid & other.valid
        if not both.any():
            raise InputError("distance_to: no joint is valid in both; there is nothing to compare")
        apart = np.subtract(self.positions[both], other.positions[both], dtype=np.float64)
        return float(1e3 * np.linalg.norm(apart, axis=-1).mean())

    def __repr__(self) -> str:
        rate = "fps unknown" if self.fps is None else f"{self.fps:g} fps"
        return f"<Poses {self.shape}, frame {self.frame!r}, unit {self.unit!r}, {rate}>"

    def __iter__(self) -> "Iterator[Any]":
        return (self[number] for number in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, str):
            return self.positions[..., look_up("joint", index, _PLACE), :]
        if isinstance(index, slice):
            return part_of(self, index)
        if (
            self.ndim == 4
            and isinstance(index, SupportsIndex)
            and not isinstance(index, np.ndarray)
        ):
            return clip_of(self, range(len(self))[index])
        return self.positions[index]

    def _check(self, doing: str, frame: Frame) -> None:
        """Raise unless the poses are in metres and in that frame."""
        if self.unit != "m":
            raise InputError(
                f"{doing}: expected poses in metres, got unit {self.unit!r}; call to_metric first"
            )
        if self.frame != frame:
            raise InputError(
                f"{doing}: expected poses of frame {frame!r}, got {self.frame!r}; {_HINTS[doing]}"
            )
