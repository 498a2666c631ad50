"""A joint whose confidence is not above 0 is missing, whoever asks and whatever is done then."""

import numpy as np
import pytest
from live_streams import FRAMES, Clock, frames, load

from h2ot_edge._gaps import seen_in
from h2ot_edge.layouts import h36m_from
from h2ot_edge.live.convert import converter_of
from h2ot_edge.live.intake import Intake
from h2ot_edge.missing import Holder, fill_missing
from h2ot_edge.skeleton import JOINTS

NOT_ABOVE = [0.0, -0.0, -0.3, -1.0, -1e-30]


def unsure(confidence, count=FRAMES):
    """Frames of which joint 5 of frame 3 has such a confidence, and which joints were found."""
    clip, seen = frames(count), np.ones((count, 17), bool)
    clip[3, 5, 2], seen[3, 5] = confidence, False
    return clip, seen


@pytest.mark.parametrize("confidence", NOT_ABOVE)
def test_the_rule(confidence):
    clip, seen = unsure(confidence)
    np.testing.assert_array_equal(seen_in(clip), seen)
    assert seen_in(clip[..., :2]).all()


@pytest.mark.parametrize("confidence", NOT_ABOVE)
@pytest.mark.parametrize("on_missing", ["hold", "interpolate", "nan", None])
def test_clips_go_by_it_with_every_policy(tmp_path, confidence, on_missing):
    clip, seen = unsure(confidence)
    with load(tmp_path) as engine:
        poses = engine.infer(clip, on_missing=on_missing)
    np.testing.assert_array_equal(poses.confidence > 0, seen)
    np.testing.assert_array_equal(poses.confidence[seen], clip[seen][:, 2])
    if on_missing is not None:
        np.testing.assert_array_equal(fill_missing(clip, on_missing=on_missing).seen, seen)
        assert poses.valid.all()
    else:
        np.testing.assert_array_equal(poses.valid, seen)


@pytest.mark.parametrize("confidence", NOT_ABOVE)
def test_streams_go_by_it(tmp_path, confidence):
    clip, seen = unsure(confidence)
    read = [Intake(None).read(frame) for frame in clip]
    np.testing.assert_array_equal([one.seen for one in read], seen)
    assert [one.whole for one in read] == seen.all(axis=1).tolist()
    with load(tmp_path) as engine:
        stream = engine.stream(lookahead=0, clock=Clock())
        poses = [stream.push(frame) for frame in clip]
    np.testing.assert_array_equal([pose.confidence > 0 for pose in poses], seen)


@pytest.mark.parametrize("confidence", NOT_ABOVE)
def test_who_holds_goes_by_it(confidence):
    clip, _ = unsure(confidence)
    holder = Holder(max_gap_s=1.0)
    held = [holder.push(frame, number / 50)[0] for number, frame in enumerate(clip)]
    np.testing.assert_array_equal(held[3][5, :2], clip[2, 5, :2])


@pytest.mark.parametrize("confidence", NOT_ABOVE)
@pytest.mark.parametrize("layout", ["coco17", "body25", "mpii16"])
def test_joints_made_of_one_that_is_missing_are_missing(confidence, layout):
    convert = converter_of(layout)
    joints = convert.layout.joints
    frame = np.random.default_rng(0).uniform(0.1, 1, (len(joints), 3)).astype(np.float32)
    gone = next(iter(convert.layout.sources["spine"]))
    rules = [convert.layout.sources[joint] for joint in JOINTS]
    frame[joints.index(gone), 2] = confidence
    made = [gone not in rule for rule in rules]
    assert not all(made)
    np.testing.assert_array_equal(seen_in(convert(frame)), made)
    np.testing.assert_array_equal(seen_in(h36m_from(frame, layout)), made)
