"""Memory of a GPU that is memory of this process, so that its addresses are real.

New memory is full of 0xFF, which is NaN as a number: what was never written shows. Freed memory
keeps its address for a while, so that its use is noticed instead of hitting what came next.
"""

import bisect
import ctypes
from collections import deque
from dataclasses import dataclass, field

import numpy as np

ALIGNMENT = 256
KEPT = 64 << 20  # bytes of freed memory that keep their addresses


class Fault(Exception):
    """What CUDA would answer with an error code.

    Attributes:
        code: name of the member of `cudaError_t`.
    """

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


@dataclass
class Block:
    """An allocation: `kind` is `device` or `pinned`."""

    kind: str
    size: int
    device: int
    owner: str
    live: bool = True
    context: str = "primary"
    address: int = 0
    data: np.ndarray = field(default=None, repr=False)

    def __post_init__(self):
        room = np.full(self.size + ALIGNMENT, 0xFF, np.uint8)
        skip = -room.ctypes.data % ALIGNMENT
        self.data = room[skip : skip + self.size]
        self.address = room.ctypes.data + skip

    def __str__(self):
        what = f"{self.size} bytes of {self.kind} memory at {self.address:#x}"
        return f"{what} of {self.owner}" if self.owner else what


class Memory:
    """The allocations of all devices, alive and lately freed."""

    def __init__(self, limit):
        self.limit = limit
        self._bases = []
        self._blocks = {}
        self._freed = deque()

    def live(self, kind=None):
        """Blocks that are allocated, of one kind or all."""
        return [b for b in self._blocks.values() if b.live and kind in (None, b.kind)]

    def used(self, device):
        """Bytes of a device's own memory."""
        return sum(block.size for block in self.live("device") if block.device == device)

    def allocate(self, kind, size, device, owner=""):
        """A new block."""
        if size <= 0:
            raise Fault("cudaErrorInvalidValue", f"an allocation of {size} bytes")
        if kind == "device" and self.used(device) + size > self.limit:
            raise Fault("cudaErrorMemoryAllocation", f"no {size} bytes left")
        block = Block(kind, size, device, owner)
        bisect.insort(self._bases, block.address)
        self._blocks[block.address] = block
        return block

    def free(self, kind, address):
        """Free the block that starts at an address."""
        block = self._blocks.get(address)
        if block is None or block.kind != kind:
            raise Fault("cudaErrorInvalidValue", f"free of {address:#x}, which is no {kind} memory")
        if not block.live:
            raise Fault("cudaErrorInvalidValue", f"double free of {block}")
        block.live = False
        block.data[:] = 0xFF
        self._freed.append(block)
        while sum(old.size for old in self._freed) > KEPT:
            self._forget(self._freed.popleft())
        return block

    def _forget(self, block):
        del self._blocks[block.address]
        self._bases.remove(block.address)

    def find(self, address):
        """The block, alive or freed, that an address is in; None if there is none."""
        place = bisect.bisect_right(self._bases, address) - 1
        if place < 0:
            return None
        block = self._blocks[self._bases[place]]
        return block if address < block.address + block.size else None

    def view(self, address, size, doing):
        """(size,) uint8, the live memory at an address."""
        block = self.find(address)
        if block is None:
            raise Fault("cudaErrorIllegalAddress", f"{doing}: {address:#x} was never allocated")
        if not block.live:
            raise Fault("cudaErrorIllegalAddress", f"{doing}: {block} was freed")
        start = address - block.address
        if start + size > block.size:
            raise Fault(
                "cudaErrorIllegalAddress", f"{doing}: {size} bytes from byte {start} of {block}"
            )
        return block.data[start : start + size]


def host_view(address, size):
    """(size,) uint8, memory of the host that CUDA knows nothing of."""
    return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))
