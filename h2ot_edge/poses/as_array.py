"""What makes an object with `positions` an array to numpy."""

from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import DTypeLike, NDArray

from h2ot_edge.errors import InputError
from h2ot_edge.spec import FloatArray

__all__ = ["AsArray"]


class AsArray(NDArrayOperatorsMixin):
    """An array with conventions: those of both sides of an operation must be the same."""

    positions: FloatArray
    frame: str
    unit: str

    # The mixin compares elements; a value that may be a key is equal to itself only.
    __eq__ = object.__eq__
    __ne__ = object.__ne__
    __hash__ = object.__hash__

    @property
    def shape(self) -> tuple[int, ...]:
        """Of `positions`."""
        return self.positions.shape

    @property
    def ndim(self) -> int:
        """3, or 4 for several clips."""
        return self.positions.ndim

    @property
    def dtype(self) -> np.dtype[np.float32]:
        """float32."""
        return self.positions.dtype

    def astype(self, dtype: DTypeLike) -> NDArray[Any]:
        """A copy of `positions` of another type."""
        return self.positions.astype(dtype)

    def check_alike(self, other: "AsArray") -> None:
        """Raise `InputError` unless `other` is in the same frame and unit."""
        if (self.frame, self.unit) != (other.frame, other.unit):
            raise InputError(
                f"poses: expected frame {self.frame!r} and unit {self.unit!r} on both sides, got "
                f"{other.frame!r} and {other.unit!r} on one; bring them together with to_metric, "
                "to_camera or to_world"
            )

    def __len__(self) -> int:
        return len(self.positions)

    def __array__(
        self, dtype: "np.dtype[Any] | None" = None, copy: bool | None = None
    ) -> NDArray[Any]:
        wanted = self.dtype if dtype is None else np.dtype(dtype)
        if wanted == self.dtype:
            return self.positions.copy() if copy else self.positions
        if copy is False:
            raise ValueError(f"poses are {self.dtype}: there is no {wanted} without a copy")
        return self.positions.astype(wanted)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        for other in inputs:
            if isinstance(other, AsArray):
                self.check_alike(other)
        if "out" in options:
            options["out"] = tuple(map(_plain, options["out"]))
        return getattr(ufunc, method)(*map(_plain, inputs), **options)


def _plain(value: Any) -> Any:
    return value.positions if isinstance(value, AsArray) else value
