"""Loggers, shapes, weights, memory: what the other classes of TensorRT are given and give."""

import ctypes

from stand_ins.bindings import takes


class ILogger:
    """Given the lines of the log; made to be subclassed."""

    def __init__(self):
        self._made = True

    @takes("any", "any")
    def log(self, severity, msg):
        raise RuntimeError('Tried to call pure virtual function "ILogger::log"')


class Logger(ILogger):
    """TensorRT's own logger; it keeps the lines instead of printing them."""

    @takes("_Severity|None")
    def __init__(self, min_severity=None):
        self._made = True
        self._least = min_severity or self._lib.trt.ILogger.WARNING
        self._lines = []

    @property
    def min_severity(self):
        return self._least

    @min_severity.setter
    @takes("any")
    def min_severity(self, value):
        self._least = value

    @takes("any", "str")
    def log(self, severity, msg):
        if severity.value <= self._least.value:
            self._lines.append((severity.name, msg))


class IProfiler:
    """Given the times of layers; made to be subclassed."""

    def __init__(self):
        self._made = True

    @takes("any", "any")
    def report_layer_time(self, layer_name, ms):
        raise RuntimeError('Tried to call pure virtual function "IProfiler::reportLayerTime"')


class IProgressMonitor:
    """Told how far a build is; made to be subclassed."""

    def __init__(self):
        self._made = True

    @takes("any", "any", "any")
    def phase_start(self, phase_name, parent_phase, num_steps):
        raise RuntimeError('Tried to call pure virtual function "IProgressMonitor::phaseStart"')

    @takes("any", "any")
    def step_complete(self, phase_name, step):
        raise RuntimeError('Tried to call pure virtual function "IProgressMonitor::stepComplete"')

    @takes("any")
    def phase_finish(self, phase_name):
        raise RuntimeError('Tried to call pure virtual function "IProgressMonitor::phaseFinish"')


class Dims:
    """A shape: as long as a tuple, equal to tuples and lists, but neither one nor hashable."""

    MAX_DIMS = 8
    __hash__ = None

    @takes("any")
    def __init__(self, shape=()):
        if not isinstance(shape, list | tuple | type(self)):
            raise TypeError("Dims(): incompatible constructor arguments")
        if len(shape) > 8:
            raise ValueError(f"Input length {len(shape)}. Max expected length is 8")
        self._sizes = tuple(int(size) for size in shape)

    def __len__(self):
        return len(self._sizes)

    def __getitem__(self, index):
        return self._sizes[index]

    def __iter__(self):
        return iter(self._sizes)

    def __eq__(self, other):
        if not isinstance(other, list | tuple):
            raise TypeError("__eq__(): incompatible function arguments")
        return self._sizes == tuple(other)

    def __ne__(self, other):
        return not self == other

    def __repr__(self):
        return repr(self._sizes)


class IHostMemory:
    """Bytes of the library; they can be read through the buffer protocol only."""

    @property
    def nbytes(self):
        return self._size


def host_memory(library, data):
    """An `IHostMemory` of `data`."""
    kind = library.trt.IHostMemory
    meta = type("_Meta", (type(ctypes.Array), type(kind)), {})
    hidden = {"_size": len(data), "__bool__": lambda self: True}
    hidden |= {"__len__": None, "__getitem__": None, "__iter__": None}
    # A buffer before Python 3.12 must be one of C's types.
    made = meta("IHostMemory", (kind, ctypes.c_ubyte * len(data)), hidden)
    return made.from_buffer_copy(data)
