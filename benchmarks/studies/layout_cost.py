"""What the rules of layouts cost, and how often the checks are right.

    python -m h2ot_edge.benchmarks.studies.layout_cost TEST.npz [--model motionbert-s] [--views 1]

The joints of motion capture are put where a detector with another layout has them, converted back
with the layout's rules, and lifted. What a detector has and motion capture has not (nose, eyes,
crown, an upper neck) is put on the line between two joints. Then the checks are asked about the
same clips as they are, and with each mistake made on purpose.

Where the face is
    Eyes are 0.936 of the stature above the ground, shoulders 0.818 (Drillis R, Contini R (1966), as
    in Winter DA, Biomechanics and Motor Control of Human Movement, figure 4.1), so eyes are 0.118
    of it above the shoulders and the crown is 0.182. The nose's tip is put 5 cm, 0.029, below the
    eyes. In frames of people who stand (stature from thigh and shank, as in `h2ot_edge.bones`) the
    medians of the motion capture are: `neck` 0.041 (held-out people) to 0.046 (training) above
    the middle of the shoulders, `head` 0.124 to 0.130. So its `head` is no crown, but hardly above
    the eyes. The shares below follow.
"""

import argparse
import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from h2ot_edge.benchmarks.accuracy.evaluation import evaluate
from h2ot_edge.benchmarks.accuracy.protocols import CMU, ProtocolOptions
from h2ot_edge.benchmarks.accuracy.tables import table
from h2ot_edge.benchmarks.motion.labelled import LabelledClip
from h2ot_edge.engine import Engine
from h2ot_edge.errors import H2OTError
from h2ot_edge.layouts import LAYOUTS, check_orientation, h36m_from
from h2ot_edge.layouts.rules import LIMBS
from h2ot_edge.skeleton import JOINTS, MIRROR
from h2ot_edge.spec import FloatArray

__all__ = ["BREAKAGES", "as_layout", "main"]

EYES, NOSE, CROWN = 0.9, 0.55, 1.65
"""Where they are on the line from `neck` to `head`; what they are ahead of it is left out."""

UPPER_NECK = 0.5
"""Where MPII's upper neck is on the line from the thorax to the nose; an assumption."""

_TRUNK: dict[str, tuple[str, ...]] = {
    "hip": ("hip",),
    "pelvis": ("hip",),
    "mid_hip": ("lhip", "rhip"),
    "thorax": ("thorax",),
}
"""Joints of detectors as the middle of joints of motion capture."""

_FACE = {
    **{"left_eye": EYES, "right_eye": EYES, "nose": NOSE},
    **{"head": CROWN, "head_top": CROWN},
}

_NECKS = {"body25": ("lshoulder", "rshoulder"), "openpose18": ("lshoulder", "rshoulder")}
"""OpenPose's neck is the middle of the shoulders; Halpe's was annotated, and is the thorax here."""

WIDTH, HEIGHT = 1920.0, 1080.0


def as_layout(keypoints: FloatArray, name: str) -> FloatArray:
    """Keypoints (t, 17, 3) of Human3.6M as a detector with another layout would have them.

    Returns:
        (t, n, 3); joints that no rule needs are 0.
    """
    layout = LAYOUTS[name]
    if layout.joints == JOINTS:
        return keypoints
    out = np.zeros((len(keypoints), len(layout.joints), 3), np.float32)
    for place, joint in enumerate(layout.joints):
        if joint in layout.used:
            out[:, place] = _source(keypoints, joint, name)
    return out


def _source(keypoints: FloatArray, joint: str, layout: str) -> FloatArray:
    limbs: dict[str, tuple[str, ...]] = {theirs: (ours,) for ours, theirs in LIMBS.items()}
    names = limbs | _TRUNK
    if (share := _FACE.get(joint)) is not None:
        return _between(keypoints, "neck", "head", share)
    if joint == "upper_neck":
        return _between(keypoints, "thorax", "neck", UPPER_NECK)
    sources = names.get(joint, (joint,))
    if joint == "neck":
        sources = _NECKS.get(layout, ("thorax",))
    return _where_seen(keypoints[:, [JOINTS.index(name) for name in sources]], 1 / len(sources))


def _between(keypoints: FloatArray, one: str, two: str, share: float) -> FloatArray:
    both = keypoints[:, [JOINTS.index(one), JOINTS.index(two)]]
    return _where_seen(both, np.array([[1 - share], [share]], np.float32))


def _where_seen(sources: FloatArray, weights: FloatArray | float) -> FloatArray:
    """(t, 3) from (t, k, 3): 0 where one is missing, as a detector has it."""
    seen = (sources[..., 2:] > 0).all(axis=1)
    joint: FloatArray = np.where(seen, (sources * weights).sum(axis=1), 0).astype(np.float32)
    return joint


def _pixels(clip: LabelledClip) -> FloatArray:
    """As pixels of an image of 1920 x 1080."""
    scaled = clip.keypoints.copy()
    scaled[..., 0] = (scaled[..., 0] + 1) * WIDTH / 2
    scaled[..., 1] = (scaled[..., 1] + HEIGHT / WIDTH) * WIDTH / 2
    return scaled


def _shares(clip: LabelledClip) -> FloatArray:
    shares = _pixels(clip)
    shares[..., :2] /= (WIDTH, HEIGHT)
    return shares


def _upside_down(clip: LabelledClip) -> FloatArray:
    turned = clip.keypoints.copy()
    turned[..., 1] *= -1
    return turned


def _legs_first(clip: LabelledClip) -> FloatArray:
    """Left and right of the legs exchanged, of the arms not."""
    return clip.keypoints[:, [*MIRROR[:7], *range(7, 17)]]


def _halfway(clip: LabelledClip) -> FloatArray:
    """Left and right exchanged for a fifth of a second in the middle."""
    swapped, middle = clip.keypoints.copy(), len(clip.keypoints) // 2
    swapped[middle : middle + 10] = clip.keypoints[middle : middle + 10, list(MIRROR)]
    return swapped


Broken = Callable[[LabelledClip], FloatArray]

BREAKAGES: Mapping[str, tuple[str, Broken, bool]] = {
    "joint-order": (
        "COCO's 17 joints taken for these",
        lambda clip: as_layout(clip.keypoints, "coco17"),
        False,
    ),
    "yx-order": ("x and y exchanged", lambda clip: clip.keypoints[..., [1, 0, 2]], False),
    "upside-down": ("y upwards", _upside_down, False),
    "sides-jump": ("left and right exchanged for 10 frames", _halfway, False),
    "sides-disagree": ("the legs' left and right exchanged", _legs_first, False),
    "zero-to-one": ("0 to 1 given as -1 to 1", _shares, False),
    "pixels": ("pixels without the image's size", _pixels, False),
    "normalised": ("normalised, with the image's size", lambda clip: clip.keypoints, True),
}
"""By the finding that is wanted: what is done, how, and whether the image's size is given."""

_INSIDE = ("zero-to-one", "normalised")
"""Tried on people who stay in the picture; who leaves it has no coordinates of it any more."""


def _stays(clip: LabelledClip) -> bool:
    seen = clip.keypoints[clip.keypoints[..., 2] > 0]
    return bool((np.abs(seen[:, :2]) <= (1, HEIGHT / WIDTH)).all())


def _cost(engine: Engine, clips: Sequence[LabelledClip]) -> str:
    """Layouts, then single rules of coco17 and mpii16, against the exact joints."""
    figures: dict[bytes, tuple[float, float]] = {}
    rows = []
    for title, change in _changes().items():
        changed = [dataclasses.replace(clip, keypoints=change(clip.keypoints)) for clip in clips]
        # Layouts that differ in joints that no rule needs give the same keypoints.
        key = changed[0].keypoints.tobytes()
        if key not in figures:
            found = evaluate(engine, changed, metrics=("mpjpe", "p_mpjpe")).overall.metrics
            figures[key] = (found["mpjpe"], found["p_mpjpe"])
        (mm, aligned), exact = figures[key], next(iter(figures.values()))
        ours = (f"{mm:.1f}", f"{mm - exact[0]:+.1f}")
        rows.append([title, *ours, f"{aligned:.1f}", f"{aligned - exact[1]:+.1f}"])
    return table(["layout or rule", "MPJPE, mm", "cost", "P-MPJPE, mm", "cost"], rows, words=1)


def _changes() -> dict[str, Callable[[FloatArray], FloatArray]]:
    """By title; the exact joints come first."""
    changes: dict[str, Callable[[FloatArray], FloatArray]] = {
        name: (lambda points, name=name: h36m_from(as_layout(points, name), name))  # type: ignore[misc]
        for name in LAYOUTS
    }
    for joint, layout in _SINGLE:
        rule = " + ".join(LAYOUTS[layout].sources[joint])
        changes[f"only {joint} = {rule}"] = partial(_one_rule, joint=joint, layout=layout)
    return changes


_SINGLE = (
    *((joint, "coco17") for joint in ("hip", "thorax", "spine", "head", "neck")),
    *((joint, "halpe26") for joint in ("spine", "head")),
    ("neck", "mpii16"),
)
"""Rules that are tried alone, all other joints being exact."""


def _one_rule(keypoints: FloatArray, *, joint: str, layout: str) -> FloatArray:
    changed, at = keypoints.copy(), JOINTS.index(joint)
    changed[:, at] = h36m_from(as_layout(keypoints, layout), layout)[:, at]
    return changed


def _rates(clips: Sequence[LabelledClip]) -> str:
    alarms = [_names(clip.keypoints, False) | _names(_pixels(clip), True) for clip in clips]
    rows = []
    for name, (title, broken, sized) in BREAKAGES.items():
        tried = [clip for clip in clips if name not in _INSIDE or _stays(clip)]
        hits = sum(name in _names(broken(clip), sized) for clip in tried)
        false = sum(name in found for found in alarms)
        rows.append(
            [name, title, str(len(tried)), f"{hits / len(tried):.0%}", f"{false / len(clips):.1%}"]
        )
    rows.append(["outside-image", "", "", "", f"{_share(alarms, 'outside-image'):.1%}"])
    return table(["finding", "mistake", "clips", "found", "false alarms"], rows, words=2)


def _share(alarms: Sequence[set[str]], name: str) -> float:
    return sum(name in found for found in alarms) / len(alarms)


def _names(keypoints: FloatArray, sized: bool) -> set[str]:
    size = (WIDTH, HEIGHT) if sized else None
    return {finding.name for finding in check_orientation(keypoints, size)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, add_help=True)
    parser.add_argument("data", type=Path, metavar="TEST.npz", help="motions of held-out people")
    parser.add_argument("--model", default="motionbert-s", help="default: %(default)s")
    parser.add_argument("--views", type=int, default=1, help="cameras; default: %(default)s")
    args = parser.parse_args(arguments)
    try:
        for noise in ("clean", "noisy"):
            clips = CMU.read([args.data], ProtocolOptions(noise=noise, views=args.views))
            with Engine.load(args.model) as engine:
                print(f"## {noise}, {len(clips)} clips\n\n{_cost(engine, clips)}\n", flush=True)  # noqa: T201
            print(_rates(clips), flush=True)  # noqa: T201
    except H2OTError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
