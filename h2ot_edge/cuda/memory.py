"""`DeviceMemory`: memory of a CUDA device that goes back with the last reference to it."""

import logging
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from h2ot_edge.errors import DeviceError

if TYPE_CHECKING:
    from h2ot_edge.cuda import Cuda

__all__ = ["DeviceMemory", "own_stream"]

_logger = logging.getLogger(__name__)


class DeviceMemory:
    """A block of memory.

    Attributes:
        pointer: its address on the device.

    Raises:
        DeviceError: the device has not so much left.
    """

    def __init__(self, cuda: "Cuda", nbytes: int) -> None:
        self._cuda = cuda
        with cuda.current():
            self.pointer = cuda.allocate(nbytes)
        release = weakref.finalize(self, _give_back, cuda, self.pointer)
        # At exit the driver takes back all there is, and the app's context may be gone by then.
        release.atexit = False

    def copy_to_host(self, host: NDArray[Any], pointer: int) -> None:
        """Fill a C-contiguous array from `pointer`, an address in the block, and wait for it."""
        with own_stream(self._cuda) as stream:
            self._cuda.copy_to_host(host, pointer, stream)


@contextmanager
def own_stream(cuda: "Cuda") -> Iterator[int]:
    """A stream for the block; the device is current in it, and all is done when it ends well."""
    with cuda.current():
        stream = cuda.new_stream()
        try:
            yield stream
            cuda.synchronize(stream)
        finally:
            cuda.free_stream(stream)


def _give_back(cuda: "Cuda", pointer: int) -> None:
    try:
        with cuda.current():
            cuda.free(pointer)
    except DeviceError as error:
        # Raised by the garbage collector it would reach nobody.
        _logger.warning("memory of cuda:%d could not be given back: %s", cuda.device, error)
