"""A GPU as lazy as the rules allow: a stream does nothing until somebody waits for it.

What only works because a GPU happens to be quick enough, or memory happens to be still there, goes
wrong here every time, and is written down in `misuse`.
"""

import itertools
import threading
import weakref
from collections import Counter
from contextlib import contextmanager

from stand_ins.memory import Fault, Memory, host_view
from stand_ins.recording import Recording
from stand_ins.streams import Operation, Stream


class Gpu(Recording):
    """Devices, memory, streams, events and graphs, and what was done to them.

    Attributes:
        misuse: sentences, one for each thing that a real GPU would punish, now or one day.
        calls: how often each function was called.
        pageable: how many copies were from or to memory of the host that is not pinned.
        fail: name of a function -> name of the error that it gives from now on, or that and the
            number of the call, counted from 1, from which on it does.
    """

    def __init__(self, devices, fail):
        self.devices = devices
        self.memory = Memory(devices[0].memory if devices else 0)
        self.misuse = []
        self.calls = Counter()
        self.fail = dict(fail)
        self.sticky = None
        self.lock = threading.RLock()
        self.objects = {"stream": {}, "event": {}, "graph": {}, "graph execution": {}}
        self.borrowers = weakref.WeakSet()  # of TensorRT, see `leaks`
        self._defaults = {}
        self.pageable = 0
        self._numbers = itertools.count(0x1000, 0x10)
        self._thread = threading.local()

    # devices

    @property
    def device(self):
        """The calling thread's device."""
        return getattr(self._thread, "device", 0)

    @device.setter
    def device(self, index):
        if not 0 <= index < len(self.devices):
            raise Fault("cudaErrorInvalidDevice", f"device {index} of {len(self.devices)}")
        self._thread.device = index

    @property
    def context(self):
        """The calling thread's CUDA context; the one that everybody shares unless PyCUDA made one.

        Memory, streams and events are those of a context, and mean nothing in another.
        """
        return getattr(self._thread, "context", "primary")

    @context.setter
    def context(self, name):
        self._thread.context = name

    def check_context(self, made, doing):
        """Raise `Fault` if something is of another context than the thread's."""
        if made.context != self.context:
            raise Fault(
                "cudaErrorInvalidResourceHandle",
                f"{doing}: {made.context} is its context, {self.context} is current",
            )

    # what is alive

    def make(self, kind, made):
        """A handle of something new."""
        number = next(self._numbers)
        self.objects[kind][number] = made
        return number

    def get(self, kind, handle, doing):
        """What a handle stands for; 0 and 1 are the default stream, 2 the thread's own."""
        if kind == "stream" and handle in (0, 1, 2):
            thread = threading.get_ident() if handle == 2 else None
            key = (self.device, self.context, thread)
            return self._defaults.setdefault(key, Stream(self.device, self.context))
        if handle not in self.objects[kind]:
            raise Fault(
                "cudaErrorInvalidResourceHandle", f"{doing}: {kind} {handle:#x} is not alive"
            )
        return self.objects[kind][handle]

    def drop(self, kind, handle):
        """End the life of a handle."""
        made = self.get(kind, handle, f"destroy {kind}")
        if kind == "stream":
            self._check_idle(made)
        del self.objects[kind][handle]

    def _check_idle(self, stream):
        if stream.work:
            self.misuse.append(f"a stream was destroyed with {_count(stream.work)} to do")

    def live(self):
        """How many of each kind are alive."""
        kinds = {kind: len(made) for kind, made in self.objects.items()}
        return {
            "device": len(self.memory.live("device")),
            "pinned": len(self.memory.live("pinned")),
            **kinds,
            "TensorRT": len(self.borrowers),
        }

    def leaks(self):
        """A sentence for each thing that is alive."""
        made = [f"{kind} {n:#x}" for kind, all_ in self.objects.items() for n in all_]
        return [*map(str, self.memory.live()), *made, *sorted(map(str, self.borrowers))]

    # memory

    def allocate(self, kind, size, owner=""):
        """The address of new memory."""
        self.refuse_during_capture(f"allocation of {kind} memory")
        block = self.memory.allocate(kind, size, self.device, owner)
        block.context = self.context
        return block.address

    def release(self, kind, address):
        """Free memory."""
        if address == 0:
            return
        self.refuse_during_capture(f"free of {kind} memory")
        block = self.memory.free(kind, address)
        for operation in self._waiting():
            if any(address <= start < address + block.size for start in operation.touches):
                self.misuse.append(f"{block} was freed before {operation.what} was done")

    def reclaim(self, address):
        """Free memory of TensorRT, from a destructor: whenever that is."""
        with self.lock:
            self.memory.free("device", address)

    def _waiting(self):
        return [operation for stream in self._streams() for operation in stream.work]

    def _streams(self):
        return (*self._defaults.values(), *self.objects["stream"].values())

    def copy(self, dst, src, size, ways, handle):
        """Copy in a stream; `ways` are the kinds of memory at both ends, None for either."""
        what = f"copy of {size} bytes"
        ends = list(zip((dst, src), ways, strict=True))
        pageable = [self._is_pageable(address, way) for address, way in ends]
        for (address, way), skip in zip(ends, pageable, strict=True):
            if not skip:
                self._check(address, size, way, what)

        def run():
            source, target = (
                host_view(address, size) if skip else self.memory.view(address, size, what)
                for address, skip in ((src, pageable[1]), (dst, pageable[0]))
            )
            target[:] = source

        self.enqueue(handle, Operation(what, (dst, src), run))
        if any(pageable):
            # Ordinary memory is staged, which ends when the call does.
            self.pageable += 1
            self.synchronize(handle)

    def _is_pageable(self, address, way):
        return way == "pinned" and self.memory.find(address) is None

    def _check(self, address, size, way, what):
        try:
            self.memory.view(address, size, what)
        except Fault as fault:
            raise Fault("cudaErrorInvalidValue", str(fault)) from fault
        block = self.memory.find(address)
        self.check_context(block, what)
        if way not in (None, block.kind):
            raise Fault(
                "cudaErrorInvalidValue", f"{what}: {address:#x} is {block.kind} memory, not {way}"
            )

    # streams

    def enqueue(self, handle, operation):
        """Give a stream something to do."""
        stream = self.get("stream", handle, operation.what)
        if stream.device != self.device:
            raise Fault(
                "cudaErrorInvalidResourceHandle",
                f"{operation.what}: a stream of device {stream.device} while device "
                f"{self.device} is current",
            )
        self.check_context(stream, operation.what)
        (stream.capture or stream).work.append(operation)

    def synchronize(self, handle):
        """Do what a stream has to do."""
        stream = self.get("stream", handle, "synchronize")
        if stream.capture:
            stream.capture.valid = False
            raise Fault("cudaErrorStreamCaptureUnsupported", "synchronize of a capturing stream")
        self._run(stream, lambda: not stream.work)

    def synchronize_device(self):
        """Do what all streams of the thread's device have to do."""
        self.refuse_during_capture("synchronize of the device")
        for stream in self._streams():
            if stream.device == self.device:
                self._run(stream, lambda stream=stream: not stream.work)

    def _run(self, stream, done):
        while not done():
            operation = stream.work.popleft()
            try:
                operation.run()
            except Fault as fault:
                self.sticky = fault.code
                stream.work.clear()
                raise

    # failures

    @contextmanager
    def called(self, name):
        """Count a call, let it fail if it is to fail, and keep what was done wrong.

        Raises:
            Fault: as inside, or as `fail` says, or since an earlier call broke the device.
        """
        with self.lock:
            self.calls[name] += 1
            self._fail(name)
            try:
                yield
            except Fault as fault:
                if fault.code not in ("cudaErrorNotReady", "cudaErrorMemoryAllocation"):
                    self.misuse.append(f"{name}: {fault}")
                raise

    def _fail(self, name):
        wanted, nth = self.fail.get(name, (None, 1)), 1
        if isinstance(wanted, tuple):
            wanted, nth = wanted
        code = self.sticky or (wanted if self.calls[name] >= nth else None)
        if not self.devices:
            code = code or "cudaErrorNoDevice"
        if code:
            raise Fault(code, f"{name} fails")


def _count(work):
    return f"{len(work)} operation" + ("s" if len(work) > 1 else "")
