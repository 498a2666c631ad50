"""Tensor specifications and the one check in front of every backend."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.errors import InputError

__all__ = ["FloatArray", "TensorSpec", "check_feed"]

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class TensorSpec:
    """Name, element type and shape of one tensor of a model; None is a free (batch) size."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]

    def admits(self, array: NDArray[np.generic]) -> bool:
        """Whether `array` has this element type and a shape that fits."""
        return (
            array.dtype == self.dtype
            and array.ndim == len(self.shape)
            and all(w in (None, g) for w, g in zip(self.shape, array.shape, strict=True))
        )

    def __str__(self) -> str:
        sizes = ", ".join("batch" if size is None else str(size) for size in self.shape)
        return f"{self.dtype}[{sizes}]"


def check_feed(feed: Mapping[str, NDArray[np.generic]], specs: Sequence[TensorSpec]) -> None:
    """Check that `feed` is exactly what `specs` ask for.

    Raises:
        InputError: naming the tensor, what was expected and what came.
    """
    wanted = {spec.name for spec in specs}
    if feed.keys() != wanted:
        raise InputError(f"expected inputs {sorted(wanted)}, got {sorted(feed)}")
    for spec in specs:
        array = feed[spec.name]
        if not spec.admits(array):
            got = f"{array.dtype}{list(array.shape)}"
            raise InputError(f"{spec.name}: expected {spec}, got {got}")
