"""Does the graph do what the network does? Measured on every export, before it is written."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from h2ot_edge._names import require
from h2ot_edge.errors import ParityError
from h2ot_edge.export.backbones.motionagformer import NeighbourSelection
from h2ot_edge.export.network import Lifter
from h2ot_edge.export.probe_windows import KINDS, probe_windows
from h2ot_edge.export.tolerances import Tolerance

Arrays = list[NDArray[Any]]


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
    repeatable: bool

    def to_dict(self) -> dict[str, Any]:
        """As the model card holds it."""
        return asdict(self)

    def failures(self, allowed: Tolerance) -> list[str]:
        """What is not as `allowed`, in words; NaN is never as allowed."""
        found = []
        if not self.windows > 0:
            found.append("nothing was compared")
        for name in ("mean", "p99", "largest"):
            limit, value = getattr(allowed, name), getattr(self, name)
            if limit is not None and not value <= limit * self.rms:
                found.append(f"{name} difference {value:.3g}, allowed {limit * self.rms:.3g}")
        if self.kept_differ and not allowed.kept_may_differ:
            found.append(f"{self.kept_differ} kept frames differ, allowed 0")
        if not self.repeatable:
            found.append("two runs on the same input differ")
        return found


def compare(
    actual: NDArray[Any], expected: NDArray[Any], **counted: Any
) -> Parity:
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
    batch = model.graph.input[0].type.tensor_type.shape.dim[0].dim_value
    batches = _batches(windows, batch)
    expected, expected_neighbours = _run_torch(lifter, batches)
    actual, actual_neighbours, repeatable = _run_onnx(model, batches)
    kept_differ = 0
    if lifter.backbone.plan.schedule:
        kept_differ = count_kept_differ(actual[1][: len(windows)], expected[1][: len(windows)])
    parity = compare(
        actual[0][: len(windows)],
        expected[0][: len(windows)],
        kept_differ=kept_differ,
        neighbours_flipped=_count_flipped(actual_neighbours, expected_neighbours),
        repeatable=repeatable,
    )
    failures = parity.failures(allowed)
    if failures:
        raise ParityError(
            f"the graph is not the network: {'; '.join(failures)} (worst on the window "
            f"{parity.worst_window!r}, frame {parity.worst_frame}); nothing was written",
            parity.to_dict(),
        )
    return parity


def _batches(windows: NDArray[np.float32], batch: int) -> list[NDArray[np.float32]]:
    """Windows in calls of `batch`, the last one filled up; of 1, 3 and the rest if it is free."""
    if not batch:
        return np.split(windows, [1, 4])
    padding = -len(windows) % batch
    padded = np.concatenate([windows, np.repeat(windows[-1:], padding, axis=0)])
    return np.split(padded, len(padded) // batch)


def _run_torch(lifter: Lifter, batches: list[NDArray[np.float32]]) -> tuple[Arrays, Arrays]:
    """Outputs of the network and the neighbours it chose."""
    chosen: list[Tensor] = []

    def note(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        chosen.append(output)

    selections = [m for m in lifter.modules() if isinstance(m, NeighbourSelection)]
    hooks = [module.register_forward_hook(note) for module in selections]
    try:
        with torch.no_grad():
            results = [lifter(torch.from_numpy(batch)) for batch in batches]
    finally:
        for hook in hooks:
            hook.remove()
    outputs = [torch.cat(parts).numpy() for parts in zip(*results, strict=True)]
    return outputs, [tensor.numpy() for tensor in chosen]


def _run_onnx(
    model: onnx.ModelProto, batches: list[NDArray[np.float32]]
) -> tuple[Arrays, Arrays, bool]:
    """Outputs of the graph, the neighbours it chose, and whether a second run gave the same."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    # In the graph as in the network, a neighbour selection ends in the only such comparison.
    thresholds = [n.output[0] for n in model.graph.node if n.op_type == "GreaterOrEqual"]
    watched.graph.output.extend(onnx.ValueInfoProto(name=name) for name in thresholds)
    session = open_session(watched)
    results = [session.run(None, {"keypoints": batch}) for batch in batches]
    again = session.run(None, {"keypoints": batches[0]})
    repeatable = all(np.array_equal(a, b) for a, b in zip(again, results[0], strict=True))
    count = len(model.graph.output)
    outputs = [np.concatenate(p) for p in zip(*(r[:count] for r in results), strict=True)]
    return outputs, [mask for result in results for mask in result[count:]], repeatable


def open_session(model: onnx.ModelProto, threads: int = 0) -> Any:
    """An ONNX Runtime session on the CPU; 0 threads leaves their number to it."""
    onnxruntime = require("onnxruntime", "export")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    providers = ["CPUExecutionProvider"]
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=providers)


def count_kept_differ(actual: NDArray[Any], expected: NDArray[Any]) -> int:
    """Frames of (windows, k) `actual` that `expected` does not have in the same window."""
    pairs = zip(actual, expected, strict=True)
    return sum(len(np.setdiff1d(one, other)) for one, other in pairs)


def _count_flipped(actual: Arrays, expected: Arrays) -> int:
    return sum(int((one != other).sum()) for one, other in zip(actual, expected, strict=True))
