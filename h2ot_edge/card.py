"""The model card: one JSON document that says what a model takes, gives, and was checked against.

It travels in the ONNX file's `metadata_props` under `METADATA_KEY` and is read back without the
onnx package, so that a device can refuse a model it does not understand before loading it.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from h2ot_edge._onnx_file import read_metadata
from h2ot_edge.errors import ModelFileError

__all__ = [
    "AT_HIP",
    "METADATA_KEY",
    "NEAR_HIP",
    "SCHEMA_VERSION",
    "InputConvention",
    "ModelCard",
    "OutputConvention",
]

METADATA_KEY = "h2ot_edge.card"
SCHEMA_VERSION = 3

NEAR_HIP = "camera orientation, origin near the hip (joint 0)"
"""Of networks that were trained to give poses about the hip, or nearly so."""

AT_HIP = "camera orientation, origin at the hip (joint 0)"
"""Of graphs that subtract the hip."""

_ADDED = {"accuracy": 2, "training": 2, "precision": 3}
"""Fields that older schemas have not, with the first schema that has them; there they are empty."""

Mode = Literal["seq2seq", "seq2frame"]


@dataclass(frozen=True, kw_only=True)
class InputConvention:
    """What the network expects in its input tensor.

    Attributes:
        name: tensor name.
        channels: what the last axis holds, in order.
        normalisation: how pixels become network input; `image-width` means
            x' = x / w * 2 - 1 and y' = y / w * 2 - h / w, so x' spans [-1, 1] and the aspect
            ratio is kept.
    """

    name: str = "keypoints"
    channels: tuple[str, ...] = ("x", "y", "confidence")
    normalisation: Literal["image-width"] = "image-width"


@dataclass(frozen=True, kw_only=True)
class OutputConvention:
    """What the numbers in the output tensor mean.

    Attributes:
        name: tensor name.
        frame_of_reference: origin and orientation, in words: `NEAR_HIP` or `AT_HIP`.
        axes: directions of x, y and z.
        unit: `m` for metres; `normalised` where the scale is that of the image (1 = half its
            width) and metres need more information.
    """

    name: str = "poses"
    frame_of_reference: str = NEAR_HIP
    axes: tuple[str, str, str] = ("x right", "y down", "z away from the camera")
    unit: Literal["m", "normalised"] = "m"


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """Everything that must be known to use a model rightly.

    Attributes:
        backbone, variant, frames: the network and its window length f.
        mode: `seq2seq` gives f poses a window, `seq2frame` the centre frame's.
        preset: `none`, `hot`, `h2ot`, or `custom`.
        prune, recover: names of the token pruner and recoverer, `none` if there is none.
        schedule: block index -> frames kept from there on.
        flip_tta: whether the graph averages over the mirrored input.
        with_kept: whether there is a second output `kept`.
        batch: windows a call takes; None if any number.
        opset: ONNX operator set.
        joints: joint names in the order of the joint axis, for input and output.
        input, output: conventions of the two tensors.
        weights: where they came from: `source` (`random`, `checkpoint` or `shipped`), and `seed`,
            or `sha256` and `file` of the checkpoint, or `sha256` and `name` of the model whose
            weights ship; `trained_with_plan` is there, and false, if that has another window or
            pruning.
        parameters: learned numbers in the network.
        flops: per window: `published` and `graph`, each with `linear` (2 x multiply-adds of
            Linear and Conv, as the papers print) and `total` (attention products too).
        parity: what the export's own verification measured.
        versions: libraries that made the file.
        licence: what is known of the terms of the weights.
        accuracy: what was measured, on which data with which noise; empty if nothing was.
        training: data, credit, recipe, seed, command, commit, `fps` (frames a second of its
            windows); empty if it was not done here.
        precision: of the arithmetic: `name` (`fp32`, `fp16`, `int8` or `int8-cpu`) and, of a lower
            one, how it was made and how far it is from its source; empty means fp32.
        schema_version: of this document.
    """

    backbone: str
    variant: str
    frames: int
    mode: Mode
    preset: str
    prune: str
    recover: str
    schedule: Mapping[int, int]
    flip_tta: bool
    with_kept: bool
    batch: int | None
    opset: int
    joints: tuple[str, ...]
    input: InputConvention
    output: OutputConvention
    weights: Mapping[str, Any]
    parameters: int
    flops: Mapping[str, Any]
    parity: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    licence: str = ""
    accuracy: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    precision: Mapping[str, Any] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    @property
    def channels(self) -> int:
        """Size of the input's last axis."""
        return len(self.input.channels)

    @property
    def kept(self) -> int:
        """Frames left after the last pruning step."""
        return self.schedule[max(self.schedule)] if self.schedule else self.frames

    @property
    def precision_name(self) -> str:
        """`fp32`, `fp16`, `int8` or `int8-cpu`."""
        return str(self.precision.get("name", "fp32"))

    @property
    def frames_out(self) -> int:
        """Poses that come out of one window."""
        return self.frames if self.mode == "seq2seq" else 1

    def to_json(self) -> str:
        """The document, with sorted keys so that equal cards are equal bytes."""
        return json.dumps(self.to_dict(), sort_keys=True, ensure_ascii=False)

    def to_dict(self) -> dict[str, Any]:
        """The document as plain dictionaries, lists, strings and numbers."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, text: str, source: str = "card") -> "ModelCard":
        """Read a card; one of an older schema becomes one of this.

        Raises:
            ModelFileError: if `text` is not a card, or one of a newer schema.
        """
        try:
            document = json.loads(text)
            version = int(document["schema_version"])
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise ModelFileError(
                f"{source}: the model card is not valid JSON of this project ({error}); "
                "export the model again"
            ) from error
        if version > SCHEMA_VERSION:
            raise ModelFileError(
                f"{source}: the model card has schema {version}, this h2ot-edge reads up to "
                f"{SCHEMA_VERSION}; upgrade h2ot-edge or export the model again with this version"
            )
        missing: dict[str, Any] = {name: {} for name, since in _ADDED.items() if version < since}
        return cls._from_document(document, missing, source)

    @classmethod
    def from_onnx(cls, path: str | Path) -> "ModelCard":
        """Read the card of an ONNX file, without the onnx package.

        Raises:
            ModelFileError: if the file is missing, no ONNX file, truncated, or has no card.
        """
        metadata = read_metadata(Path(path))
        if METADATA_KEY not in metadata:
            raise ModelFileError(
                f"{path}: an ONNX file without a h2ot-edge model card, so its conventions are "
                "unknown; export the model with h2ot-export"
            )
        return cls.from_json(metadata[METADATA_KEY], source=str(path))

    @classmethod
    def _from_document(
        cls, document: dict[str, Any], missing: dict[str, Any], source: str
    ) -> "ModelCard":
        names = {item.name for item in dataclasses.fields(cls)} - missing.keys()
        if document.keys() != names:
            raise ModelFileError(
                f"{source}: the model card lacks {sorted(names - document.keys())} and has unknown "
                f"{sorted(document.keys() - names)}; export the model again"
            )
        document = {**document, **missing, "schema_version": SCHEMA_VERSION}
        values = dict(document)
        try:
            _check_types(document)
            values["input"] = InputConvention(**_tuples(document["input"]))
            values["output"] = OutputConvention(**_tuples(document["output"]))
            values["joints"] = tuple(document["joints"])
            values["schedule"] = {int(k): int(v) for k, v in document["schedule"].items()}
        except (TypeError, ValueError, AttributeError) as error:
            raise ModelFileError(
                f"{source}: a field of the model card is malformed ({error}); "
                "export the model again"
            ) from error
        return cls(**values)


_TYPES: dict[type, tuple[str, ...]] = {
    str: ("backbone", "variant", "mode", "preset", "prune", "recover", "licence"),
    int: ("frames", "opset", "parameters"),
    bool: ("flip_tta", "with_kept"),
    dict: (
        *("schedule", "input", "output", "weights", "flops", "parity", "versions"),
        *("accuracy", "training", "precision"),
    ),
    list: ("joints",),
}


def _check_types(document: dict[str, Any]) -> None:
    """Raise TypeError for a value that would only be noticed later, while a model runs."""
    for wanted, names in _TYPES.items():
        for name in names:
            if type(document[name]) is not wanted:
                raise TypeError(f"{name}: expected {wanted.__name__}, got {document[name]!r}")
    if document["batch"] is not None and type(document["batch"]) is not int:
        raise TypeError(f"batch: expected int or null, got {document['batch']!r}")


def _tuples(document: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(v) if isinstance(v, list) else v for key, v in document.items()}
