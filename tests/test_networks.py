"""Every backbone x pruner x recoverer x mode, in small; and the published sizes in numbers."""

import numpy as np
import pytest
import torch
from goldens import fill_by_name

from h2ot_edge.export.backbones import BACKBONES
from h2ot_edge.export.backbones.mhformer import MHFormer
from h2ot_edge.export.backbones.mixste import MixSTE
from h2ot_edge.export.backbones.motionagformer import MotionAGFormer
from h2ot_edge.export.backbones.motionbert import MotionBERT
from h2ot_edge.export.network import Lifter, folded, mirrored
from h2ot_edge.export.options import preset_plan
from h2ot_edge.export.published_flops import published_flops
from h2ot_edge.export.tokens import PRUNERS, TokenPlan
from h2ot_edge.export.tokens.selection import Selection

SMALL = {
    "motionbert": lambda plan: MotionBERT(plan, width=16, mlp_ratio=2, heads=4, rep=16),
    "mixste": lambda plan: MixSTE(plan, width=16, heads=4),
    "mhformer": lambda plan: MHFormer(plan, width=16, hidden=32, heads=4),
    "motionagformer": lambda plan: MotionAGFormer(
        plan, layers=4, width=16, heads=4, neighbours=2, rep=16
    ),
}
"""All blocks of the published networks (MotionAGFormer: 4 of them), narrow."""

STEPS = {"motionbert": (1, 3), "mixste": (2, 5), "mhformer": (1, 2), "motionagformer": (1, 3)}
"""Blocks in front of which the hierarchical plans prune."""

RECOVERIES = (
    ("seq2seq", "tra"),
    ("seq2seq", "tri"),
    ("seq2seq", "nearest"),
    ("seq2frame", "none"),
)


def small(backbone, plan, seed=3):
    network = SMALL[backbone](plan).eval()
    fill_by_name(network, seed)
    return network


def pruned(backbone, prune, mode, recover, frames, *, steps):
    """A plan with one step to a third of the frames, or with a second one to a fifth."""
    # MotionAGFormer looks for two neighbours of each frame.
    last = max(frames // 5, 2 if backbone == "motionagformer" else 1)
    schedule = dict(zip(STEPS[backbone], (frames // 3, last), strict=True))
    if steps == 1:
        del schedule[STEPS[backbone][1]]
    return TokenPlan(frames=frames, schedule=schedule, prune=prune, recover=recover, mode=mode)


def windows_for(network, batch=3, seed=0):
    """Different windows of moving points, the last of them with frames twice each."""
    rng = np.random.default_rng(seed)
    shape = (batch, network.plan.frames, 17, network.channels_in)
    windows = np.cumsum(rng.normal(size=shape), axis=1) * 0.2
    windows[-1] = windows[-1, np.arange(network.plan.frames) // 2 * 2]
    return torch.from_numpy(windows.astype(np.float32))


def run(network, windows):
    with torch.no_grad():
        poses, kept = network(windows)
    return poses.numpy(), kept.numpy()


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5)


def check(network):
    """What holds for every network; gives its poses and kept frames."""
    plan = network.plan
    windows = windows_for(network)
    poses, kept = run(network, windows)
    assert poses.shape == (3, plan.frames if plan.mode == "seq2seq" else 1, 17, 3)
    assert poses.dtype == np.float32
    assert np.isfinite(poses).all()
    assert poses.std() > 1e-3, "the network answers the same to everything"
    assert kept.shape == (3, plan.kept)
    assert kept.dtype == np.int64
    assert (np.diff(kept, axis=1) > 0).all()
    assert kept.min() >= 0
    assert kept.max() < plan.frames
    if plan.mode == "seq2frame":
        assert (kept == plan.centre).any(axis=1).all()

    again, kept_again = run(network, windows)
    np.testing.assert_array_equal(again, poses)
    np.testing.assert_array_equal(kept_again, kept)

    for window, its_poses, its_kept in zip(windows.split(1), poses, kept, strict=True):
        alone, kept_alone = run(network, window)
        np.testing.assert_array_equal(kept_alone, [its_kept])
        close(alone, [its_poses])

    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    poses_folded, kept_folded = run(folded(network), windows)
    np.testing.assert_array_equal(kept_folded, kept)
    close(poses_folded, poses)
    after = network.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before), "fold changed the source"
    return poses, kept


@pytest.mark.parametrize("mode", ["seq2seq", "seq2frame"])
@pytest.mark.parametrize("frames", [9, 18, 27, 36])
@pytest.mark.parametrize("backbone", SMALL)
def test_unpruned(backbone, frames, mode):
    poses, kept = check(small(backbone, TokenPlan(frames=frames, mode=mode)))
    np.testing.assert_array_equal(kept, [range(frames)] * 3)
    assert len(np.unique(poses[:, 0, 0, 0])) == 3


@pytest.mark.parametrize(("frames", "steps"), [(9, 2), (18, 1), (27, 2)])
@pytest.mark.parametrize(("mode", "recover"), RECOVERIES)
@pytest.mark.parametrize("prune", PRUNERS)
@pytest.mark.parametrize("backbone", SMALL)
def test_every_combination(backbone, prune, mode, recover, frames, steps):
    check(small(backbone, pruned(backbone, prune, mode, recover, frames, steps=steps)))


def test_fewer_frames_than_neighbours():
    plan = TokenPlan(frames=9, schedule={1: 3, 2: 1}, prune="tps", recover="tri")
    check(small("motionagformer", plan))


@pytest.mark.parametrize("prune", ["tpc", "tpmo", "tpa"])
@pytest.mark.parametrize("backbone", SMALL)
def test_windows_of_a_batch_keep_different_frames(backbone, prune):
    network = small(backbone, pruned(backbone, prune, "seq2seq", "tri", 27, steps=1))
    _, kept = run(network, windows_for(network))
    assert len(np.unique(kept, axis=0)) == 3


@pytest.mark.parametrize("mode", ["seq2seq", "seq2frame"])
@pytest.mark.parametrize("prune", ["tpc", "tpmo", "tpa"])
@pytest.mark.parametrize("backbone", SMALL)
def test_kept_are_frames_of_the_window_after_many_steps(backbone, prune, mode):
    recover = "tri" if mode == "seq2seq" else "none"
    network = small(backbone, pruned(backbone, prune, mode, recover, 27, steps=2))
    positions = []
    for module in network.modules():
        if isinstance(module, Selection):
            module.register_forward_hook(lambda *call: positions.append(call[-1].numpy()))
    _, kept = run(network, windows_for(network))
    first, second = positions
    assert (first.shape, second.shape) == ((3, 9), (3, 5))
    assert second.max() < 9
    for window in range(3):
        assert kept[window].tolist() == [first[window][p] for p in second[window]]


def test_kept_of_even_steps_are_frames_of_the_window():
    # 27 -> 9: 0, 3.25, 6.5, ... rounded, halves up; of these 9 every second.
    network = small("motionbert", pruned("motionbert", "tps", "seq2seq", "tri", 27, steps=2))
    _, kept = run(network, windows_for(network))
    np.testing.assert_array_equal(kept, [[0, 7, 13, 20, 26]] * 3)


@pytest.mark.parametrize("prune", PRUNERS)
@pytest.mark.parametrize("backbone", SMALL)
def test_the_centre_frame_is_one_of_the_rows(backbone, prune):
    network = small(backbone, pruned(backbone, prune, "seq2frame", "none", 18, steps=2))
    windows = windows_for(network)
    poses, kept = run(network, windows)
    with torch.no_grad():
        rows = network.regress(network.tokens_of(windows).rows).reshape(3, 3, 17, 3)
    for window in range(3):
        (place,) = np.flatnonzero(kept[window] == 8)
        close(poses[window, 0], rows[place, window].numpy())


@pytest.mark.parametrize("recover", ["tri", "nearest"])
@pytest.mark.parametrize("prune", ["tpc", "tps"])
@pytest.mark.parametrize("backbone", SMALL)
def test_poses_between_the_kept_frames(backbone, prune, recover):
    network = small(backbone, pruned(backbone, prune, "seq2seq", recover, 27, steps=2))
    windows = windows_for(network)
    poses, kept = run(network, windows)
    with torch.no_grad():
        rows = network.regress(network.tokens_of(windows).rows).reshape(5, 3, 51).numpy()
    times = np.arange(27)
    for window in range(3):
        if recover == "nearest":
            order = [np.argmin(abs(kept[window] - t)) for t in times]
            expected = rows[order, window]
        else:
            expected = np.stack(
                [np.interp(times, kept[window], rows[:, window, i]) for i in range(51)], axis=1
            )
        close(poses[window].reshape(27, 51), expected)


@pytest.mark.parametrize("backbone", SMALL)
def test_attention_received_is_that_of_the_block_before(backbone):
    plan = pruned(backbone, "tpa", "seq2seq", "tri", 9, steps=1)
    network = small(backbone, plan)
    seen = []
    network.selection[str(STEPS[backbone][0])].register_forward_hook(
        lambda _module, inputs, _output: seen.append(inputs[2])
    )
    run(network, windows_for(network))
    (received,) = seen
    expected = {"motionbert": 2, "mixste": 1, "mhformer": 3, "motionagformer": 1}[backbone]
    assert len(received) == expected, "one for each temporal attention of the block before"
    for attention in received:
        # Each query gives away 1, so that of f frames each receives 1 / f in the mean.
        assert attention.shape == (3 * network.joints, 9)
        np.testing.assert_allclose(attention.sum(dim=1).numpy(), 1.0, atol=1e-5)
        assert attention.std() > 1e-3


def test_a_short_window_uses_the_first_of_motionberts_243_times():
    network = small("motionbert", TokenPlan(frames=9))
    windows = windows_for(network)
    poses, _ = run(network, windows)
    with torch.no_grad():
        network.temp_embed[:, 9:] += 1
    np.testing.assert_array_equal(run(network, windows)[0], poses)
    with torch.no_grad():
        network.temp_embed[:, 8] += torch.arange(16)
    assert abs(run(network, windows)[0] - poses).max() > 1e-3


@pytest.mark.parametrize("prune", ["none", "tpc", "tps"])
def test_flipping_is_the_mean_with_the_mirror_image(prune):
    plan = TokenPlan(frames=9)
    if prune != "none":
        plan = pruned("motionbert", prune, "seq2seq", "tri", 9, steps=1)
    network = small("motionbert", plan)
    windows = windows_for(network)
    poses, *kept = run_lifter(Lifter(network, flip_tta=True), windows)
    straight, its_kept = run(network, windows)
    mirror, _ = run(network, mirrored(windows))
    close(poses, (straight + mirrored(torch.from_numpy(mirror)).numpy()) / 2)
    if prune == "none":
        assert kept == []
    else:
        np.testing.assert_array_equal(kept[0], its_kept)


def run_lifter(lifter, windows):
    with torch.no_grad():
        return [output.numpy() for output in lifter(windows)]


def test_mirroring_swaps_left_and_right_and_changes_the_sign_of_x():
    points = torch.arange(17 * 3, dtype=torch.float32).reshape(17, 3)
    flipped = mirrored(points)
    swapped = [0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 10, 14, 15, 16, 11, 12, 13]
    expected = points.numpy()[swapped] * np.array([-1, 1, 1])
    np.testing.assert_array_equal(flipped.numpy(), expected)
    assert torch.equal(mirrored(flipped), points)


# Published sizes


def published(backbone, variant, plan):
    """Names and shapes, without memory."""
    with torch.device("meta"):
        network = BACKBONES[backbone].build(variant, plan)
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def variants():
    return [(name, variant) for name, family in BACKBONES.items() for variant in family.variants]


@pytest.mark.parametrize(("backbone", "variant"), variants())
def test_checkpoints_trained_without_pruning_fit_parameter_free_pruning(backbone, variant):
    family = BACKBONES[backbone].for_variant(variant)
    frames = family.variants[variant].frames
    unpruned = published(backbone, variant, TokenPlan(frames=frames))
    schedule = {family.hot_block: frames // 3}
    for prune in PRUNERS:
        for recover in ("tri", "nearest"):
            plan = TokenPlan(frames=frames, schedule=schedule, prune=prune, recover=recover)
            assert published(backbone, variant, plan) == unpruned
    hierarchical = preset_plan(family, "h2ot", TokenPlan(frames=frames, mode=family.mode))
    assert published(backbone, variant, hierarchical) == unpruned


@pytest.mark.parametrize(("backbone", "variant"), variants())
def test_learned_recovery_adds_its_parameters_and_no_others(backbone, variant):
    family = BACKBONES[backbone].for_variant(variant)
    frames = family.variants[variant].frames
    unpruned = published(backbone, variant, TokenPlan(frames=frames))
    hot = preset_plan(family, "hot", TokenPlan(frames=frames, mode="seq2seq"))
    assert hot.recover == "tra"
    state = published(backbone, variant, hot)
    linears = ("linear_q", "linear_k", "linear_v", "proj")
    added = {"pos_embed_token", "x_token", *(f"cross_attention.{n}.weight" for n in linears)}
    biased = linears[3:] if backbone == "motionagformer" else linears
    added |= {f"cross_attention.{name}.bias" for name in biased}
    assert state.keys() - unpruned.keys() == added
    assert unpruned.keys() <= state.keys()
    width = state["x_token"][2]
    assert state["x_token"] == (1, frames, width)
    assert state["pos_embed_token"] == (1, frames // 3, width)
    changed = {name for name in unpruned if state[name] != unpruned[name]}
    # Its BatchNorm is over frames, of which a trained pruned network has fewer.
    assert all("graph_temporal.mixer.batch_norm" in name for name in changed)
    assert bool(changed) == (backbone == "motionagformer")


TPC = {"prune": "tpc", "mode": "seq2frame"}
HOT = {"prune": "tpc", "recover": "tra"}
CENTRE = {"mode": "seq2frame"}

PUBLISHED = {
    "MixSTE": ("mixste", "base", TokenPlan(frames=243)),
    "TPC-MixSTE": ("mixste", "base", TokenPlan(frames=243, schedule={7: 61}, **TPC)),
    "HoT-MixSTE": ("mixste", "base", TokenPlan(frames=243, schedule={3: 81}, **HOT)),
    "MotionBERT": ("motionbert", "lite", TokenPlan(frames=243)),
    "HoT-MotionBERT": ("motionbert", "lite", TokenPlan(frames=243, schedule={1: 81}, **HOT)),
    "MHFormer": ("mhformer", "base", TokenPlan(frames=351, **CENTRE)),
    "TPC-MHFormer": ("mhformer", "base", TokenPlan(frames=351, schedule={1: 117}, **TPC)),
    "MotionAGFormer": ("motionagformer", "hot", TokenPlan(frames=243)),
    "HoT-MotionAGFormer": (
        "motionagformer",
        "hot",
        TokenPlan(frames=243, schedule={7: 81}, **HOT),
    ),
}

MILLIONS = {
    "MixSTE": 33.78,
    "TPC-MixSTE": 33.78,
    "HoT-MixSTE": 35.00,
    "MotionBERT": 16.00,
    "HoT-MotionBERT": 16.35,
    "MHFormer": 31.52,
    "TPC-MHFormer": 31.52,
    "MotionAGFormer": 11.72,
    "HoT-MotionAGFormer": 11.83,
}
"""Parameters, as the project's specification has them (backbones.md)."""

GIGAFLOPS = {
    "MixSTE": (277.25, 294.85),
    "TPC-MixSTE": (251.29, 266.85),
    "HoT-MixSTE": (167.52, 176.18),
    "MotionBERT": (131.09, 142.09),
    "HoT-MotionBERT": (None, 66.86),
    "MHFormer": (14.15, 16.44),
    "TPC-MHFormer": (8.22, 9.16),
    "MotionAGFormer": (None, 128.92),
    "HoT-MotionAGFormer": (None, 76.66),
}
"""Linear and Conv layers alone, as the papers print them, and with the attention products; from the
same place, which has no printed figure for some."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_of_the_published_networks(name):
    with torch.device("meta"):
        backbone, variant, plan = PUBLISHED[name]
        network = BACKBONES[backbone].build(variant, plan)
    millions = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    assert round(millions, 2) == MILLIONS[name]


def test_parameters_of_the_larger_motionbert():
    with torch.device("meta"):
        network = BACKBONES["motionbert"].build("full", TokenPlan(frames=243))
    millions = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    assert round(millions, 1) == 42.5


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
def test_operations_of_the_published_networks(name):
    backbone, variant, plan = PUBLISHED[name]
    flops = published_flops(BACKBONES[backbone].build(variant, plan).eval())
    linear, total = GIGAFLOPS[name]
    if linear is not None:
        assert flops.linear / 1e9 == pytest.approx(linear, rel=1e-3)
    assert flops.total / 1e9 == pytest.approx(total, rel=1e-3)


def test_flops_of_a_recovering_network_without_joints_can_be_counted():
    # MHFormer's learned queries reach the attention as a view of a parameter.
    plan = TokenPlan(frames=9, schedule={1: 3}, prune="tpc", recover="tra")
    flops = published_flops(MHFormer(plan, width=16, hidden=16, heads=4).eval())
    assert 0 < flops.products < flops.linear
