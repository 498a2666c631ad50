"""windows.py against the slow and obvious."""

import numpy as np
import pytest
from tiny_models import tiny_card

from h2ot_edge.errors import UsageError
from h2ot_edge.windows import WindowPlan, checked_overlap

LENGTHS = (1, 2, 8, 9)


def plans(centred, clips=(1, 3)):
    """Plans of every clip length up to three windows, with every overlap."""
    for window in LENGTHS:
        for overlap in [0] if centred else range(window // 2 + 1):
            for frames in range(1, 3 * window + 2):
                for n in clips:
                    yield WindowPlan(
                        clips=n, frames=frames, window=window, overlap=overlap, centred=centred
                    )


def rebatched(plan, batch, fixed):
    names = ("clips", "frames", "window", "overlap", "centred")
    least = batch if fixed else 1
    return WindowPlan(**{name: getattr(plan, name) for name in names}, batch=batch, least=least)


def lift(plan, keypoints, model):
    """Through the plan, as the engine does it."""
    out = np.full((*keypoints.shape[:3], 3), np.nan, np.float32)
    for windows in plan.batches():
        cut = plan.cut(keypoints, windows)
        assert len(cut) <= plan.batch
        assert len(cut) >= plan.least
        plan.join(model(cut), windows, out)
    return out


def random_clips(plan, seed=0):
    return np.random.default_rng(seed).normal(size=(plan.clips, plan.frames, 2, 3)).astype("f")


def whole_window_model(windows):
    """What it gives for a frame depends on the whole window and on the place in it."""
    place = np.arange(windows.shape[1])[:, None, None] / 10
    total = windows.sum(axis=(1, 2, 3), keepdims=True)
    return (windows[..., :3] * 0.5 + np.sin(total) + place).astype(np.float32)


def centre_model(windows):
    centre = (windows.shape[1] - 1) // 2
    return whole_window_model(windows)[:, centre : centre + 1]


def clip_frame(clip, number):
    """A frame, the first or last one if there is none of that number."""
    return clip[min(max(number, 0), len(clip) - 1)]


def covering_starts(frames, window, overlap):
    """First frames of the windows that cover a clip: step by step, the last one at the end."""
    if frames <= window:
        return [-((window - frames) // 2)]
    starts = [0]
    while starts[-1] + window < frames:
        starts.append(min(starts[-1] + window - overlap, frames - window))
    return starts


def stitched_slowly(clip, window, overlap):
    """One frame at a time, one window after the other, in float64."""
    starts = covering_starts(len(clip), window, overlap)
    cut = [np.stack([clip_frame(clip, start + i) for i in range(window)]) for start in starts]
    given = [whole_window_model(one[None])[0].astype(float) for one in cut]
    poses = []
    for frame in range(len(clip)):
        pose = None
        for number, start in enumerate(starts):
            if not start <= frame < start + window:
                continue
            if pose is None:
                pose = given[number][frame - start]
                continue
            shared = starts[number - 1] + window - start
            weight = (frame - start + 1) / (shared + 1)
            pose = (1 - weight) * pose + weight * given[number][frame - start]
        poses.append(pose)
    return np.stack(poses)


def centred_slowly(clip, window):
    """One window for each frame."""
    poses = []
    for frame in range(len(clip)):
        first = frame - (window - 1) // 2
        cut = np.stack([clip_frame(clip, first + i) for i in range(window)])
        poses.append(centre_model(cut[None])[0, 0])
    return np.stack(poses)


def test_stitching_agrees_with_one_frame_at_a_time():
    compared = 0
    for plan in plans(centred=False):
        clips = random_clips(plan)
        expected = [stitched_slowly(clip, plan.window, plan.overlap) for clip in clips]
        for batch, fixed in ((1, True), (4, True), (5, False)):
            poses = lift(rebatched(plan, batch, fixed), clips, whole_window_model)
            np.testing.assert_allclose(poses, expected, atol=2e-6, err_msg=str(plan))
            compared += 1
    assert compared == 1698


def test_centring_agrees_with_one_frame_at_a_time():
    compared = 0
    for plan in plans(centred=True):
        clips = random_clips(plan)
        expected = [centred_slowly(clip, plan.window) for clip in clips]
        for batch, fixed in ((1, True), (4, True), (5, False)):
            poses = lift(rebatched(plan, batch, fixed), clips, centre_model)
            np.testing.assert_allclose(poses, expected, atol=2e-6, err_msg=str(plan))
            compared += 1
    assert compared == 384


def test_what_does_not_depend_on_the_window_comes_out_as_it_went_in():
    for plan in plans(centred=False):
        clips = random_clips(plan)
        poses = lift(plan, clips, lambda windows: windows)
        np.testing.assert_allclose(poses, clips, atol=1e-6, err_msg=str(plan))


def test_weights_sum_to_one():
    for plan in plans(centred=False):
        poses = lift(plan, random_clips(plan), np.ones_like)
        np.testing.assert_array_equal(poses, 1, err_msg=str(plan))


def test_the_fade_is_linear():
    plan = WindowPlan(clips=1, frames=14, window=9, overlap=4)
    out = np.zeros((1, 14, 1, 3), np.float32)
    for windows in plan.batches():  # the first window gives 0, the second 1
        plan.join(np.full((1, 9, 1, 3), float(windows[0])), windows, out)
    expected = [0, 0, 0, 0, 0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1, 1]
    np.testing.assert_allclose(out[0, :, 0, 0], expected, atol=1e-6)


def test_no_frame_is_in_more_windows_than_two_but_at_the_end():
    for plan in plans(centred=False, clips=(1,)):
        starts = plan.starts(np.arange(len(plan)))
        inner = starts[:-1]
        for frame in range(plan.frames):
            assert sum(start <= frame < start + plan.window for start in inner) <= 2, plan


def test_a_short_clip_sits_in_the_middle_of_its_window():
    plan = WindowPlan(clips=1, frames=3, window=9)
    clip = np.arange(3, dtype=np.float32).reshape(1, 3, 1, 1)
    cut = plan.cut(clip, np.array([0]))
    np.testing.assert_array_equal(cut.ravel(), [0, 0, 0, 0, 1, 2, 2, 2, 2])


def test_batches_are_filled_across_clips():
    plan = WindowPlan(clips=3, frames=27, window=9, batch=4)
    assert [windows.tolist() for windows in plan.batches()] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8],
    ]


@pytest.mark.parametrize(
    ("count", "sizes"), [(1, [2]), (2, [2]), (3, [3]), (5, [4, 2]), (8, [4, 4])]
)
def test_a_call_of_too_few_windows_repeats_its_last_one(count, sizes):
    plan = WindowPlan(clips=1, frames=9 * count, window=9, batch=4, least=2)
    clips = np.arange(9 * count, dtype=np.float32).reshape(1, -1, 1, 1)
    cut = [plan.cut(clips, windows) for windows in plan.batches()]
    assert [len(windows) for windows in cut] == sizes
    frames = np.concatenate(cut).reshape(-1, 9)[:, 0] / 9
    assert frames.tolist() == [*range(count), *[count - 1] * (sum(sizes) - count)]


def test_a_fixed_batch_repeats_its_last_window():
    plan = WindowPlan(clips=1, frames=27, window=9, batch=2, least=2)
    clip = np.arange(27, dtype=np.float32).reshape(1, 27, 1, 1)
    cut = plan.cut(clip, np.array([2]))
    np.testing.assert_array_equal(cut[:, :, 0, 0], [np.arange(18, 27)] * 2)


@pytest.mark.parametrize(("frames", "expected"), [(243, 27), (81, 9), (27, 3), (351, 39), (8, 0)])
def test_the_default_overlap_is_a_ninth(frames, expected):
    assert checked_overlap(tiny_card(frames=frames), None) == expected


@pytest.mark.parametrize("overlap", [0, 1, 4])
def test_an_overlap_up_to_half_a_window_is_taken(overlap):
    assert checked_overlap(tiny_card(), overlap) == overlap


@pytest.mark.parametrize("overlap", [-1, 5])
def test_another_overlap_is_refused(overlap):
    with pytest.raises(UsageError) as caught:
        checked_overlap(tiny_card(), overlap)
    assert str(caught.value) == (f"overlap: expected 0 to 4 frames, half a window, got {overlap}")


def test_seq2frame_has_no_overlap():
    card = tiny_card(mode="seq2frame")
    assert checked_overlap(card, None) == 0
    with pytest.raises(UsageError) as caught:
        checked_overlap(card, 3)
    assert str(caught.value) == (
        "overlap: expected none, got 3; a seq2frame model slides by one frame"
    )


def test_frames_that_windows_kept_are_flagged():
    """Also where windows begin before their clip and end behind it."""
    for plan, expected in (
        (WindowPlan(clips=2, frames=12, window=5, overlap=2), [0, 3, 6, 7, 9, 10]),
        (WindowPlan(clips=2, frames=3, window=5), [2]),
        (WindowPlan(clips=2, frames=3, window=5, centred=True), [0, 1, 2]),
    ):
        out = np.zeros((2, plan.frames), bool)
        for windows in plan.batches():
            plan.mark(np.array([[0, 3]]), windows, out)
        assert [np.flatnonzero(flags).tolist() for flags in out] == [expected] * 2
