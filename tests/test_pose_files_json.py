"""pose_files as JSON: the schema, and files that are not as they should be."""

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from tiny_models import tiny_card
from written_poses import full, numbers

from h2ot_edge import InputError, ModelCard, Poses, pose_files, read_poses, write_poses
from h2ot_edge.poses import CAMERA_AXES
from h2ot_edge.skeleton import JOINTS, PARENTS

SCHEMA = json.loads((Path(pose_files.__file__).parent / "poses.schema.json").read_text())


@pytest.fixture
def path(tmp_path):
    return tmp_path / "poses.json"


def written(path, poses):
    write_poses(path, poses, tiny_card())
    return json.loads(path.read_text(), parse_constant=lambda word: pytest.fail(word))


@pytest.mark.parametrize(
    "poses",
    [
        full(),
        full(2),
        full(2).replace(people=("Anna", "b"), kept=numbers(2, 6) > 0),
        Poses(positions=numbers(3, 17, 3)),
    ],
    ids=["full", "several", "people", "bare"],
)
def test_files_are_as_the_schema_says(path, poses):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(written(path, poses), SCHEMA)


def test_what_stands_in_a_file(path):
    poses = full()
    document = written(path, poses)
    assert document["joints"] == list(JOINTS)
    assert document["parents"] == list(PARENTS)
    assert (document["unit"], document["frame"], document["several"]) == ("m", "camera", False)
    assert document["frame_of_reference"] == "camera orientation, origin at the camera"
    assert document["axes"] == list(CAMERA_AXES)
    assert document["filters"] == list(poses.filters)
    assert document["timestamps"] == poses.timestamps.tolist()
    assert ModelCard.from_json(json.dumps(document["card"])) == tiny_card()
    (clip,) = document["clips"]
    positions = np.array(clip["positions"], np.float64)
    np.testing.assert_array_equal(positions.astype(np.float32), poses.positions)
    assert clip["positions"][0][4] == [None] * 3
    np.testing.assert_array_equal(clip["valid"], poses.valid)
    np.testing.assert_array_equal(np.float32(clip["confidence"]), poses.confidence)


def test_numbers_have_no_digits_that_mean_nothing(path):
    positions = np.full((1, 17, 3), 0.1, np.float32)
    assert written(path, Poses(positions=positions))["clips"][0]["positions"][0][0] == [0.1] * 3


def test_infinity_is_null(path):
    positions = numbers(1, 17, 3)
    positions[0, 3, 1] = np.inf
    written(path, Poses(positions=positions))
    assert np.isnan(read_poses(path).positions[0, 3, 1])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "schema",
            "other",
            "no poses of h2ot-infer or write_poses: 'schema' is not 'h2ot-edge/poses'",
        ),
        (
            "schema_version",
            2,
            "expected schema_version 1, got 2; this h2ot-edge may be too old for it",
        ),
        ("unit", None, "unit: expected text, got None"),
        ("unit", "mm", "no unit 'mm'; did you mean 'm'? (known: m, normalised)"),
        ("fps", "30", "fps: expected a number or null, got '30'"),
        ("fps", True, "fps: expected a number or null, got True"),
        ("timestamps", 1, "timestamps: expected a list or null, got 1"),
        ("timestamps", ["a"], "timestamps: expected seconds"),
        ("timestamps", [1, 2], "timestamps: expected (6,) seconds, got (2,)"),
        ("several", 1, "several: expected true or false, got 1"),
        ("clips", [], "clips: expected 1 where several is false, got 0"),
        ("clips", [{}], "positions: expected lists of one length in every clip"),
        ("clips", ["a"], "positions: expected lists of one length in every clip"),
        ("axes", ["x"], "axes: expected the directions of x, y and z, got 1"),
        ("filters", [1], "filters: expected a list of texts, got [1]"),
        (
            "joints",
            ["hip"],
            "joints: expected those of h2ot_edge.skeleton in order, got hip",
        ),
    ],
)
def test_what_does_not_fit(path, name, value, message):
    path.write_text(json.dumps({**written(path, full()), name: value}))
    assert_refused(path, message)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("positions", [[1, 2], [1]], "positions: expected lists of one length in every clip"),
        (
            "positions",
            [[1, 2]],
            "positions: expected (t, 17, 3) or (n, t, 17, 3), got (1, 2)",
        ),
        ("valid", [[1.0]], "valid: expected true and false, got float64"),
        ("valid", [[True]], "valid: expected bool (6, 17), got bool (1, 1)"),
        (
            "confidence",
            [[None] * 17] * 6,
            "confidence: holds NaN or infinity; 0 is that of what was not seen",
        ),
    ],
)
def test_clips_that_do_not_fit(path, name, value, message):
    document = written(path, full())
    document["clips"][0][name] = value
    path.write_text(json.dumps(document))
    assert_refused(path, message)


def test_files_that_are_no_json(path):
    for text, reason in (
        ("", "Expecting value: line 1 column 1 (char 0)"),
        ('{"schema": ', "Expecting value: line 1 column 12 (char 11)"),
        ("[" * 100_000, "too many lists in lists"),
    ):
        path.write_text(text)
        assert_refused(path, f"not readable as JSON ({reason})")
    path.write_text("[1]")
    assert_refused(path, "no poses of h2ot-infer or write_poses: 'schema' is not 'h2ot-edge/poses'")


def test_what_is_missing(path):
    document = written(path, full())
    del document["axes"]
    path.write_text(json.dumps(document))
    assert_refused(path, "axes is missing")


def assert_refused(path, message):
    with pytest.raises(InputError) as caught:
        read_poses(path)
    assert str(caught.value) == f"{path}: {message}; the file is damaged, write it again"
