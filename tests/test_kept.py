"""`Poses.kept` of `Engine.infer`: the frames whose tokens pruning kept."""

import numpy as np
import pytest
from small_networks import FAMILY, options
from tiny_models import save_tiny, tiny_card

from h2ot_edge import Engine
from h2ot_edge._kept import KeptTokens, evenly_spaced, kept_of_source
from h2ot_edge.export import BACKBONES, choose_plan, export_model
from h2ot_edge.export.tokens import tps
from h2ot_edge.keypoints import prepare_keypoints
from h2ot_edge.rates import Resampling
from h2ot_edge.windows import WindowPlan

EVEN = {"prune": "tps", "recover": "tri", "schedule": {1: 5, 2: 3}}
GIVEN = {"prune": "tpc", "recover": "tri", "schedule": {2: 3}, "with_kept": True, "batch": 1}


def clip(*shape, seed=0):
    keypoints = np.random.default_rng(seed).uniform(-1, 1, (*shape, 17, 3)).astype(np.float32)
    keypoints[..., 2] = 0.5
    return keypoints


def load(tmp_path, **card):
    return Engine.load(save_tiny(tmp_path / "tiny.onnx", tiny_card(**card)), threads=1, overlap=0)


def frames_kept(poses):
    return np.flatnonzero(poses.kept).tolist()


# what is known


def test_frames_that_are_kept_of_every_window_are_known_from_the_card(tmp_path):
    with load(tmp_path, **EVEN) as engine:  # 9 to 5 to 3: 0 2 4 6 8, then 0 4 8
        assert frames_kept(engine.infer(clip(9))) == [0, 4, 8]
        assert frames_kept(engine.infer(clip(27))) == [0, 4, 8, 9, 13, 17, 18, 22, 26]


def test_frames_that_the_model_tells(tmp_path):
    with load(tmp_path, **GIVEN) as engine:  # it says 0 1 2 of every window
        poses = engine.infer(clip(2, 20))
    assert poses.kept.shape == (2, 20)
    for each in poses.clips():
        assert frames_kept(each) == [0, 1, 2, 9, 10, 11, 12, 13]


def test_what_repeats_the_ends_of_a_clip_is_no_frame(tmp_path):
    with load(tmp_path, **EVEN) as engine:
        assert frames_kept(engine.infer(clip(5))) == [2], "-2, 2 and 6"


def test_surplus_windows_of_a_fixed_batch_do_not_count(tmp_path):
    with load(tmp_path, **{**EVEN, "batch": 4}) as engine:
        assert frames_kept(engine.infer(clip(9))) == [0, 4, 8]
        assert engine.infer(clip(3, 30)).kept.shape == (3, 30)


@pytest.mark.parametrize(
    "card",
    [
        {},
        {**GIVEN, "with_kept": False},
        {"prune": "tps", "schedule": {1: 3}, "mode": "seq2frame"},
    ],
    ids=["nothing pruned", "not told", "seq2frame"],
)
def test_where_nobody_knows_or_it_says_nothing(tmp_path, card):
    path = save_tiny(tmp_path / "tiny.onnx", tiny_card(**card))
    with Engine.load(path, threads=1) as engine:
        assert engine.infer(clip(20)).kept is None


# other frame rates


@pytest.mark.parametrize(
    ("fps", "frames", "expected"),
    [
        (25, 14, [0, 2, 4, 6, 8, 9, 11, 13]),  # of 27 frames those below; odd ones lie between
        (100, 53, [0, 8, 16, 18, 26, 34, 36, 44, 52]),
        (50, 27, [0, 4, 8, 9, 13, 17, 18, 22, 26]),
    ],
)
def test_resampled_clips_mark_the_frame_that_is_nearest_in_time(tmp_path, fps, frames, expected):
    with load(tmp_path, **EVEN, training={"fps": 50}) as engine:
        found = engine.infer(clip(frames), fps=fps)
    assert frames_kept(found) == expected


def test_nearest_in_time():
    way = Resampling(np.array([0, 1, 3.0]), np.array([0, 0.4, 0.6, 1.9, 2.1, 3.0]))
    for number, nearest in enumerate([0, 0, 1, 1, 2, 2]):
        found = kept_of_source(np.arange(6)[None] == number, way)
        assert np.flatnonzero(found).tolist() == [nearest]
    assert np.flatnonzero(kept_of_source(np.ones((1, 6), bool), way)).tolist() == [0, 1, 2]


# against the exporter


def test_even_spacing_is_that_of_the_pruner():
    for frames in range(1, 100):
        for keep in range(1, frames):
            assert evenly_spaced(frames, keep).tolist() == tps.positions(frames, keep, None)
    for frames, keep in ((243, 81), (243, 61), (351, 117), (243, 242)):
        assert evenly_spaced(frames, keep).tolist() == tps.positions(frames, keep, None)


def exported(path, prune, schedule, **changes):
    plan = choose_plan(FAMILY, 9, prune=prune, schedule=schedule, recover="tri")
    return export_model(options(plan=plan, **changes), path)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setitem(BACKBONES, "small", FAMILY)


@pytest.mark.usefixtures("small")
def test_the_card_says_what_the_network_gives(tmp_path):
    path = tmp_path / "small.onnx"
    card = exported(path, "tps", {0: 7, 1: 4}, with_kept=True)
    with Engine.load(path, threads=1) as engine:
        outputs = engine.run_windows(clip(1, 9))
    given = outputs.pop("kept")
    np.testing.assert_array_equal(KeptTokens(card).of(outputs), given)


@pytest.mark.usefixtures("small")
def test_a_frame_is_kept_if_any_window_kept_it(tmp_path):
    """The definition, written out, for a choice that looks at the data."""
    path = tmp_path / "small.onnx"
    exported(path, "tpmo", {1: 3}, with_kept=True)
    keypoints = clip(31)
    with Engine.load(path, threads=1, overlap=4) as engine:
        poses = engine.infer(keypoints)
        ready, _ = prepare_keypoints(keypoints, engine.card, None)
        plan = WindowPlan(clips=1, frames=31, window=9, overlap=4)
        expected = set()
        for window in range(len(plan)):
            number = np.array([window])
            kept = engine.run_windows(plan.cut(ready, number))["kept"][0]
            expected |= {int(frame + plan.starts(number)[0]) for frame in kept}
    assert set(frames_kept(poses)) == expected
    assert 10 < len(expected) < 31
