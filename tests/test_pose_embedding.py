"""The embedding that sees whole poses, and the networks behind it."""

import numpy as np
import pytest
import torch
from small_networks import SmallPosedMotionBERT, graph_of

from h2ot_edge.engines.onnx_model import open_session
from h2ot_edge.export.backbones.pose_embedding import FEATURES, features
from h2ot_edge.export.layers import published_init
from h2ot_edge.export.network import Lifter, folded
from h2ot_edge.export.tokens import TokenPlan

PLANS = {
    "unpruned": TokenPlan(frames=9),
    "tpc, tra": TokenPlan(frames=9, prune="tpc", recover="tra", schedule={1: 3}),
    "tps, tri": TokenPlan(frames=9, prune="tps", recover="tri", schedule={0: 5, 1: 3}),
}


def window(seed=0, windows=2):
    """(b, 9, 17, 3) of plausible keypoints."""
    points = torch.randn(windows, 9, 17, 3, generator=torch.Generator().manual_seed(seed))
    points[..., 2] = points[..., 2].sigmoid()
    return points


def seen(keypoints):
    """What the MLP sees: of (b, f, 17, 3), (b, f, 54)."""
    return features(keypoints.permute(1, 0, 2, 3)).permute(1, 0, 2)


def network(plan=PLANS["unpruned"]):
    built = SmallPosedMotionBERT(plan)
    published_init(built, torch.Generator().manual_seed(0))
    return built.eval()


def test_a_pose_is_centred_and_scaled():
    keypoints = window()
    flat = seen(keypoints)[..., :34].reshape(2, 9, 17, 2)
    weight = keypoints[..., 2:]
    centre = (flat * weight).sum(dim=2) / weight.sum(dim=2)
    torch.testing.assert_close(centre, torch.zeros(2, 9, 2), atol=2e-4, rtol=0)
    size = (flat.square() * weight).sum(dim=(1, 2, 3)) / weight.sum(dim=(1, 2, 3))
    torch.testing.assert_close(size, torch.ones(2), atol=1e-3, rtol=0)


def test_place_and_size_are_told_apart_from_the_pose():
    keypoints = window()
    moved = keypoints.clone()
    moved[..., :2] = 0.5 * moved[..., :2] + torch.tensor([0.3, -0.2])
    before, after = seen(keypoints), seen(moved)
    torch.testing.assert_close(after[..., :51], before[..., :51], atol=2e-3, rtol=0)
    expected = 0.5 * before[..., 51:53] + torch.tensor([0.3, -0.2])
    torch.testing.assert_close(after[..., 51:53], expected, atol=2e-3, rtol=0)
    grown = after[..., 53] - before[..., 53]
    torch.testing.assert_close(grown, torch.full((2, 9), float(np.log(0.5))), atol=2e-3, rtol=0)


def test_nothing_of_an_absent_joint_is_used():
    keypoints = window()
    keypoints[:, 2:5, [0, 16], 2] = 0.0
    elsewhere = keypoints.clone()
    elsewhere[:, 2:5, [0, 16], :2] = 7.0
    with torch.no_grad():
        assert torch.equal(network()(keypoints)[0], network()(elsewhere)[0])


@pytest.mark.parametrize("frames", [slice(3, 5), slice(None)])
def test_frames_without_anybody_give_finite_poses(frames):
    keypoints = window()
    keypoints[:, frames] = 0.0
    assert seen(keypoints).shape == (2, 9, FEATURES)
    with torch.no_grad():
        assert torch.isfinite(network()(keypoints)[0]).all()


def test_windows_of_a_batch_do_not_see_each_other():
    both, other = window(0), window(1)
    mixed = torch.stack([both[0], other[1]])
    with torch.no_grad():
        torch.testing.assert_close(network()(mixed)[0][0], network()(both)[0][0], atol=1e-6, rtol=0)


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_the_hip_is_the_origin(plan):
    with torch.no_grad():
        poses = network(plan)(window())[0]
    assert torch.equal(poses[:, :, 0], torch.zeros(2, 9, 3)) or plan.recover == "tri"
    torch.testing.assert_close(poses[:, :, 0], torch.zeros(2, 9, 3), atol=1e-6, rtol=0)


@pytest.mark.parametrize("batch", [2, None])
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_the_graph_computes_what_the_network_does(plan, batch):
    original = network(plan)
    session = open_session(graph_of(original, batch=batch))
    keypoints = window()
    with torch.no_grad():
        expected = Lifter(original, flip_tta=False)(keypoints)[0]
    found = session.run(["poses"], {"keypoints": keypoints.numpy()})[0]
    np.testing.assert_allclose(found, expected.numpy(), atol=2e-6)
    assert folded(original).folded
