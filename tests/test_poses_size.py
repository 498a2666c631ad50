"""Poses in metres."""

import numpy as np
import pytest

from h2ot_edge.bones import BONES, STATURE_IN_BONES, bone_lengths, upright_length
from h2ot_edge.errors import InputError, UnknownName, UsageError
from h2ot_edge.gait import Walk
from h2ot_edge.poses import Poses

WALK = Walk(stature_m=1.8).joints(np.arange(40) / 50)
ABOUT = (WALK - WALK[:, :1]).astype(np.float32)
TALL = STATURE_IN_BONES * upright_length(bone_lengths(WALK[0]))
"""Its stature as the factor has it."""


def poses(positions=0.37 * ABOUT, unit="normalised", **changes):
    return Poses(positions=positions, unit=unit, fps=50, **changes)


def refusal(error, made, *args, **kwargs):
    with pytest.raises(error) as caught:
        made.to_metric(*args, **kwargs)
    return str(caught.value)


def test_stature_gives_metres():
    found = poses().to_metric(TALL)
    np.testing.assert_allclose(found, ABOUT, atol=1e-6)
    assert (found.unit, found.frame, found.fps) == ("m", "root", 50)
    assert found.filters == (f"to_metric(height_m={TALL:.4g})",)


def test_frames_that_are_not_valid_do_not_count():
    spoilt, valid = 0.37 * ABOUT, np.ones((40, 17), bool)
    spoilt[:30] *= 3
    valid[:30] = False
    found = poses(spoilt, valid=valid).to_metric(TALL)
    np.testing.assert_allclose(found[30:], ABOUT[30:], atol=1e-6)


def test_one_leg_is_enough():
    valid = np.ones((40, 17), bool)
    valid[:, 1:4] = False
    np.testing.assert_allclose(poses(valid=valid).to_metric(TALL), ABOUT, atol=1e-6)


def test_every_clip_has_a_scale_of_its_own():
    both = np.stack([0.3 * ABOUT, 0.8 * ABOUT])
    same = poses(both).to_metric(TALL)
    np.testing.assert_allclose(same, np.stack([ABOUT, ABOUT]), atol=1e-6)
    found = poses(both).to_metric([TALL, 1.2 * TALL])
    np.testing.assert_allclose(found, np.stack([ABOUT, 1.2 * ABOUT]), atol=1e-6)
    assert found.filters == (f"to_metric(height_m={TALL:.4g} {1.2 * TALL:.4g})",)


def test_bones_give_metres():
    lengths = bone_lengths(WALK[0])
    known = {name: float(lengths[BONES.index(name)]) for name in ("rthigh", "lforearm")}
    found = poses().to_metric(bones=known)
    np.testing.assert_allclose(found, ABOUT, atol=1e-6)
    words = f"rthigh {known['rthigh']:g}, lforearm {known['lforearm']:g}"
    assert found.filters == (f"to_metric(bones: {words})",)


def test_bones_that_contradict_are_met_in_the_least_squares():
    """Bones of 3 and 4 that should be 3 and 8: scale (3 * 3 + 4 * 8) / (9 + 16)."""
    drawn = np.zeros((1, 17, 3), np.float32)
    drawn[0, 2, 1], drawn[0, 3, 1] = 0.3, 0.7
    found = poses(drawn).to_metric(bones={"rthigh": 0.3, "rshank": 0.8})
    np.testing.assert_allclose(found, drawn * 41 / 25, rtol=1e-6)


def test_metres_are_scaled_only_if_asked():
    made = poses(ABOUT, unit="m")
    assert refusal(InputError, made, TALL) == (
        "to_metric: expected poses of unit 'normalised', got 'm'; they are metric already, pass "
        "rescale=True to give the person another size"
    )
    np.testing.assert_allclose(made.to_metric(0.7 * TALL, rescale=True), 0.7 * ABOUT, atol=1e-6)


@pytest.mark.parametrize("given", [{}, {"height_m": 1.8, "bones": {"rthigh": 0.4}}])
def test_one_of_height_and_bones(given):
    expected = "to_metric: expected height_m or bones, got both or neither"
    assert refusal(UsageError, poses(), **given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"height_m": 175}, "height_m: expected metres, 0.01 to 3, got 175"),
        ({"height_m": np.nan}, "height_m: expected metres, 0.01 to 3, got nan"),
        (
            {"height_m": [1.7, 1.8]},
            "height_m: expected one number, or one for each of 1 clips, got (2,)",
        ),
        ({"bones": {"head": 0}}, "bones['head']: expected metres, 0.01 to 3, got 0"),
        ({"bones": {}}, "bones: expected the length of at least one, got none"),
    ],
)
def test_sizes_that_cannot_be(given, expected):
    assert refusal(UsageError, poses(), **given) == expected


def test_bones_have_names():
    assert refusal(UnknownName, poses(), bones={"rthig": 0.4}) == (
        f"no bone 'rthig'; did you mean 'rthigh'? (known: {', '.join(BONES)})"
    )


def test_what_was_never_seen_tells_no_size():
    valid = np.ones((40, 17), bool)
    valid[:, [3, 6, 13]] = False
    made = poses(valid=valid)
    assert refusal(InputError, made, 1.8) == (
        "to_metric: expected ankle, knee, hip, spine, thorax, neck and head valid in some frame "
        "each with its neighbour, to tell the stature by, got one that never is; give bones={...} "
        "that were seen"
    )
    known = {"rshank": 0.4, "rthigh": 0.4, "lforearm": 0.3}
    assert refusal(InputError, made, bones=known) == (
        "to_metric: the poses hold no valid rshank, lforearm; give bones that were seen"
    )
