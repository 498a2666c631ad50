"""card.py and _onnx_file.py: reading a model's card without the onnx package."""

import dataclasses
import json
import re

import onnx
import pytest
from tiny_models import save_tiny, tiny_card

from h2ot_edge.card import METADATA_KEY, SCHEMA_VERSION, ModelCard
from h2ot_edge.errors import ModelFileError


def test_a_card_survives_the_file(tmp_path):
    card = tiny_card(
        schedule={1: 81, 4: 27},
        frames=243,
        flops={"graph": {"linear": 1.5e9}},
        parity={"max": 1e-6},
        versions={"torch": "2"},
        licence="Human3.6M weights: ask; 日本",
    )
    assert ModelCard.from_onnx(save_tiny(tmp_path / "tiny.onnx", card)) == card
    assert (card.kept, card.channels, card.frames_out) == (27, 3, 243)


def test_equal_cards_are_equal_bytes():
    one = tiny_card(versions={"a": "1", "b": "2"})
    other = tiny_card(versions={"b": "2", "a": "1"})
    assert one.to_json() == other.to_json()


def test_a_card_without_pruning_keeps_everything():
    card = tiny_card(mode="seq2frame")
    assert (card.kept, card.frames_out) == (9, 1)


def test_the_reader_agrees_with_onnx(tmp_path):
    entries = {METADATA_KEY: tiny_card().to_json(), "author": "somebody", "long": "x" * 70_000}
    path = save_tiny(tmp_path / "tiny.onnx", metadata=entries)
    assert {p.key: p.value for p in onnx.load(path).metadata_props} == entries
    assert ModelCard.from_onnx(path) == tiny_card()
    assert ModelCard.from_onnx(str(path)) == tiny_card()


def refusal(path):
    with pytest.raises(ModelFileError) as caught:
        ModelCard.from_onnx(path)
    return str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    path = tmp_path / "none.onnx"
    assert refusal(path) == f"{path}: no such file; expected an ONNX model from h2ot-export"
    assert refusal(tmp_path) == f"{tmp_path}: no such file; expected an ONNX model from h2ot-export"


def test_an_empty_file(tmp_path):
    path = tmp_path / "empty.onnx"
    path.touch()
    assert refusal(path) == f"{path}: the file is empty; export or copy the model again"


@pytest.mark.parametrize(
    "content",
    [
        b"\x93NUMPY\x01\x00v\x00{'descr': '<f4'}",
        b"PK\x03\x04\x14\x00\x00\x00\x00\x00",
        b'{"a": 1}',
        b"\x00" * 100,
        b"\xff" * 100,
        b"\x08\x08",  # an ONNX header and nothing more
    ],
)
def test_a_file_that_is_not_onnx(tmp_path, content):
    path = tmp_path / "other.onnx"
    path.write_bytes(content)
    assert refusal(path) == f"{path}: not an ONNX file; expected an ONNX model from h2ot-export"


def test_a_file_cut_off_in_its_last_field(tmp_path):
    path = save_tiny(tmp_path / "tiny.onnx")
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    assert refusal(path) == (
        f"{path}: the ONNX file is cut off ({len(content)} bytes expected, {len(content) - 1} "
        "found); export or copy the model again"
    )


def test_a_file_cut_off_anywhere_is_never_taken(tmp_path):
    path = save_tiny(tmp_path / "tiny.onnx")
    content = path.read_bytes()
    told = 0
    for length in range(1, len(content), 7):
        path.write_bytes(content[:length])
        message = refusal(path)
        assert message.startswith(f"{path}: ")
        told += bool(re.search(r"cut off \((more than )?\d+ bytes expected", message))
    assert told > len(content) / 7 * 0.9


def test_an_onnx_file_of_somebody_else(tmp_path):
    path = save_tiny(tmp_path / "tiny.onnx", metadata={"author": "somebody"})
    assert refusal(path) == (
        f"{path}: an ONNX file without a h2ot-edge model card, so its conventions are unknown; "
        "export the model with h2ot-export"
    )


def document(**changes):
    return {**json.loads(tiny_card().to_json()), **changes}


def test_a_card_of_a_newer_schema(tmp_path):
    newer = json.dumps({**document(), "schema_version": SCHEMA_VERSION + 1, "novelty": 1})
    path = save_tiny(tmp_path / "tiny.onnx", metadata={METADATA_KEY: newer})
    assert refusal(path) == (
        f"{path}: the model card has schema 4, this h2ot-edge reads up to 3; upgrade h2ot-edge or "
        "export the model again with this version"
    )


def of_schema(version):
    older = document(schema_version=version)
    del older["precision"]
    if version == 1:
        del older["accuracy"], older["training"]
    return older


@pytest.mark.parametrize("version", [1, 2])
def test_a_card_of_an_older_schema_is_read_and_becomes_one_of_this(tmp_path, version):
    metadata = {METADATA_KEY: json.dumps(of_schema(version))}
    card = ModelCard.from_onnx(save_tiny(tmp_path / "tiny.onnx", metadata=metadata))
    assert card == tiny_card()
    assert (card.accuracy, card.training, card.precision) == ({}, {}, {})
    assert (card.precision_name, card.schema_version) == ("fp32", SCHEMA_VERSION)
    assert ModelCard.from_json(card.to_json()) == card


def test_a_card_of_schema_1_has_no_fields_of_schema_2():
    with pytest.raises(ModelFileError) as caught:
        ModelCard.from_json(json.dumps({**of_schema(1), "training": {"seed": 1}}))
    assert str(caught.value) == (
        "card: the model card lacks [] and has unknown ['training']; export the model again"
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Expecting value: line 1 column 1 (char 0)"),
        ("[1]", "list indices must be integers or slices, not str"),
        ("{}", "'schema_version'"),
        ('{"schema_version": null}', None),
    ],
)
def test_a_card_that_is_no_card(text, why):
    with pytest.raises(ModelFileError) as caught:
        ModelCard.from_json(text, "a.onnx")
    why = why or str(caught.value.__cause__)
    assert str(caught.value) == (
        f"a.onnx: the model card is not valid JSON of this project ({why}); export the model again"
    )


def test_a_card_with_other_fields():
    other = document(extra=1)
    del other["opset"], other["batch"]
    with pytest.raises(ModelFileError) as caught:
        ModelCard.from_json(json.dumps(other))
    assert str(caught.value) == (
        "card: the model card lacks ['batch', 'opset'] and has unknown ['extra']; export the model "
        "again"
    )


@pytest.mark.parametrize(
    "changes",
    [{"input": {"nonsense": 1}}, {"output": None}, {"joints": 3}, {"schedule": {"a": 1}}],
)
def test_a_card_with_a_malformed_field(changes):
    with pytest.raises(ModelFileError) as caught:
        ModelCard.from_json(json.dumps(document(**changes)))
    assert str(caught.value) == (
        f"card: a field of the model card is malformed ({caught.value.__cause__}); export the "
        "model again"
    )


def test_a_card_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        tiny_card().frames = 3


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("frames", "9", "frames: expected int, got '9'"),
        ("flip_tta", 1, "flip_tta: expected bool, got 1"),
        ("mode", None, "mode: expected str, got None"),
        ("batch", "any", "batch: expected int or null, got 'any'"),
        ("accuracy", 43.2, "accuracy: expected dict, got 43.2"),
        ("training", None, "training: expected dict, got None"),
    ],
)
def test_a_value_of_the_wrong_type_is_named(name: str, value: object, complaint: str) -> None:
    document = tiny_card().to_dict() | {name: value}
    with pytest.raises(ModelFileError) as caught:
        ModelCard.from_json(json.dumps(document), source="m.onnx")
    assert str(caught.value) == (
        f"m.onnx: a field of the model card is malformed ({complaint}); export the model again"
    )


def test_an_endless_schema_version_is_no_card() -> None:
    with pytest.raises(ModelFileError) as caught:
        ModelCard.from_json('{"schema_version": Infinity}')
    assert str(caught.value) == (
        "card: the model card is not valid JSON of this project (cannot convert float infinity to "
        "integer); export the model again"
    )
