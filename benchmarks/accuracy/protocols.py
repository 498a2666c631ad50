"""What accuracy is measured on: protocols, and the one that needs nothing but free data.

A protocol is one `Protocol` in a file of its own and one line in `PROTOCOLS`
(`h2ot_edge/benchmarks/accuracy/__init__.py`), which imports them all; a protocol's file imports
`Protocol` and `ProtocolOptions` from here.
"""

import dataclasses
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from h2ot_edge._names import look_up, unknown
from h2ot_edge.benchmarks.accuracy.metrics import METRICS, Root
from h2ot_edge.benchmarks.motion.cameras import CameraRange, film
from h2ot_edge.benchmarks.motion.detector import CLEAN, NOISY, Detector
from h2ot_edge.benchmarks.motion.labelled import LabelledClip
from h2ot_edge.benchmarks.motion.motions import (
    Motion,
    MotionSet,
    bone_lengths,
    joined,
    resampled,
    stature,
)
from h2ot_edge.benchmarks.motion.reading import read_motions
from h2ot_edge.errors import InputError, UsageError

__all__ = ["CMU", "DETECTORS", "Protocol", "ProtocolOptions", "action_group", "cmu_clips"]

DETECTORS = {"noisy": NOISY, "clean": CLEAN}
"""Simulated detectors by the name that `ProtocolOptions.noise` gives them."""


@dataclass(frozen=True, kw_only=True)
class ProtocolOptions:
    """What can be chosen about a protocol; None where nothing was chosen.

    Attributes:
        subjects: whose clips count; () for everybody's.
        noise: name of the simulated detector, a key of `DETECTORS`.
        views: virtual cameras that film each motion.
        seed: of all chance.
    """

    subjects: tuple[str, ...] | None = None
    noise: str | None = None
    views: int | None = None
    seed: int | None = None


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """What is measured, and on what.

    Attributes:
        name: key in `PROTOCOLS`.
        title: what results are called in tables and pictures.
        title_if_seen: what they are called instead if a model was trained on one of the subjects,
            where cards tell that (`seen_subjects`); empty if no model of this project trains on
            the protocol's people.
        source: where it is defined, or how it came about.
        clips: reads files and gives clips with the truth. Its options are those of `resolved`:
            a field is None only where `defaults` has None too. A clip's name is unique and does
            not depend on the options; a clip's content does not depend on `subjects`.
        defaults: options that were not chosen; None where the protocol has no such choice.
        metrics: names in `METRICS`, the first of which goes into pictures.
        actions_first: whether frames are averaged within each action and then actions with equal
            weights, as Human3.6M does; else all frames count the same.
        flip: whether a model's poses are averaged with those of the mirrored keypoints, unless
            said otherwise.
        root: what is done with the models' own root before poses are compared.
        joints: by metric, the joints that count for its mean; all where there is none.
    """

    name: str
    title: str
    source: str
    clips: Callable[[Sequence[Path], ProtocolOptions], Iterable[LabelledClip]]
    defaults: ProtocolOptions = ProtocolOptions(subjects=())
    title_if_seen: str = ""
    metrics: tuple[str, ...] = tuple(METRICS)
    actions_first: bool = False
    flip: bool = False
    root: Root = "subtracted"
    joints: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def resolved(self, options: ProtocolOptions) -> ProtocolOptions:
        """The options with the defaults filled in.

        Raises:
            UsageError: for an option that the protocol does not have, or no such noise or number.
        """
        chosen = {key: value for key, value in vars(options).items() if value is not None}
        for name in chosen:
            if getattr(self.defaults, name) is None:
                raise UsageError(
                    f"{name}: protocol {self.name} has no such choice; leave out --{name}"
                )
        result = dataclasses.replace(self.defaults, **chosen)
        if result.noise is not None:
            look_up("noise", result.noise, DETECTORS)
        if result.views is not None and result.views < 1:
            raise UsageError(f"views: expected at least 1, got {result.views}")
        return result

    def read(self, paths: Sequence[Path], options: ProtocolOptions) -> tuple[LabelledClip, ...]:
        """The clips of these files.

        Raises:
            UsageError: as `resolved`.
            InputError: the files are not what the protocol reads, or there are no clips.
        """
        clips = tuple(self.clips(paths, self.resolved(options)))
        if not clips:
            raise InputError(
                f"{', '.join(map(str, paths))}: no clips for protocol {self.name}, so there is "
                "nothing to compare; give its data"
            )
        return clips


_NOT_EXACT = "cmu-undaz"
"""Motions from this source were recovered from a retargeted release and are 10 to 30 mm off."""

_FPS = 50.0

_GROUPS = {
    "exercise": ("jumping jacks",),
    "dance, balance": ("dance", "balance", "salsa"),
    "acrobatics, climbing": ("acrobatics", "backflip", "flip", "cartwheel", "climb", "hand spring"),
    "jump": ("jump", "leap", "hop"),
    "walk, run": ("walk", "run", "jog", "navigate", "stride"),
    "everyday": ("sit", "drink", "laugh", "wash", "bottlecap", "wave"),
    "sport": ("basketball", "boxing", "soccer", "kick"),
}
"""Words with which one of a description's words begins; the first group that has one wins."""


def action_group(action: str) -> str:
    """The group of a description in words, as the CMU database gives them."""
    for group, words in _GROUPS.items():
        if any(re.search(rf"\b{word}", action.lower()) for word in words):
            return group
    return "other"


def cmu_clips(
    motions: MotionSet,
    *,
    views: int = 2,
    detector: Detector = NOISY,
    cameras: CameraRange | None = None,
    fps: float = _FPS,
    seed: int = 0,
) -> Iterator[LabelledClip]:
    """Every motion as several cameras and a detector see it, whole, one clip for each camera.

    A clip depends on its motion, its camera's number, the seed and the other arguments alone, so
    part of the motions gives part of the clips. Cameras stand still and look near the motion's
    middle; who walks far leaves the picture, and the keypoints follow them out of it. Motions of
    source 'cmu-undaz' are left out: they are not exact.

    Args:
        motions: metres, world frame with z up.
        views: cameras for each motion.
        detector: what becomes of the true points.
        cameras: what cameras are drawn from; None for the default.
        fps: frames a second that the motions must have.
        seed: of all chance.

    Yields:
        Clips with keypoints (t, 17, 3), normalised by the image width; `action` is one of a
        handful of groups.

    Raises:
        InputError: a motion has another frame rate.
    """
    for motion in motions.motions:
        if motion.source == _NOT_EXACT:
            continue
        if motion.fps != fps:
            raise InputError(
                f"motion {motion.name}: expected {fps:g} frames a second, got {motion.fps:g}; "
                "resample it"
            )
        for view in range(views):
            # Not hash(), which is another one in every process.
            rng = np.random.default_rng([seed, zlib.crc32(motion.name.encode()), view])
            yield _filmed(motion, view, rng, detector, cameras or CameraRange())


def _filmed(
    motion: Motion, view: int, rng: np.random.Generator, detector: Detector, cameras: CameraRange
) -> LabelledClip:
    poses = motion.poses[None]
    filmed = film(poses, rng, cameras)
    bones = bone_lengths(poses[:, len(motion) // 2, None])
    height = stature(bones) * filmed.focal / filmed.roots[..., 2].mean(axis=1)
    return LabelledClip(
        name=f"{motion.name}/{view}",
        subject=motion.subject,
        action=action_group(motion.action),
        keypoints=detector.detect(filmed.points, height, rng, fps=motion.fps)[0],
        truth=filmed.poses[0],
        fps=motion.fps,
    )


def _clips(paths: Sequence[Path], options: ProtocolOptions) -> Iterator[LabelledClip]:
    """Motions of any frame rate, at 50 frames a second: velocities then mean the same in all."""
    motions = joined(read_motions(path) for path in paths)
    for subject in options.subjects or ():
        if subject not in motions.subjects:
            raise unknown("subject", subject, motions.subjects)
    if options.subjects:
        chosen = options.subjects
        motions = motions.where(lambda motion: motion.subject in chosen)
    assert options.noise is not None
    assert options.views is not None
    assert options.seed is not None
    detector = DETECTORS[options.noise]
    motions = dataclasses.replace(motions, motions=tuple(map(_at_50, motions.motions)))
    return cmu_clips(motions, views=options.views, detector=detector, seed=options.seed)


def _at_50(motion: Motion) -> Motion:
    return motion if motion.fps == _FPS else resampled(motion, _FPS)


CMU = Protocol(
    name="cmu",
    title="CMU held-out subjects",
    title_if_seen="CMU subjects, seen in training",
    source="motion capture from mocap.cs.cmu.edu (created with funding from NSF EIA-0196217), "
    "filmed by virtual cameras; the project's own, not comparable with published figures",
    clips=_clips,
    defaults=ProtocolOptions(subjects=(), noise="noisy", views=2, seed=0),
)
