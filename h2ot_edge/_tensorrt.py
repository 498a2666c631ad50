"""TensorRT and TensorRT-RTX as Python libraries: loading them, their log, and their way to fail.

Both have one API under two module names. TensorRT-RTX is the desktop sibling: an ordinary wheel,
whose engines run on GeForce and RTX GPUs and can be built without a GPU; there is none for Jetson.
"""

import functools
import logging
import re
from collections import deque
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal, TypeVar

from h2ot_edge._names import look_up, require
from h2ot_edge.errors import BuildError, H2OTError, MissingExtra
from h2ot_edge.system import jetson

__all__ = ["TARGETS", "Library", "Target", "tensorrt_library"]

T = TypeVar("T")
Target = Literal["tensorrt", "tensorrt-rtx"]

_logger = logging.getLogger(__name__)

_MODULES = {"tensorrt": "tensorrt", "tensorrt-rtx": "tensorrt_rtx"}
_EXTRAS = {"tensorrt": "tensorrt", "tensorrt-rtx": "rtx"}
_TITLES = {"tensorrt": "TensorRT", "tensorrt-rtx": "TensorRT-RTX"}
TARGETS: tuple[Target, ...] = ("tensorrt", "tensorrt-rtx")
"""The libraries that engines are built for."""


@dataclass(frozen=True)
class Library:
    """One of the two libraries, loaded.

    Attributes:
        target: which one.
        trt: its Python module.
        log: its logger, which sends lines to `logging` and keeps the last errors.
    """

    target: Target
    trt: ModuleType
    log: Any

    @property
    def title(self) -> str:
        """Name and version, for messages."""
        return f"{_TITLES[self.target]} {self.version_text}"

    @property
    def version_text(self) -> str:
        """The version as the library writes it."""
        return str(self.trt.__version__)

    @property
    def version(self) -> tuple[int, ...]:
        """The version as numbers, to compare."""
        return tuple(int(number) for number in re.findall(r"\d+", self.version_text)[:4])

    def checked(
        self,
        result: T | None,
        doing: str,
        *reasons: str,
        error: type[H2OTError] = BuildError,
    ) -> T:
        """`result`, unless it is what the library gives instead of raising: None or False.

        Args:
            result: of a call.
            doing: what the call was to do, as in `cannot ...`.
            reasons: why it failed; without any, the last error in the library's log.
            error: what to raise.
        """
        if result is None or result is False:
            said = "; ".join(reasons or list(self.log.errors)[-1:]) or "it gave no reason"
            raise error(f"{_TITLES[self.target]} cannot {doing}: {said}")
        return result


@functools.cache
def tensorrt_library(target: Target) -> Library:
    """Load a library, once: the first logger that it is given must live as long as it does.

    Raises:
        UnknownName: no such library.
        MissingExtra: it is not installed; on a Jetson, how it gets there.
    """
    name = look_up("target", target, _MODULES)
    trt = _imported(target, name)
    return Library(target, trt, _bridge(trt))


def _imported(target: Target, name: str) -> ModuleType:
    try:
        return require(name, _EXTRAS[target])
    except MissingExtra as error:
        if jetson() is None:
            raise
        if target == "tensorrt-rtx":
            raise MissingExtra(
                "tensorrt_rtx: there is no TensorRT-RTX for Jetson; use the backend tensorrt, "
                "which JetPack brings"
            ) from error
        # A wheel of the same name exists, and breaks what JetPack installed.
        raise MissingExtra(
            f"tensorrt cannot be imported ({error.__cause__}); on a Jetson it comes with JetPack, "
            "never from pip: sudo apt install python3-libnvinfer, and make the environment with "
            "python3 -m venv --system-site-packages"
        ) from error


def _bridge(trt: ModuleType) -> Any:
    """A logger of the library that writes to `logging`."""
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
            self.errors: deque[str] = deque(maxlen=16)

        def log(self, severity: Any, message: str) -> None:
            if severity not in levels:
                self.errors.append(message)
            _logger.log(levels.get(severity, logging.INFO), "%s", message)

    return Bridge()
