"""Context models: ONNX files in which the TensorRT provider puts the engine it built (EPContext).

ONNX Runtime writes them without the metadata of the model they come from, so the card is added,
and beside it what the engine was built for.
"""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from h2ot_edge._files import write_whole
from h2ot_edge._onnx_file import read_metadata
from h2ot_edge.backends.ort_options import BUILDS, OnnxRuntimeOptions, given
from h2ot_edge.card import METADATA_KEY
from h2ot_edge.errors import EngineMismatch, ModelFileError, UsageError

__all__ = ["Context"]

_KEY = "h2ot_edge.context"
_METADATA_PROPS, _NAME, _VALUE = 14, 1, 2  # field numbers in onnx/onnx.proto
_BYTES = 2  # protobuf wire type


@dataclass(frozen=True)
class Context:
    """What the engine in a context model was built for.

    Attributes:
        tensorrt: the version that built it, and that alone loads it; None if it was not known.
        profile: the fewest, usual and most windows of a call; None if the batch is fixed.
    """

    tensorrt: str | None
    profile: tuple[int, int, int] | None

    def write(self, raw: Path, source: Path, path: Path) -> None:
        """Complete a context model.

        Args:
            raw: as ONNX Runtime wrote it.
            source: the model that it was made of.
            path: where it goes.

        Raises:
            ModelFileError: there is none.
        """
        if not raw.is_file():
            raise ModelFileError(
                f"{source}: ONNX Runtime wrote no context model for {path}; only a graph that "
                "TensorRT takes as a whole has one"
            )
        card = read_metadata(source)[METADATA_KEY]
        facts = json.dumps(dataclasses.asdict(self))
        # Messages of protobuf that are joined end to end are one message with the fields of both.
        write_whole(path, raw.read_bytes() + _property(METADATA_KEY, card) + _property(_KEY, facts))

    @classmethod
    def read(cls, path: Path) -> "Context | None":
        """Of a file; None if it is not a context model.

        Raises:
            ModelFileError: no ONNX file, or what it says of its engine is malformed.
        """
        facts = read_metadata(path).get(_KEY)
        if facts is None:
            return None
        try:
            values = json.loads(facts)
            profile = values["profile"]
            return cls(values["tensorrt"], None if profile is None else tuple(profile))
        except (ValueError, TypeError, KeyError) as error:
            raise ModelFileError(
                f"{path}: what the context model says of its engine is malformed ({error!r}); "
                "write it again from the ONNX model, with ep_context="
            ) from error

    def check(self, path: Path, options: OnnxRuntimeOptions, tensorrt: str | None) -> None:
        """Check that the engine in the context model `path` can be loaded as asked for.

        Raises:
            UsageError: options that are for building one.
            EngineMismatch: it was built by another version of TensorRT.
        """
        for name in given(options):
            if name in BUILDS:
                raise UsageError(
                    f"{name}: {path} is a context model, its engine is built already; leave it out"
                )
        if self.tensorrt is not None and tensorrt is not None and self.tensorrt != tensorrt:
            raise EngineMismatch(
                f"{path}: its engine was built by TensorRT {self.tensorrt}, this is {tensorrt}; "
                "write the context model again from the ONNX model, with ep_context="
            )


def _property(name: str, value: str) -> bytes:
    """An entry of a model's `metadata_props`."""
    entry = _field(_NAME, name.encode()) + _field(_VALUE, value.encode())
    return _field(_METADATA_PROPS, entry)


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])
