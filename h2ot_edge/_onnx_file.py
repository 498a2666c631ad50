"""Reads the metadata of an ONNX file without the onnx package.

An ONNX file is one protobuf message (onnx/onnx.proto, ModelProto). Only the outermost fields are
walked: the graph, which is nearly all of the file, is skipped by its length.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path

from h2ot_edge.errors import ModelFileError

_IR_VERSION, _GRAPH, _METADATA_PROPS = 1, 7, 14  # field numbers of ModelProto
_KEY, _VALUE = 1, 2  # field numbers of StringStringEntryProto
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # protobuf wire types


def read_metadata(path: Path) -> dict[str, str]:
    """The `metadata_props` of an ONNX file.

    Raises:
        ModelFileError: if `path` is no file, not an ONNX file, or cut off.
    """
    if not path.is_file():
        raise ModelFileError(f"{path}: no such file; expected an ONNX model from h2ot-export")
    if path.stat().st_size == 0:
        raise ModelFileError(f"{path}: the file is empty; export or copy the model again")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return _metadata_of_model(data, path)


def _metadata_of_model(data: mmap.mmap, path: Path) -> dict[str, str]:
    metadata: dict[str, str] = {}
    seen: set[int] = set()
    try:
        for number, start, stop in _fields(data, 0, len(data)):
            seen.add(number)
            if number == _METADATA_PROPS:
                entry = {n: data[a:b].decode() for n, a, b in _fields(data, start, stop)}
                metadata[entry.get(_KEY, "")] = entry.get(_VALUE, "")
    except _CutOff as error:
        if _IR_VERSION in seen:
            raise ModelFileError(
                f"{path}: the ONNX file is cut off ({error}); export or copy the model again"
            ) from None
        raise _not_onnx(path) from None
    except (ValueError, IndexError):
        raise _not_onnx(path) from None
    if not {_IR_VERSION, _GRAPH} <= seen:
        raise _not_onnx(path)
    return metadata


def _not_onnx(path: Path) -> ModelFileError:
    return ModelFileError(f"{path}: not an ONNX file; expected an ONNX model from h2ot-export")


class _CutOff(Exception):
    """A field says it is longer than what is left."""


def _fields(data: mmap.mmap, position: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield (field number, start, stop) of each length-delimited or scalar field."""
    while position < end:
        tag, position = _varint(data, position, end)
        number, wire = tag >> 3, tag & 7
        if wire == _BYTES:
            length, position = _varint(data, position, end)
        elif wire == _VARINT:
            length = _varint(data, position, end)[1] - position
        elif wire in (_FIXED64, _FIXED32):
            length = 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if position + length > end:
            raise _CutOff(f"{position + length} bytes expected, {end} found")
        yield number, position, position + length
        position += length


def _varint(data: mmap.mmap, position: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= end:
            raise _CutOff(f"more than {end} bytes expected")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("a number of more than ten bytes")
