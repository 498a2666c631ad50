"""Engines of TensorRT-RTX, built without a GPU.

TensorRT-RTX is the desktop sibling of TensorRT: the same parser and compiler behind an ordinary
wheel. Its engines run on GeForce and RTX GPUs, not on Jetson; that it takes a graph is a good sign
that TensorRT does.
"""

import functools
import logging
import threading
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from h2ot_edge._names import look_up, require
from h2ot_edge.errors import BuildError, UsageError

__all__ = ["plan_from_onnx"]

T = TypeVar("T")

_logger = logging.getLogger(__name__)
_one_build = threading.Lock()  # they share a logger, which holds the reasons


def plan_from_onnx(
    model: bytes | Path,
    *,
    compute_capability: str | None = None,
    batch: tuple[int, int, int] = (1, 1, 8),
) -> bytes:
    """Build an engine.

    Args:
        model: an ONNX file, or what is in one.
        compute_capability: the GPU to build for, such as `SM86`; None for any from Ampere on.
        batch: the fewest, the usual and the most windows of a call; used only where the graph
            leaves its batch free.

    Returns:
        The serialised engine.

    Raises:
        MissingExtra: if tensorrt-rtx is not installed.
        UnknownName: for a compute capability that TensorRT-RTX does not build for.
        UsageError: if `batch` is not ascending.
        BuildError: if the graph is rejected or cannot be built.
    """
    trt = require("tensorrt_rtx", "rtx")
    if not 1 <= batch[0] <= batch[1] <= batch[2]:
        raise UsageError(f"batch {batch}: expected three positive numbers in ascending order")
    with _one_build:
        log = _bridge()
        log.errors.clear()
        builder = _checked(trt.Builder(log), "start")
        network = _checked(builder.create_network(0), "start")
        _parse(trt.OnnxParser(network, log), network, model)
        config = _checked(builder.create_builder_config(), "start")
        if compute_capability is not None:
            _aim(config, trt, compute_capability)
        _let_batch_vary(builder, network, config, batch)
        plan = _checked(builder.build_serialized_network(network, config), "build the graph")
        return bytes(plan)


def _parse(parser: Any, network: Any, model: bytes | Path) -> None:
    """Fill `network` from a model."""
    path = model if isinstance(model, Path) else None
    data = path.read_bytes() if path else model
    done = parser.parse(data, str(path)) if path else parser.parse(data)
    found = (parser.get_error(index) for index in range(parser.num_errors))
    reasons = [f"{e.node_operator()} {e.node_name()!r}: {e.desc()}" for e in found]
    _checked(done, "parse the graph", *(" ".join(reason.split()) for reason in reasons))
    # Bytes that are no ONNX parse without complaint, into nothing.
    _checked(network.num_outputs > 0, "parse the graph", "it has no outputs; is it an ONNX file?")


def _aim(config: Any, trt: ModuleType, name: str) -> None:
    """Build for one kind of GPU."""
    known = {k: v for k, v in trt.ComputeCapability.__members__.items() if k != "NONE"}
    target = look_up("compute capability", name, known)
    config.num_compute_capabilities = 1
    _checked(config.set_compute_capability(target, 0), f"build for {name}")


def _let_batch_vary(builder: Any, network: Any, config: Any, batch: tuple[int, int, int]) -> None:
    """Add the range of the batch, if the graph leaves it free."""
    inputs = [network.get_input(index) for index in range(network.num_inputs)]
    free = [tensor for tensor in inputs if -1 in tuple(tensor.shape)]
    if not free:
        return
    profile = _checked(builder.create_optimization_profile(), "start")
    for tensor in free:
        _, *rest = tensor.shape
        if -1 in rest:
            shape = tuple(tensor.shape)
            raise BuildError(f"input {tensor.name} {shape}: only the batch, axis 0, may be free")
        profile.set_shape(tensor.name, *((size, *rest) for size in batch))
    _checked(config.add_optimization_profile(profile) >= 0, f"take a batch of {batch}")


def _checked(result: T | None, doing: str, *reasons: str) -> T:
    """`result`, unless it is what the library gives instead of raising: None or False.

    The reason is that of the caller, or else the last error in the library's log.
    """
    if result is None or result is False:
        said = "; ".join(reasons or _bridge().errors[-1:]) or "it gave no reason"
        raise BuildError(f"TensorRT-RTX cannot {doing}: {said}")
    return result


@functools.cache
def _bridge() -> Any:
    """The library's logger, made once: the first one it is given must live as long as it does."""
    trt = require("tensorrt_rtx", "rtx")
    levels = {
        trt.ILogger.VERBOSE: logging.DEBUG,
        trt.ILogger.INFO: logging.DEBUG,
        trt.ILogger.WARNING: logging.INFO,
    }

    class Bridge(trt.ILogger):  # type: ignore[misc, name-defined]
        """Sends the log to `logging` and keeps the errors.

        Errors are raised in the end, so here they are details, and warnings are about other
        things than the user's: each is told one level lower.
        """

        def __init__(self) -> None:
            super().__init__()
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity not in levels:
                self.errors.append(message)
            _logger.log(levels.get(severity, logging.INFO), "%s", message)

    return Bridge()
