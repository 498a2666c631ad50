"""layouts/: tables that are as documented, and what becomes of missing joints."""

import numpy as np
import pytest

from h2ot_edge.detections import h36m_from_coco
from h2ot_edge.errors import InputError, UnknownName
from h2ot_edge.layouts import LAYOUTS, h36m_from, layouts_with
from h2ot_edge.layouts.coco17 import COCO17
from h2ot_edge.skeleton import JOINTS

SIZES = {
    "h36m": 17,
    "coco17": 17,
    "coco133": 133,
    "halpe26": 26,
    "halpe136": 136,
    "body25": 25,
    "openpose18": 18,
    "mediapipe33": 33,
    "mpii16": 16,
}

# Numbers of joints as the documents have them, written down by hand and not by the tables' names.
NUMBERS = {
    "coco17": {"neck": 0, "lshoulder": 5, "rwrist": 10, "lhip": 11, "rhip": 12, "rankle": 16},
    "coco133": {"neck": 0, "lshoulder": 5, "rwrist": 10, "lhip": 11, "rhip": 12, "rankle": 16},
    "halpe26": {"hip": 19, "thorax": 18, "head": 17, "neck": 0, "lhip": 11, "rankle": 16},
    "halpe136": {"hip": 19, "thorax": 18, "head": 17, "neck": 0, "lhip": 11, "rankle": 16},
    "body25": {
        **{"neck": 0, "thorax": 1, "rshoulder": 2, "relbow": 3, "rwrist": 4, "lshoulder": 5},
        **{"lwrist": 7, "hip": 8, "rhip": 9, "rknee": 10, "rankle": 11, "lhip": 12, "lankle": 14},
    },
    "openpose18": {
        **{"neck": 0, "thorax": 1, "rshoulder": 2, "rwrist": 4, "lshoulder": 5, "lwrist": 7},
        **{"rhip": 8, "rknee": 9, "rankle": 10, "lhip": 11, "lknee": 12, "lankle": 13},
    },
    "mediapipe33": {
        **{"neck": 0, "lshoulder": 11, "rshoulder": 12, "lelbow": 13, "rwrist": 16},
        **{"lhip": 23, "rhip": 24, "lknee": 25, "rankle": 28},
    },
    "mpii16": {
        **{"rankle": 0, "rknee": 1, "rhip": 2, "lhip": 3, "lknee": 4, "lankle": 5, "hip": 6},
        **{"thorax": 7, "neck": 8, "head": 9, "rwrist": 10, "relbow": 11, "rshoulder": 12},
        **{"lshoulder": 13, "lelbow": 14, "lwrist": 15},
    },
}

MIDDLES = {
    "coco17": {"hip": (11, 12), "thorax": (5, 6), "spine": (5, 6, 11, 12), "head": (1, 2)},
    "coco133": {"hip": (11, 12), "thorax": (5, 6), "spine": (5, 6, 11, 12), "head": (1, 2)},
    "halpe26": {"spine": (18, 19)},
    "body25": {"spine": (1, 8), "head": (15, 16)},
    "openpose18": {"hip": (8, 11), "spine": (1, 1, 8, 11), "head": (14, 15)},
    "mediapipe33": {"hip": (23, 24), "thorax": (11, 12), "spine": (11, 12, 23, 24), "head": (2, 5)},
    "mpii16": {"spine": (6, 7)},
}


def points(joints, channels=3, frames=3):
    rng = np.random.default_rng(joints)
    return rng.uniform(0.1, 1, (frames, joints, channels)).astype(np.float32)


def test_every_layout_is_counted():
    assert {name: len(layout.joints) for name, layout in LAYOUTS.items()} == SIZES


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_table_is_whole(name):
    layout = LAYOUTS[name]
    assert layout.name == name
    assert len(set(layout.joints)) == len(layout.joints)
    assert set(layout.sources) == set(JOINTS)
    assert layout.used <= set(layout.joints)
    assert layout.origin
    for rule in layout.sources.values():
        assert sum(rule.values()) == 1


@pytest.mark.parametrize("name", NUMBERS)
def test_joints_are_where_the_documents_have_them(name):
    source = points(SIZES[name])
    converted = h36m_from(source, name)
    for joint, number in NUMBERS[name].items():
        np.testing.assert_array_equal(converted[:, JOINTS.index(joint)], source[:, number])


@pytest.mark.parametrize("name", MIDDLES)
def test_joints_that_a_detector_has_not_are_middles_of_others(name):
    source = points(SIZES[name])
    converted = h36m_from(source, name)
    for joint, numbers in MIDDLES[name].items():
        found, sources = converted[:, JOINTS.index(joint)], source[:, list(numbers)]
        np.testing.assert_allclose(found[:, :2], sources[..., :2].mean(axis=1), rtol=1e-6)
        np.testing.assert_array_equal(found[:, 2], sources[..., 2].min(axis=1))


@pytest.mark.parametrize("name", LAYOUTS)
def test_left_and_right_stay_where_they_are(name):
    """A person whose left joints are at x = 1, the right ones at -1 and the others at 0."""
    layout = LAYOUTS[name]
    side = [
        (joint.startswith("l") or joint.endswith("left"))
        - (joint.startswith("r") or joint.endswith("right"))
        for joint in layout.joints
    ]
    source = np.zeros((1, len(side), 2))
    source[0, :, 0] = side
    wanted = [joint.startswith("l") - joint.startswith("r") for joint in JOINTS]
    assert h36m_from(source, name)[0, :, 0].tolist() == wanted


def test_human36m_stays_as_it_is():
    np.testing.assert_array_equal(h36m_from(points(17), "h36m"), points(17))


def test_any_axes_and_two_channels():
    source = points(25, channels=2, frames=6)
    several = h36m_from(source.reshape(2, 3, 25, 2), "body25")
    assert several.shape == (2, 3, 17, 2)
    assert several.dtype == np.float32
    np.testing.assert_array_equal(several.reshape(6, 17, 2), h36m_from(source, "body25"))
    np.testing.assert_array_equal(h36m_from(source[0].tolist(), "body25"), several[0, 0])


@pytest.mark.parametrize("missing", [0, np.nan])
def test_a_joint_of_several_is_missing_if_one_of_them_is(missing):
    source = points(17)
    source[1, 11] = missing  # the left hip
    converted = h36m_from(source, "coco17")
    for joint in ("hip", "spine"):
        assert converted[1, JOINTS.index(joint)].tolist() == [0, 0, 0]
        assert (converted[[0, 2], JOINTS.index(joint)] > 0).all()
    np.testing.assert_array_equal(converted[1, JOINTS.index("lhip")], [missing] * 3)
    assert np.isfinite(converted[1, JOINTS.index("thorax")]).all()


def test_a_place_without_confidence_is_not_taken_either():
    source = points(17)
    source[0, 5, 2] = 0
    assert h36m_from(source, "coco17")[0, JOINTS.index("thorax")].tolist() == [0, 0, 0]


def test_without_confidences_nan_goes_on():
    source = points(17, channels=2)
    source[0, 5] = np.nan
    assert np.isnan(h36m_from(source, "coco17")[0, JOINTS.index("thorax")]).all()


def test_the_first_name_of_cocos_rule():
    source = points(17).astype(float)
    assert h36m_from_coco(source).dtype == np.float64
    np.testing.assert_array_equal(h36m_from_coco(source), COCO17.to_h36m(source))


def test_layouts_by_their_number_of_joints():
    assert layouts_with(17) == ("h36m", "coco17")
    assert layouts_with(33) == ("mediapipe33",)
    assert layouts_with(21) == ()


@pytest.mark.parametrize("shape", [(3, 24, 3), (3, 25, 4), (25,), (3, 25)])
def test_another_shape(shape):
    with pytest.raises(InputError) as caught:
        h36m_from(np.zeros(shape), "body25")
    assert str(caught.value) == (
        f"keypoints: expected (..., 25, 2|3), the joints of body25, got {shape}"
    )


def test_what_is_no_array_of_numbers():
    with pytest.raises(InputError) as caught:
        h36m_from([["a", "b"]] * 17, "coco17")
    assert str(caught.value) == "keypoints: expected an array of real numbers, got dtype <U1"
    with pytest.raises(InputError) as caught:
        h36m_from([[1, 2], [3]], "coco17")
    assert str(caught.value) == (
        "keypoints: expected an array of real numbers, got nested sequences of different lengths; "
        "give every frame the same joints and channels"
    )


def test_no_such_layout():
    with pytest.raises(UnknownName) as caught:
        h36m_from(points(17), "coco")
    assert str(caught.value) == (
        "no layout 'coco'; did you mean 'coco17'? (known: h36m, coco17, coco133, halpe26, "
        "halpe136, body25, openpose18, mediapipe33, mpii16)"
    )
