"""seams.py: jumps that were put in are found, where they were put in."""

import math

import numpy as np
import pytest

from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.seams import SeamJump, seam_jump, seam_steps, steps_mm
from h2ot_edge.windows import WindowPlan


def plan(frames, window, overlap, clips=1):
    return WindowPlan(clips=clips, frames=frames, window=window, overlap=overlap)


def lifted(plan, offsets):
    """Poses of somebody who moves 1 mm a frame, of windows that each are off by an offset in m."""
    poses = np.arange(plan.frames)[:, None, None] * np.array([0.001, 0, 0]) * np.ones((17, 1))
    truth = np.broadcast_to(poses, (plan.clips, *poses.shape)).astype(np.float32)
    out = np.empty_like(truth)
    for windows in plan.batches():
        off = np.array([offsets[number] for number in windows], np.float32)
        plan.join(plan.cut(truth, windows) + off[:, None, None, None] * [1, 0, 0], windows, out)
    return out


@pytest.mark.parametrize("overlap", [0, 1, 4])
@pytest.mark.parametrize("frames", [1, 5, 10, 11, 25, 33])
def test_steps_of_seams_are_those_that_a_window_boundary_changes(frames, overlap):
    """Windows that are off by ever more change every step across a border, and no other."""
    here = plan(frames, 10, overlap)
    moved = lifted(here, [0.1 * 3**number for number in range(len(here))])[0]
    changed = np.abs(steps_mm(moved.astype(float)) - 1) > 0.5
    np.testing.assert_array_equal(seam_steps(here), changed)


def test_a_jump_without_overlap_is_what_was_put_in():
    here = plan(40, 10, 0, clips=2)
    jump = seam_jump(lifted(here, [0, 0.02, 0.04, 0.06] * 2), here, fps=50.0)
    assert jump.seams == 6
    assert jump.seam_mm == pytest.approx(21, abs=1e-3)
    assert jump.worst_mm == pytest.approx(21, abs=1e-3)
    assert jump.elsewhere_mm == pytest.approx(1, abs=1e-3)
    assert jump.jump_mm == pytest.approx(20, abs=1e-3)
    assert jump.jump_mm_per_s == pytest.approx(1000, abs=0.1)


def test_an_overlap_spreads_the_jump_over_its_steps():
    here = plan(28, 10, 4)
    jump = seam_jump(lifted(here, [0, 0.02, 0.04, 0.06]), here)
    assert jump.jump_mm == pytest.approx(20 / 5, abs=1e-3)
    assert math.isnan(jump.jump_mm_per_s)


def test_no_seams_no_figure():
    here = plan(7, 10, 4)
    jump = seam_jump(lifted(here, [0])[0], here, fps=25.0)
    assert jump.seams == 0
    assert jump.elsewhere_mm == pytest.approx(1, abs=1e-3)
    for value in (jump.seam_mm, jump.worst_mm, jump.jump_mm, jump.jump_mm_per_s):
        assert math.isnan(value)


def test_one_frame_has_no_steps():
    assert seam_steps(plan(1, 10, 4)).shape == (0,)
    assert math.isnan(seam_jump(np.zeros((1, 17, 3)), plan(1, 10, 4)).elsewhere_mm)


def test_unknown_joints_have_no_steps():
    here = plan(40, 10, 0)
    poses = lifted(here, [0, 0.02, 0.04, 0.06])
    whole = seam_jump(poses, here)
    poses[:, 5:8] = np.nan
    poses[:, :, 3] = np.nan
    assert seam_jump(poses, here) == SeamJump(
        seams=3,
        seam_mm=pytest.approx(whole.seam_mm),
        elsewhere_mm=pytest.approx(whole.elsewhere_mm),
        worst_mm=pytest.approx(whole.worst_mm),
    )


def test_poses_of_another_plan():
    with pytest.raises(InputError) as caught:
        seam_jump(np.zeros((30, 17, 3)), plan(40, 10, 0))
    assert str(caught.value) == (
        "poses: expected (1, 40, 17, 3), as the plan has clips and frames, got (30, 17, 3); give "
        "the poses of all its clips"
    )


def test_a_window_for_every_frame_has_no_seams():
    with pytest.raises(UsageError) as caught:
        seam_steps(WindowPlan(clips=1, frames=40, window=9, centred=True))
    assert str(caught.value) == (
        "seams: expected the plan of a seq2seq model; a seq2frame model gives every frame from a "
        "window of its own"
    )
