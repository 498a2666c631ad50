"""Reading .npz files that hold pickled dicts of arrays, without running what a pickle asks for.

The data sets of the field are passed around as such files (`np.savez` of a dict), and a pickle can
call any function there is. Here it can call none: every name it asks for is either one of the few
that stand for numpy arrays, and then gets a stand-in from this file that builds the array from
plain bytes, or it is refused. Numpy's own functions are not called with the pickle's state, because
a forged element type makes them take bytes for pointers.
"""

import io
import pickle
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.errors import InputError

__all__ = ["array_names", "read_pickled_npz"]

_PLAIN = "fiubUSO"
"""Kinds of element types that are read: numbers, bools, texts, and objects one by one."""


class _Refused(pickle.UnpicklingError):
    """The pickle asks for something that is not needed for arrays."""


def array_names(path: Path) -> set[str]:
    """The names of the arrays in an .npz file; none of them is read.

    Raises:
        InputError: not an .npz file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return {name.removesuffix(".npy") for name in archive.namelist()}
    except (zipfile.BadZipFile, OSError) as error:
        raise _unreadable(path, error) from error


def read_pickled_npz(path: Path) -> dict[str, Any]:
    """All arrays of an .npz file, pickled or not.

    Returns:
        By name: arrays, and what is wrapped in an array without dimensions as it is, e.g. a dict;
        in it only dicts, lists, tuples, arrays, numbers, texts, bools and None.

    Raises:
        InputError: not an .npz file, damaged, or with a pickle that asks for more.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return {
                name.removesuffix(".npy"): _read_array(archive, name) for name in archive.namelist()
            }
    except _Refused as error:
        raise InputError(
            f"{path}: {error}, which could run code when it is read; only arrays, numbers, texts "
            "and plain containers are read; take the published file"
        ) from error
    except (zipfile.BadZipFile, OSError) as error:
        raise _unreadable(path, error) from error
    except Exception as error:  # broken bytes make the unpickler raise all sorts: KeyError, ...
        raise InputError(
            f"{path}: not a readable .npz file ({type(error).__name__}: {error}); write or copy it "
            "again"
        ) from error


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(f"{path}: not a readable .npz file ({error}); write or copy it again")


def _read_array(archive: zipfile.ZipFile, name: str) -> Any:
    try:
        content = archive.read(name)
    except zlib.error as error:
        raise zipfile.BadZipFile(f"{name}: {error}") from error
    if not _is_pickled(content):
        return np.load(io.BytesIO(content), allow_pickle=False)
    value = _Unpickler(io.BytesIO(content), name.removesuffix(".npy")).load()
    array = _resolved(value, {})
    return array.item() if isinstance(array, np.ndarray) and array.ndim == 0 else array


def _is_pickled(content: bytes) -> bool:
    """Whether the array is of objects, by the header that numpy puts before it."""
    stream = io.BytesIO(content)
    return _header_dtype(stream).hasobject


def _header_dtype(stream: IO[bytes]) -> np.dtype[Any]:
    """The element type in the header of an .npy file; leaves the stream after the header."""
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0
    if version != (1, 0):
        read = np.lib.format.read_array_header_2_0
    return read(stream)[2]


class _Dtype:
    """Stands for numpy.dtype."""

    def __init__(self, code: Any, *_align_and_copy: Any) -> None:
        if not isinstance(code, str):
            raise _Refused(f"holds an element type {code!r}")
        self.dtype = np.dtype(code)
        if self.dtype.kind not in _PLAIN or self.dtype.fields or self.dtype.subdtype:
            raise _Refused(f"holds an element type {code!r}")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        """(version, byte order, subtype, names, fields, size, alignment, flags)."""
        if any(part is not None for part in state[2:5]):
            raise _Refused("holds an element type with fields")
        if state[1] in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """Stands for numpy.ndarray."""

    def __init__(self) -> None:
        self.array: NDArray[Any] = np.empty(0)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        """(version, shape, element type, whether in Fortran's order, content)."""
        _version, shape, element, fortran, content = state
        self.array = _built(content, element, shape, "F" if fortran else "C")


def _built(content: Any, element: _Dtype, shape: Any, order: Any) -> NDArray[Any]:
    """An array of its bytes or, if it is one of objects, of its list."""
    if element.dtype.hasobject:
        flat = np.empty(len(content), object)
        flat[:] = content
        # Numpy writes lists of objects in C order, whatever the flag says.
        return flat.reshape(shape)
    flat = np.frombuffer(content, element.dtype)
    return flat.reshape(shape, order=order).copy(order="K")


def _empty_array(*_class_shape_and_type: Any) -> _Array:
    return _Array()


def _array_from_buffer(content: Any, element: _Dtype, shape: Any, order: Any) -> _Array:
    array = _Array()
    array.array = _built(content, element, shape, order)
    return array


def _scalar(element: _Dtype, content: Any = b"") -> Any:
    if element.dtype.hasobject:
        raise _Refused("holds a scalar of objects")
    return np.frombuffer(content, element.dtype)[0]


def _bytes_from_text(text: str, encoding: str) -> bytes:
    """How old pickles spell bytes."""
    if encoding not in ("latin1", "latin-1"):
        raise _Refused(f"holds text in {encoding!r}")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """How old pickles spell the bytes of an empty array."""
    return b""


_MODULES = ("numpy.core", "numpy._core")
"""Where numpy 1 and numpy 2 say that their functions are."""

_STAND_INS: dict[str, Callable[..., Any]] = {
    "numpy.dtype": _Dtype,
    "numpy.ndarray": _Array,
    "collections.OrderedDict": dict,
    "_codecs.encode": _bytes_from_text,
    "__builtin__.bytes": _no_bytes,
    **{f"{module}.multiarray._reconstruct": _empty_array for module in _MODULES},
    **{f"{module}.multiarray.scalar": _scalar for module in _MODULES},
    **{f"{module}.numeric._frombuffer": _array_from_buffer for module in _MODULES},
}


class _Unpickler(pickle.Unpickler):
    """Knows the names of `_STAND_INS` and no others."""

    def __init__(self, stream: IO[bytes], member: str) -> None:
        _header_dtype(stream)
        super().__init__(stream)
        self.member = member

    def find_class(self, module: str, name: str) -> Any:
        """What a pickle gets for a global name, see `pickle.Unpickler`."""
        wanted = f"{module}.{name}"
        if wanted not in _STAND_INS:
            raise _Refused(f"the array {self.member!r} holds a pickled {wanted}")
        return _STAND_INS[wanted]


def _resolved(value: Any, done: dict[int, tuple[Any, Any]]) -> Any:
    """The value with arrays in place of their stand-ins.

    Args:
        value: lists, dicts and arrays of objects in it are changed in place.
        done: what became of what, by `id`; a pickle can put one thing in many places. The
            originals are kept too, lest their numbers go to others.
    """
    if id(value) in done:
        return done[id(value)][1]
    found = value.array if isinstance(value, _Array) else value
    done[id(value)] = (value, found)
    if isinstance(found, _Dtype):
        found = found.dtype
    elif isinstance(found, tuple):
        found = tuple(_resolved(part, done) for part in found)
    elif isinstance(found, dict):
        found.update({key: _resolved(part, done) for key, part in found.items()})
    elif isinstance(found, list):
        found[:] = [_resolved(part, done) for part in found]
    elif isinstance(found, np.ndarray) and found.dtype.hasobject:
        for place, part in np.ndenumerate(found):
            found[place] = _resolved(part, done)
    done[id(value)] = (value, found)
    return found
