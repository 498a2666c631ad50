"""How far a model of lower precision is from its source, in millimetres and kept frames."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from h2ot_edge._bars import Progress
from h2ot_edge.benchmarks.millimetres import TORSO_MM, millimetres_per_unit
from h2ot_edge.benchmarks.motion.probe_windows import KINDS, probe_windows
from h2ot_edge.benchmarks.motion.walking_windows import walking_windows
from h2ot_edge.card import ModelCard
from h2ot_edge.engines.onnx_model import open_session
from h2ot_edge.engines.precision.calibration import OWN_SEED, batches
from h2ot_edge.spec import FloatArray

__all__ = ["Drift", "Outputs", "compare", "outputs_of", "verification_windows"]

WALKS = 25
NAMES = (*KINDS[:-1], *(f"walk {number}" for number in range(WALKS)))
"""The verification windows: all probe windows but pure noise, which no detector gives."""

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Drift:
    """Distances of joints from where the source has them; in float64.

    Attributes:
        unit: `mm`, or `mm at a torso of 500 mm` for models whose unit is not metres.
        windows: how many were compared.
        mean, p95, worst: distance of a joint.
        velocity: mean difference of a joint's steps from frame to frame; None for one frame.
        worst_window, worst_frame: where `worst` was.
        kept: frames that the source keeps, over all windows; 0 if the data do not decide.
        kept_differ: how many of them the other one does not keep.
    """

    unit: str
    windows: int
    mean: float
    p95: float
    worst: float
    velocity: float | None
    worst_window: str
    worst_frame: int
    kept: int
    kept_differ: int

    def to_dict(self) -> dict[str, Any]:
        """As the model card holds it."""
        return asdict(self)

    def exceeds(self, limit_mm: float) -> bool:
        """Whether the mean is not within the limit; NaN is not."""
        return not (self.windows > 0 and self.mean <= limit_mm)


@dataclass(frozen=True)
class Outputs:
    """What a graph gave.

    Attributes:
        poses: (n, f or 1, 17, 3).
        kept: (n, k) numbers of the frames kept; k is 0 where the data do not decide.
    """

    poses: Array
    kept: Array


def verification_windows(card: ModelCard) -> FloatArray:
    """The windows of `NAMES`, (n, f, 17, c); others than one calibrates on."""
    probes = probe_windows(card.frames, card.channels)[:-1]
    walks = walking_windows(WALKS, card.frames, card.channels, seed=OWN_SEED + 1)
    return np.concatenate([probes, walks])


def outputs_of(
    model: onnx.ModelProto,
    windows: FloatArray,
    progress: Progress = lambda done, total: None,
) -> Outputs:
    """Run a graph on the CPU.

    Args:
        model: of any precision.
        windows: (n, f, 17, c).
        progress: told the calls done.
    """
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    choices = list(_choices_of(model))
    watched.graph.output.extend(onnx.ValueInfoProto(name=name) for name in choices)
    session = open_session(watched)
    size = model.graph.input[0].type.tensor_type.shape.dim[0].dim_value or None
    poses, kept = [], []
    calls = list(batches(windows, size))
    for done, batch in enumerate(calls, 1):
        first, *chosen = session.run(["poses", *choices], {"keypoints": batch})
        poses.append(first)
        # With flip_tta the mirror images come behind the windows.
        kept.append(_frame_numbers(chosen, len(batch))[: len(batch)])
        progress(done, len(calls))
    count = len(windows)
    return Outputs(np.concatenate(poses)[:count], np.concatenate(kept)[:count])


def _choices_of(model: onnx.ModelProto) -> Iterator[str]:
    """Positions of kept frames, one tensor a pruning step, in order."""
    for node in model.graph.node:
        if node.op_type == "TopK" and "/selection." in node.name:
            yield node.output[1]


def _frame_numbers(steps: list[Array], windows: int) -> Array:
    """Positions among those still there, step by step, become numbers of frames, (b, k)."""
    if not steps:
        return np.empty((windows, 0), np.int64)
    numbers = steps[0]
    for positions in steps[1:]:
        numbers = np.take_along_axis(numbers, positions, axis=1)
    return numbers


def compare(actual: Outputs, expected: Outputs, card: ModelCard) -> Drift:
    """Statistics of the difference.

    Args:
        actual: of the lower precision.
        expected: of the source, on the same windows, those of `NAMES`.
        card: says the unit.
    """
    ours, theirs = (side.poses.astype(np.float64) for side in (actual, expected))
    in_metres = card.output.unit == "m"
    scale = millimetres_per_unit(theirs, card.output.unit)
    distance = scale * np.linalg.norm(ours - theirs, axis=-1)  # (n, f, 17)
    window, frame, _ = np.unravel_index(np.argmax(distance), distance.shape)
    steps = scale * np.linalg.norm(np.diff(ours - theirs, axis=1), axis=-1)
    lost = [np.setdiff1d(a, b) for a, b in zip(expected.kept, actual.kept, strict=True)]
    return Drift(
        unit="mm" if in_metres else f"mm at a torso of {TORSO_MM:g} mm",
        windows=len(distance),
        mean=float(distance.mean()),
        p95=float(np.percentile(distance, 95)),
        worst=float(distance.max()),
        velocity=float(steps.mean()) if steps.size else None,
        worst_window=NAMES[window],
        worst_frame=int(frame),
        kept=int(expected.kept.size),
        kept_differ=sum(map(len, lost)),
    )
