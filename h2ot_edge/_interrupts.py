"""Ctrl-C as a wish to come to an end, so that what is done can be kept."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["stopping_on_interrupt"]


@contextmanager
def stopping_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Within the block the first Ctrl-C is only noted; the second raises `KeyboardInterrupt`.

    Yields:
        Tells whether there was one. Always False outside of the main thread, where signals do not
        come, and where Ctrl-C is ignored, as by what a script starts with &; it stays so.
    """
    pressed = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True

    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT)
    # None: another program that Python is a part of has a handler, which could not be put back.
    if not main or before in (signal.SIG_IGN, None):
        yield lambda: False
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)
