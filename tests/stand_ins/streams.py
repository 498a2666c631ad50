"""Streams and what is in them."""

from collections import deque
from dataclasses import dataclass, field

GLOBAL, THREAD_LOCAL, RELAXED = range(3)  # modes of capture


@dataclass
class Operation:
    """Work of a stream: what it is, the addresses it touches, and how it is done."""

    what: str
    touches: tuple
    run: object


@dataclass(eq=False)
class Mark:
    """A place in a stream's work that an event stands for."""

    stream: object
    done: bool = False
    captured: bool = False


@dataclass(eq=False)
class Capture:
    """Work that is written down instead of done."""

    mode: int
    thread: int
    work: list = field(default_factory=list)
    valid: bool = True


@dataclass(eq=False)
class Stream:
    """A queue of work on one device."""

    device: int
    context: str = "primary"
    flags: int = 0
    work: deque = field(default_factory=deque)
    capture: Capture | None = None


@dataclass(eq=False)
class Graph:
    """Work that was captured."""

    work: list


@dataclass(eq=False)
class Event:
    """`mark` is where it was recorded last."""

    flags: int
    mark: Mark | None = None


@dataclass
class Device:
    """What a GPU says of itself."""

    name: str
    compute_capability: tuple
    memory: int
    integrated: bool
    processors: int
