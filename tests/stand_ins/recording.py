"""Events and graphs: what stands for work in a stream, and work that is written down."""

import threading

from stand_ins.memory import Fault
from stand_ins.streams import GLOBAL, RELAXED, THREAD_LOCAL, Capture, Graph, Mark, Operation


class Recording:
    """The part of a GPU that has to do with events and graphs."""

    # events

    def record(self, event, handle):
        """Let an event stand for what a stream has to do by now."""
        made = self.get("event", event, "record")
        stream = self.get("stream", handle, "record of an event")
        mark = made.mark = Mark(stream, captured=stream.capture is not None)
        self.enqueue(handle, Operation("record", (), lambda: setattr(mark, "done", True)))

    def wait(self, handle, event):
        """Let a stream wait for an event."""
        mark = self.get("event", event, "wait").mark
        stream = self.get("stream", handle, "wait for an event")
        if mark is None:
            return
        if mark.captured and mark.stream is not stream:
            raise Fault("cudaErrorStreamCaptureUnsupported", "a capture that forks is not stood in")
        if stream.capture and not mark.captured:
            stream.capture.valid = False
            raise Fault("cudaErrorStreamCaptureIsolation", "a capture waits for work outside of it")
        self.enqueue(handle, Operation("wait", (), lambda: self._reach(mark)))

    def finish(self, event):
        """Do what an event stands for."""
        mark = self.get("event", event, "synchronize").mark
        if mark is None:
            return
        if mark.captured:
            raise Fault("cudaErrorCapturedEvent", "synchronize of an event in a capture")
        self._reach(mark)

    def _reach(self, mark):
        if not mark.captured:
            self._run(mark.stream, lambda: mark.done or not mark.stream.work)

    # graphs

    def begin_capture(self, handle, mode):
        """Write down what a stream is given, instead of doing it."""
        stream = self.get("stream", handle, "capture")
        if handle in (0, 1):
            raise Fault("cudaErrorStreamCaptureImplicit", "capture of the default stream")
        if stream.capture:
            raise Fault("cudaErrorIllegalState", "capture of a stream that captures")
        stream.capture = Capture(mode, threading.get_ident())

    def end_capture(self, handle):
        """The graph of what was written down."""
        stream = self.get("stream", handle, "end of a capture")
        capture = stream.capture
        if capture is None:
            raise Fault("cudaErrorIllegalState", "end of a capture that never began")
        if capture.mode != RELAXED and capture.thread != threading.get_ident():
            raise Fault("cudaErrorStreamCaptureWrongThread", "capture ended by another thread")
        stream.capture = None
        if not capture.valid:
            raise Fault("cudaErrorStreamCaptureInvalidated", "the capture was spoilt")
        return self.make("graph", Graph(capture.work))

    def refuse_during_capture(self, doing):
        """Spoil captures that must not see what is done now."""
        spoilt = [c for c in self._captures() if _forbids(c)]
        for capture in spoilt:
            capture.valid = False
        if spoilt:
            raise Fault("cudaErrorStreamCaptureUnsupported", f"{doing} during a capture")

    def _captures(self):
        return [s.capture for s in self.objects["stream"].values() if s.capture]

    def instantiate(self, graph):
        """A graph that can be launched."""
        captured = self.get("graph", graph, "instantiate")
        return self.make("graph execution", Graph(list(captured.work)))

    def launch(self, execution, handle):
        """Do again what was captured, at the addresses it was captured with."""
        for operation in self.get("graph execution", execution, "launch").work:
            self.enqueue(handle, operation)


def _forbids(capture):
    if capture.mode == GLOBAL:
        return True
    return capture.mode == THREAD_LOCAL and capture.thread == threading.get_ident()
