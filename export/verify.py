"""Does the graph do what the network does? Measured on every export, before it is written.

Networks that choose (frames to keep, MotionAGFormer's neighbours) can be compared in two ways:
each side choosing for itself, or PyTorch taking the choices of the graph. The second separates
wrong arithmetic from a last-bit difference at a threshold.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from h2ot_edge.benchmarks.flops.counting import batch_of
from h2ot_edge.benchmarks.motion.probe_windows import KINDS, probe_windows
from h2ot_edge.engines.onnx_model import open_session
from h2ot_edge.errors import ParityError
from h2ot_edge.export.backbones.motionagformer import NeighbourSelection
from h2ot_edge.export.network import Lifter
from h2ot_edge.export.tokens.selection import Selection
from h2ot_edge.export.tolerances import GIVEN_CHOICES, WELL_CONDITIONED, Tolerance

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Parity:
    """What was measured, PyTorch against ONNX Runtime; differences in float64.

    Attributes:
        windows: how many were compared.
        rms: of PyTorch's output, in its units.
        mean, p99, largest: of the absolute element-wise difference, in units of the output.
        mean_mm, largest_mm: of the distance of a joint to its twin, one unit taken as a metre.
        worst_window, worst_frame: where the largest distance was.
        kept_differ: frames that one of the two kept and the other did not, over all windows.
        neighbours_flipped: temporal neighbours chosen differently (MotionAGFormer).
        given_choices_largest: largest absolute difference when PyTorch takes the graph's choices;
            None where the choices were the same anyway.
        repeatable: whether a second run gave the same bits.
    """

    windows: int
    rms: float
    mean: float
    p99: float
    largest: float
    mean_mm: float
    largest_mm: float
    worst_window: str
    worst_frame: int
    kept_differ: int
    neighbours_flipped: int
    given_choices_largest: float | None
    repeatable: bool

    def to_dict(self) -> dict[str, Any]:
        """As the model card holds it."""
        return asdict(self)

    def failures(self, allowed: Tolerance) -> list[str]:
        """What is not as `allowed`, in words; NaN is never as allowed."""
        found = []
        if not self.windows > 0:
            found.append("nothing was compared")
        limits = {"mean": allowed.mean, "p99": allowed.p99, "largest": allowed.largest}
        for name, limit in limits.items():
            found += self._over(name, getattr(self, name), limit)
        if self.given_choices_largest is not None:
            largest = self.given_choices_largest
            found += self._over("given the same choices, largest", largest, GIVEN_CHOICES.largest)
        if self.kept_differ and not allowed.kept_may_differ:
            found.append(f"{self.kept_differ} kept frames differ, allowed 0")
        if not self.repeatable:
            found.append("two runs on the same input differ")
        return found

    def _over(self, name: str, value: float, share: float | None) -> list[str]:
        """A complaint unless `value` is within `share` of the rms; NaN is not."""
        if share is None or value <= share * self.rms:
            return []
        return [f"{name} difference {value:.3g}, allowed {share * self.rms:.3g}"]


def compare(actual: Array, expected: Array, **counted: Any) -> Parity:
    """Statistics of two arrays of poses (windows, f, 17, 3); see `Parity`."""
    gap = actual.astype(np.float64) - expected.astype(np.float64)
    distance = np.linalg.norm(gap, axis=-1).max(axis=-1)  # (windows, f), worst joint
    window, frame = np.unravel_index(np.argmax(distance), distance.shape)
    size = np.abs(gap)
    return Parity(
        windows=len(gap),
        rms=float(np.sqrt(np.mean(expected.astype(np.float64) ** 2))),
        mean=float(size.mean()),
        p99=float(np.percentile(size, 99)),
        largest=float(size.max()),
        mean_mm=float(np.linalg.norm(gap, axis=-1).mean() * 1e3),
        largest_mm=float(distance.max() * 1e3),
        worst_window=KINDS[window],
        worst_frame=int(frame),
        **counted,
    )


def verify(model: onnx.ModelProto, lifter: Lifter, allowed: Tolerance) -> Parity:
    """Compare a graph with the network it was made of, on every probe window.

    Args:
        model: with all outputs of `lifter`.
        lifter: the published form, not folded.
        allowed: how far they may be apart.

    Raises:
        ParityError: with the report, if they differ by more.
    """
    windows = probe_windows(lifter.backbone.plan.frames, lifter.backbone.channels_in)
    batches = _batches(windows, batch_of(model))
    graph, repeatable = _run_onnx(model, batches)
    network = _run_torch(lifter, batches)
    flipped = network.neighbours_unlike(graph)
    kept_differ = network.kept_unlike(graph, len(windows))
    forced = _run_torch(lifter, batches, graph.choices) if flipped or kept_differ else None
    parity = compare(
        graph.poses[: len(windows)],
        network.poses[: len(windows)],
        kept_differ=kept_differ,
        neighbours_flipped=flipped,
        given_choices_largest=_largest(forced.poses, graph.poses) if forced else None,
        repeatable=repeatable,
    )
    # With the same choices on both sides there is nothing that could excuse a difference.
    failures = parity.failures(allowed if forced else WELL_CONDITIONED)
    if failures:
        raise ParityError(
            f"the graph is not the network: {'; '.join(failures)} (worst on the window "
            f"{parity.worst_window!r}, frame {parity.worst_frame}); nothing was written",
            parity.to_dict(),
        )
    return parity


@dataclass(frozen=True)
class Run:
    """What one side gave for all batches.

    Attributes:
        poses: (windows, f or 1, 17, 3).
        kept: (windows, k), None if nothing is pruned.
        choices: every choice in the order in which it was made, batch by batch: positions
            (b, k) int64 of frames to keep, or masks (n, f, f) bool of neighbours.
    """

    poses: Array
    kept: Array | None
    choices: list[Array]

    def neighbours_unlike(self, other: "Run") -> int:
        """Temporal neighbours that the other side chose differently."""
        pairs = zip(self.choices, other.choices, strict=True)
        return sum(int((one != two).sum()) for one, two in pairs if one.dtype == bool)

    def kept_unlike(self, other: "Run", windows: int) -> int:
        """Frames that the other side kept and this one did not, in the first `windows` windows."""
        if self.kept is None or other.kept is None:
            return 0
        pairs = zip(other.kept[:windows], self.kept[:windows], strict=True)
        return sum(len(np.setdiff1d(theirs, ours)) for theirs, ours in pairs)


def _largest(one: Array, other: Array) -> float:
    return float(np.abs(one.astype(np.float64) - other.astype(np.float64)).max())


def _batches(windows: Array, batch: int | None) -> list[Array]:
    """Windows in calls of `batch`, the last one filled up; of 1, 3 and the rest if it is free."""
    if batch is None:
        return np.split(windows, [1, 4])
    padding = -len(windows) % batch
    padded = np.concatenate([windows, np.repeat(windows[-1:], padding, axis=0)])
    return np.split(padded, len(padded) // batch)


def _run_torch(lifter: Lifter, batches: list[Array], choices: list[Array] | None = None) -> Run:
    """Run the network, with choices of its own or with given ones."""
    given = iter(choices or [])
    made: list[Array] = []

    def note(_module: nn.Module, _inputs: object, chosen: Tensor) -> Tensor:
        if choices is not None:
            chosen = torch.from_numpy(next(given))
        made.append(chosen.numpy())
        return chosen

    hooks = [module.register_forward_hook(note) for module in _choosers(lifter)]
    try:
        with torch.no_grad():
            results = [lifter(torch.from_numpy(batch)) for batch in batches]
    finally:
        for hook in hooks:
            hook.remove()
    poses, *kept = (torch.cat(parts).numpy() for parts in zip(*results, strict=True))
    return Run(poses, kept[0] if kept else None, made)


def _choosers(lifter: Lifter) -> Iterator[nn.Module]:
    """The modules that choose."""
    for module in lifter.modules():
        if isinstance(module, NeighbourSelection | Selection):
            yield module


def _run_onnx(model: onnx.ModelProto, batches: list[Array]) -> tuple[Run, bool]:
    """Run the graph; and whether a second run of the first batch gave the same bits."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    watched.graph.output.extend(onnx.ValueInfoProto(name=name) for name in _choices_of(model))
    session = open_session(watched)
    results = [session.run(None, {"keypoints": batch}) for batch in batches]
    again = session.run(None, {"keypoints": batches[0]})
    repeatable = all(np.array_equal(a, b) for a, b in zip(again, results[0], strict=True))
    outputs = len(model.graph.output)
    poses, *kept = (np.concatenate(p) for p in zip(*(r[:outputs] for r in results), strict=True))
    choices = [choice for result in results for choice in result[outputs:]]
    return Run(poses, kept[0] if kept else None, choices), repeatable


def _choices_of(model: onnx.ModelProto) -> Iterator[str]:
    """Tensors of the graph that hold its choices, in the order in which they are made."""
    for node in model.graph.node:
        if node.op_type == "GreaterOrEqual":
            yield node.output[0]
        elif node.op_type == "TopK" and "/selection" in node.name:
            yield node.output[1]
