"""What an engine is built with, and what is refused before anything is built."""

import json

import pytest

from h2ot_edge.engines import BuildOptions
from h2ot_edge.engines.options import batch_of_text
from h2ot_edge.errors import UnknownName, UsageError


@pytest.mark.parametrize(
    ("text", "batch"),
    [("1:4:16", (1, 4, 16)), ("3", (3, 3, 3)), ("0:1:1", (0, 1, 1)), ("007", (7, 7, 7))],
)
def test_a_batch_is_three_numbers_or_one(text, batch):
    assert batch_of_text(text) == batch


@pytest.mark.parametrize(
    "text", ["", "1:2", "1:2:3:4", "-1", "1.5", "1:x:3", "one", " 1", "1\n", "1:2:3\n"]
)
def test_other_texts_are_no_batch(text):
    with pytest.raises(UsageError) as error:
        batch_of_text(text)
    assert str(error.value) == (
        f"batch {text!r}: expected MIN:OPT:MAX such as 1:4:16, or one number"
    )


@pytest.mark.parametrize("batch", [(0, 1, 1), (2, 1, 3), (1, 3, 2), (-1, -1, -1)])
def test_a_batch_ascends_from_one(batch):
    with pytest.raises(UsageError) as error:
        BuildOptions(batch=batch)
    assert str(error.value) == (
        f"batch {batch}: expected three positive numbers in ascending order"
    )


@pytest.mark.parametrize("batch", [(1, 1, 1), (1, 1, 2), (3, 3, 3), (1, 16, 256)])
def test_a_batch_may_be_one_number(batch):
    assert BuildOptions(batch=batch).batch == batch


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workspace_mib": 0}, "workspace_mib 0: expected 1 or more"),
        ({"workspace_mib": -5}, "workspace_mib -5: expected 1 or more"),
        ({"optimization_level": -1}, "optimization_level -1: expected 0 to 5"),
        ({"optimization_level": 6}, "optimization_level 6: expected 0 to 5"),
        ({"dla_core": -1}, "dla_core -1: expected 0 or more"),
        (
            {"refit": True, "strip_weights": True},
            "refit, strip_weights: an engine without weights can be refitted; give strip_weights "
            "alone",
        ),
        (
            {"compute_capability": "SM86"},
            "compute_capability SM86: TensorRT builds for the GPU that is there; only the target "
            "tensorrt-rtx builds for another",
        ),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(UsageError) as error:
        BuildOptions(**options)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("dla_core", 0),
        ("hardware_compatibility", "ampere+"),
        ("hardware_compatibility", "same"),
        ("version_compatible", True),
        ("typing", "weak"),
    ],
)
def test_what_rtx_has_not_is_refused(option, value):
    with pytest.raises(UsageError) as error:
        BuildOptions(target="tensorrt-rtx", **{option: value})
    assert str(error.value) == (
        f"{option} {value}: the target tensorrt-rtx has no such option; leave it out, or give the "
        "target tensorrt"
    )
    assert getattr(BuildOptions(**{option: value}), option) == value


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"target": "tensorrt-rtz"},
            "no target 'tensorrt-rtz'; did you mean 'tensorrt-rtx'? (known: tensorrt, "
            "tensorrt-rtx)",
        ),
        (
            {"typing": "string"},
            "no typing 'string'; did you mean 'strong'? (known: auto, strong, weak)",
        ),
        (
            {"hardware_compatibility": "ampere"},
            "no hardware compatibility 'ampere'; did you mean 'ampere+'? (known: none, ampere+, "
            "same)",
        ),
    ],
)
def test_unknown_names_are_refused(options, message):
    with pytest.raises(UnknownName) as error:
        BuildOptions(**options)
    assert str(error.value) == message


def test_the_ends_of_the_ranges_are_in_them():
    low = BuildOptions(workspace_mib=1, optimization_level=0, dla_core=0)
    assert (low.workspace_mib, low.optimization_level, low.dla_core) == (1, 0, 0)
    assert BuildOptions(optimization_level=5).optimization_level == 5
    rtx = BuildOptions(target="tensorrt-rtx", typing="strong", compute_capability="SM86")
    assert rtx.compute_capability == "SM86"


def test_the_document_is_the_one_that_sidecars_and_the_cache_have():
    """A changed key would make every engine that was built before look like another."""
    assert BuildOptions().to_dict() == {
        "target": "tensorrt",
        "batch": [1, 1, 8],
        "workspace_mib": None,
        "optimization_level": None,
        "typing": "auto",
        "version_compatible": False,
        "hardware_compatibility": "none",
        "refit": False,
        "strip_weights": False,
        "dla_core": None,
        "compute_capability": None,
        "layer_details": False,
    }
    options = BuildOptions(target="tensorrt-rtx", batch=(1, 2, 4), refit=True, layer_details=True)
    document = options.to_dict()
    assert json.loads(json.dumps(document)) == document
    assert BuildOptions(**{**document, "batch": tuple(document["batch"])}) == options
