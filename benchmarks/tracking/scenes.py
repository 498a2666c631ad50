"""Scenes of several people whose identities are known, for `h2ot_edge.benchmarks.tracking`.

People of motion capture walk, run and dance on one ground before one camera; who stands behind
somebody else loses joints or is not found; a simulated detector adds noise, misses people for a few
frames, finds some twice and sees people where there are none.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.benchmarks.motion.detector import Detector
from h2ot_edge.benchmarks.motion.motions import Motion
from h2ot_edge.camera import Camera
from h2ot_edge.skeleton import PARENTS
from h2ot_edge.spec import FloatArray

__all__ = ["NO_PERSON", "Seen", "Setting", "film_scene"]

Array = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

NO_PERSON = -1
"""Who a detection is of, if of nobody, or a second one of somebody."""

NOISE = Detector(
    slow=0.004,
    fast=0.003,
    bias=0.0025,
    spread=0.3,
    lost=0.02,
    astray=0.01,
    swapped=0.005,
    gaps=0.03,
    run_s=0.15,
)
"""The project's stated noise, but people are missed for 3 % of the time and sides change more."""

_LEG, _ARM, _TRUNK = (0.12, 0.09, 0.07), (0.13, 0.06, 0.05), (0.16, 0.16, 0.1, 0.1)
_THICKNESS = np.array([0.13, *_LEG, *_LEG, *_TRUNK, *_ARM, *_ARM])
"""Metres to each side of the line from a joint to its parent; what is behind is not seen."""

_HIDDEN = 0.65
"""Of the joints; somebody of whom more is hidden is not found."""

_MERGED = 0.7
"""Overlap of two boxes from which detectors take them for one person; the nearer stays."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a scene is like.

    Attributes:
        people: how many there are, not all at the same time.
        fps: frames a second.
        seconds: how long it is.
        area_m: width and depth of the ground on which the middles of their paths are.
        twice: share of detections that come twice.
        ghosts: of people who are not there, a second; each stays for 0.2 s on average.
    """

    people: int = 5
    fps: float = 25.0
    seconds: float = 12.0
    area_m: tuple[float, float] = (5.0, 4.0)
    twice: float = 0.02
    ghosts: float = 0.5


@dataclass(frozen=True, eq=False)
class Seen:
    """A frame: seconds, keypoints (n, 17, 3) pixels, scores (n,), and who each is (n,)."""

    time: float
    keypoints: FloatArray
    scores: Array
    who: NDArray[np.intp]


def film_scene(motions: Sequence[Motion], setting: Setting, seed: int) -> list[Seen]:
    """Film people who do some of the motions."""
    rng = np.random.default_rng(seed)
    camera = Camera(position=(0.0, -8.0, float(rng.uniform(1.2, 3.0))))
    times = np.arange(round(setting.seconds * setting.fps)) / setting.fps
    world = np.stack([_path(motions, setting, times, rng) for _ in range(setting.people)])
    with np.errstate(invalid="ignore"):
        seen = camera.to_camera(world)  # (p, t, 17, 3), NaN where somebody is not there
    there = np.isfinite(seen).all(axis=(2, 3)) & (seen[..., 2].min(axis=2) > 0.8)
    seen[~there] = (0.0, 0.0, 1.0)
    pixels = camera.project(seen)
    hidden = _hidden(pixels, seen[..., 2], there, camera.focal_px)
    found = _detected(pixels, camera, seen, rng, setting.fps)
    found[hidden & (rng.random(hidden.shape) < 0.6)] = 0
    found[..., 2] *= np.where(hidden, 0.5, 1.0)
    gone = ~there | (hidden.mean(axis=2) > _HIDDEN) | _merged(pixels, seen[..., 2], there)
    gone |= (found[..., 2] > 0).sum(axis=2) < 5
    gone |= _outside(pixels, camera)
    ghosts = _ghosts(found[~gone], setting, len(times), rng)
    return [_frame(at, time, found, gone, ghosts, setting, rng) for at, time in enumerate(times)]


def _path(
    motions: Sequence[Motion], setting: Setting, times: Array, rng: np.random.Generator
) -> Array:
    """(t, 17, 3) metres in the world; NaN before somebody comes and after they leave."""
    motion = motions[int(rng.integers(len(motions)))]
    poses = motion.poses.astype(np.float64)
    length = (len(poses) - 1) / motion.fps
    start = rng.uniform(-length / 2, max(setting.seconds - length / 2, 0.1))
    turn, (width, depth) = rng.uniform(0, 2 * np.pi), setting.area_m
    cos, sin = np.cos(turn), np.sin(turn)
    ground = (poses[:, 0, :2].min(axis=0) + poses[:, 0, :2].max(axis=0)) / 2
    poses = poses - [*ground, poses[:, (3, 6), 2].min()]
    poses = poses @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    poses += [rng.uniform(-width / 2, width / 2), rng.uniform(-depth / 2, depth / 2), 0]
    place = (times - start) * motion.fps
    inside = (place >= 0) & (place <= len(poses) - 1)
    low = np.clip(place.astype(int), 0, len(poses) - 2)
    share = (place - low)[:, None, None]
    path: Array = poses[low] * (1 - share) + poses[low + 1] * share
    path[~inside] = np.nan
    return path


def _hidden(pixels: Array, depth: Array, there: BoolArray, focal: float) -> BoolArray:
    """(p, t, 17) joints behind a limb of somebody nearer."""
    hidden = np.zeros(pixels.shape[:3], np.bool_)
    for near in range(len(pixels)):
        thick = _THICKNESS * focal / np.maximum(depth[near], 0.1)
        for far in range(len(pixels)):
            behind = there[near] & there[far] & (depth[far, :, 0] > depth[near, :, 0] + 0.1)
            if near != far and behind.any():
                covered = _covered(pixels[far, behind], pixels[near, behind], thick[behind])
                hidden[far, behind] |= covered
    return hidden


def _covered(points: Array, body: Array, thick: Array) -> BoolArray:
    """(t, 17) which points are within the thickness of a body's lines."""
    start, end = body[:, list(PARENTS[1:])], body[:, 1:]
    along = end - start  # (t, 16, 2)
    from_start = points[:, :, None] - start[:, None]  # (t, 17, 16, 2)
    length = np.maximum((along**2).sum(axis=-1), 1e-6)[:, None]
    share = np.clip((from_start * along[:, None]).sum(axis=-1) / length, 0, 1)
    apart = np.linalg.norm(from_start - share[..., None] * along[:, None], axis=-1)
    return np.asarray((apart < thick[:, None, 1:]).any(axis=-1))


def _merged(pixels: Array, depth: Array, there: BoolArray) -> BoolArray:
    """(p, t) who is taken for part of somebody nearer, because their boxes are nearly one."""
    low, high = pixels.min(axis=2), pixels.max(axis=2)
    merged = np.zeros(there.shape, np.bool_)
    for near in range(len(pixels)):
        both = np.minimum(high, high[near]) - np.maximum(low, low[near])
        common = np.clip(both, 0, None).prod(axis=-1)
        total = (high - low).prod(axis=-1) + (high - low)[near].prod(axis=-1) - common
        behind = there & there[near] & (depth[:, :, 0] > depth[near, :, 0])
        merged |= behind & (common > _MERGED * np.maximum(total, 1e-6))
    return merged


def _outside(pixels: Array, camera: Camera) -> BoolArray:
    """(p, t) whose joints are mostly outside the picture."""
    inside = ((pixels >= 0) & (pixels < camera.size)).all(axis=-1)
    return np.asarray(inside.mean(axis=2) < 0.5)


def _detected(
    pixels: Array, camera: Camera, seen: Array, rng: np.random.Generator, fps: float
) -> FloatArray:
    away = [float(np.median(depth[depth != 1.0])) for depth in seen[..., 0, 2]]
    stature = 1.7 * camera.focal_px / np.array(away)
    points, height = pixels.astype(np.float32), stature.astype(np.float32)
    return NOISE.detect(points, height, rng, fps=fps)


def _ghosts(
    found: FloatArray, setting: Setting, frames: int, rng: np.random.Generator
) -> list[list[FloatArray]]:
    """By frame: people who are not there, who look like somebody but small or large, elsewhere."""
    ghosts: list[list[FloatArray]] = [[] for _ in range(frames)]
    for first in np.flatnonzero(rng.random(frames) < setting.ghosts / setting.fps):
        if not len(found):
            break
        ghost = found[rng.integers(len(found))].copy()
        ghost[:, :2] = (ghost[:, :2] - ghost[:1, :2]) * rng.uniform(0.5, 1.3)
        ghost[:, :2] += rng.uniform((100, 200), (1180, 600))
        ghost[:, 2] *= rng.uniform(0.4, 0.8)
        last = first + 1 + rng.poisson(max(0.2 * setting.fps - 1, 0))
        for at in range(int(first), min(int(last), frames)):
            jitter = rng.normal(0, 3, (17, 2)).astype(np.float32)
            ghosts[at].append(ghost + np.pad(jitter, ((0, 0), (0, 1))))
    return ghosts


def _frame(
    at: int,
    time: float,
    found: FloatArray,
    gone: BoolArray,
    ghosts: Sequence[Sequence[FloatArray]],
    setting: Setting,
    rng: np.random.Generator,
) -> Seen:
    who = np.flatnonzero(~gone[:, at])
    people = [found[number, at] for number in who]
    scores = [_score(person, rng) for person in people]
    doubled = [p for p in people if rng.random() < setting.twice]
    more = [p + rng.normal(0, 1, (17, 3)) * (6, 6, 0) * (p[:, 2:] > 0) for p in doubled]
    others = [*more, *ghosts[at]]
    scores += [_score(person, rng) * rng.uniform(0.4, 0.8) for person in others]
    order = rng.permutation(len(people) + len(others))
    keypoints = np.array([*people, *others], np.float32).reshape(-1, 17, 3)
    whose = np.array([*who, *[NO_PERSON] * len(others)], np.intp)
    return Seen(time, keypoints[order], np.array(scores, np.float64)[order], whose[order])


def _score(person: FloatArray, rng: np.random.Generator) -> float:
    """Of a detector of boxes: less sure of those who are half hidden."""
    seen = float((person[:, 2] > 0).mean())
    return float(np.clip(0.95 * (0.25 + 0.75 * seen) - abs(rng.normal(0, 0.05)), 0.05, 1))
