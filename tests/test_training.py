"""The training loop: does it learn, is it repeatable, does it go on after a kill?"""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from motions import walkers

from h2ot_edge.benchmarks.motion.detector import CLEAN
from h2ot_edge.errors import CheckpointError, InputError, MissingExtra, UsageError
from h2ot_edge.export.backbones import BACKBONES, Family, Variant
from h2ot_edge.export.backbones.motionbert import MotionBERT
from h2ot_edge.export.tokens import TokenPlan
from h2ot_edge.export.training import Recipe, make_stages
from h2ot_edge.export.training.curves import draw, read_log
from h2ot_edge.export.training.learner import begin_training, share_of_rate
from h2ot_edge.export.training.losses import (
    position_error,
    scale_free_error,
    training_loss,
    velocity_error,
)
from h2ot_edge.export.training.run import sampling, unvaried
from h2ot_edge.export.training.trainer import Trainer

SIZES = {"width": 16, "mlp_ratio": 2, "heads": 2, "rep": 16, "depth": 2, "pose_hidden": 32}
FAMILY = Family(
    summary="two blocks behind a pose embedding, for tests",
    network=MotionBERT,
    variants={"base": Variant(frames=9, sizes=SIZES)},
    hot_block=1,
    h2ot_steps={1: 1 / 3},
    unit="m",
    licence="none",
)
DENSE = TokenPlan(frames=9)
PRUNED = TokenPlan(frames=9, prune="tpc", recover="tra", schedule={1: 3})


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setitem(BACKBONES, "posed", FAMILY)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def recipe(plan=DENSE, steps=(6, 4, 4), **changes):
    stages = make_stages(plan, steps, windows=(32, 4, 4))
    return Recipe(backbone="posed", variant="base", stages=stages, **changes)


def trainer(folder, asked=None, **changes):
    clips = sampling(walkers(2), unvaried(CLEAN), seed=0)
    return Trainer(
        asked or recipe(),
        folder,
        sampling=clips,
        validation=clips,
        **{"validate_every": 3, **changes},
    )


def weights_of(path):
    return torch.load(path, weights_only=True)


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


def test_training_is_repeatable(tmp_path):
    first, second = (weights_of(trainer(tmp_path / name).run()) for name in "ab")
    assert_same(first, second)
    other = weights_of(trainer(tmp_path / "c", recipe(seed=1)).run())
    assert not torch.equal(first["head.weight"], other["head.weight"])


class Killed(Exception):
    pass


@pytest.mark.parametrize("at", [2, 6, 8, 13])
def test_a_killed_run_goes_on_as_if_nothing_had_been(tmp_path, at):
    whole = weights_of(trainer(tmp_path / "whole").run())

    def kill(done, error_mm):
        if done == at:
            raise Killed

    with pytest.raises(Killed):
        trainer(tmp_path / "killed", save_every_s=0.0).run(kill)
    assert not (tmp_path / "killed" / "weights.pt").exists()
    assert_same(whole, weights_of(trainer(tmp_path / "killed", save_every_s=0.0).run()))
    assert len({r["total"] for r in read_log(tmp_path / "killed")}) > 3


def test_a_finished_run_is_not_run_again(tmp_path):
    whole = weights_of(trainer(tmp_path).run())
    done = []
    again = trainer(tmp_path)
    assert_same(whole, weights_of(again.run(lambda step, error_mm: done.append(step))))
    assert done == []
    assert again.figures["val_mpjpe_mm"] > 0


def test_it_learns(tmp_path):
    steps = make_stages(DENSE, (150, 0, 60), windows=(64, 8, 8), rates=(3e-3, 3e-3, 2e-3))
    run = trainer(tmp_path, Recipe(backbone="posed", variant="base", stages=steps, average=0.9))
    run.run()
    errors = [r["train_mpjpe_mm"] for r in read_log(tmp_path) if "train_mpjpe_mm" in r]
    assert errors[-1] < 0.7 * errors[0]
    assert run.figures["val_mpjpe_mm"] < 0.7 * errors[0]


def test_products_can_be_computed_in_bfloat16(tmp_path):
    steps = make_stages(DENSE, (150, 0, 0), windows=(64, 8, 8), rates=(3e-3, 3e-3, 2e-3))
    errors = {}
    for half in (False, True):
        asked = Recipe(backbone="posed", variant="base", stages=steps, average=0.9, bfloat16=half)
        run = trainer(tmp_path / str(half), asked)
        weights = weights_of(run.run())
        assert {tensor.dtype for tensor in weights.values()} == {torch.float32}
        errors[half] = run.figures["val_mpjpe_mm"]
    assert errors[True] != errors[False]
    assert errors[True] == pytest.approx(errors[False], rel=0.1)


def test_a_network_begins_as_its_embedding_and_head():
    network = FAMILY.build("base", DENSE)
    begin_training(network, torch.Generator().manual_seed(0))
    window = torch.rand(2, 9, 17, 3)
    with torch.no_grad():
        whole = network(window)[0]
        network.depth = 0
        torch.testing.assert_close(network(window)[0], whole, atol=1e-6, rtol=0)


def test_stages_hand_their_weights_on(tmp_path):
    """What a stage does not train is what the stages before it left."""
    first = make_stages(DENSE, (6, 0, 0), windows=(32, 4, 4))
    embedding = weights_of(
        trainer(tmp_path / "a", Recipe(backbone="posed", variant="base", stages=first)).run()
    )
    still = tuple(replace(stage, rate=0.0) for stage in make_stages(PRUNED, (0, 1, 1)))
    later = trainer(
        tmp_path / "b",
        Recipe(backbone="posed", variant="base", stages=still, decay=0.0),
        begin=embedding,
    )
    both = weights_of(later.run())
    for name, tensor in embedding.items():
        torch.testing.assert_close(both[name], tensor)
    assert {"x_token", "pos_embed_token", "cross_attention.proj.weight"} <= both.keys()


def test_the_result_is_a_checkpoint_that_exports(tmp_path):
    from h2ot_edge.export import ExportOptions, export_model

    path = trainer(tmp_path, recipe(PRUNED)).run()
    options = ExportOptions(backbone="posed", variant="base", plan=PRUNED, checkpoint=path)
    card = export_model(options, tmp_path / "model.onnx")
    assert card.weights["source"] == "checkpoint"
    assert card.parity["kept_differ"] == 0


def test_another_recipe_is_refused(tmp_path):
    trainer(tmp_path).run()
    with pytest.raises(UsageError) as caught:
        trainer(tmp_path, recipe(steps=(6, 4, 5)))
    assert str(caught.value) == (
        f"{tmp_path}: holds a run that was made of something else (recipe.stages); give the same "
        "options to go on with it, or another --output"
    )


def test_other_data_are_refused(tmp_path):
    trainer(tmp_path, made_of={"data": {"sha256": "1", "files": ["a"]}, "noise": "clean"}).run()
    with pytest.raises(UsageError) as caught:
        trainer(tmp_path, made_of={"data": {"sha256": "2", "files": ["a"]}, "noise": "noisy"})
    assert str(caught.value) == (
        f"{tmp_path}: holds a run that was made of something else (data.sha256, noise); give the "
        "same options to go on with it, or another --output"
    )


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda w: {"foo": torch.ones(1)}, "114 weights are missing (the first is pos_embed)"),
        (
            lambda w: {**w, "head.weight": torch.ones(1)},
            "1 weights have another shape (the first is head.weight)",
        ),
        (
            lambda w: {**w, "head.bias": torch.full((3,), torch.nan)},
            "1 weights hold NaN or infinity (the first is head.bias)",
        ),
    ],
)
def test_weights_to_begin_from_must_fit(tmp_path, change, problem):
    network = FAMILY.build("base", DENSE)
    begin_training(network, torch.Generator().manual_seed(0))
    with pytest.raises(CheckpointError) as caught:
        trainer(tmp_path / "run", begin=change(network.state_dict()))
    assert str(caught.value) == (
        f"--begin: {problem}; give weights of this backbone, variant and window, of any pruning"
    )
    assert not (tmp_path / "run").exists()


def test_only_a_recoverers_weights_may_be_missing(tmp_path):
    network = FAMILY.build("base", DENSE)
    begin_training(network, torch.Generator().manual_seed(1))
    trainer(tmp_path, recipe(PRUNED, steps=(0, 0, 1)), begin=network.state_dict())


def test_a_broken_run_is_refused(tmp_path):
    trainer(tmp_path).run()
    last = tmp_path / "last.pt"
    last.write_bytes(last.read_bytes()[:1000])
    with pytest.raises(CheckpointError) as caught:
        trainer(tmp_path)
    assert str(caught.value) == (
        f"{last}: cannot be read (RuntimeError); remove the file to begin anew, or give another "
        "--output"
    )


def test_the_rate_rises_and_falls():
    rates = [share_of_rate(step, 1000) for step in range(1000)]
    assert rates[0] == pytest.approx(1 / 30)
    assert max(rates) == 1.0
    assert np.argmax(rates) in (29, 30)
    assert (np.diff(rates[30:]) < 0).all()
    assert rates[-1] == pytest.approx(0.02, abs=1e-4)


def test_stages_without_steps_are_left_out():
    names = [stage.name for stage in make_stages(PRUNED, (1, 0, 2))]
    assert names == ["poses", "full"]
    sparse = make_stages(PRUNED, (0, 1, 0))[0]
    assert sparse.plan == TokenPlan(frames=9, prune="tps", recover="tri", schedule={0: 1})


# Losses


def test_losses_against_values_worked_out_by_hand():
    truth = torch.zeros(1, 2, 2, 3)
    truth[0, :, 1] = torch.tensor([3.0, 0.0, 4.0])
    poses = truth.clone()
    poses[0, 1, 0, 1] = 2.0
    assert position_error(poses, truth).item() == pytest.approx(2 / 4)
    assert velocity_error(poses, truth).item() == pytest.approx(2 / 2)
    assert scale_free_error(3 * truth, truth).item() == pytest.approx(0.0, abs=1e-6)
    assert training_loss(2 * truth, truth).item() == pytest.approx(2.5)


def test_a_single_frame_has_no_velocity():
    truth = torch.rand(2, 1, 17, 3)
    expected = position_error(truth + 0.1, truth) + 0.5 * scale_free_error(truth + 0.1, truth)
    torch.testing.assert_close(training_loss(truth + 0.1, truth), expected)


# Logs


def test_a_log_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    trainer(tmp_path / "run").run()
    draw([tmp_path / "run"], tmp_path / "log.png")
    assert (tmp_path / "log.png").stat().st_size > 10_000


def test_a_log_needs_matplotlib(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match=r"pip install 'h2ot-edge\[viz\]'$"):
        draw([tmp_path], tmp_path / "log.png")


def test_a_repeated_step_counts_once(tmp_path):
    lines = [
        {"stage": "full", "step": s, "rate": 0.1, "train_mpjpe_mm": float(s)} for s in (1, 2, 2)
    ]
    lines[2]["train_mpjpe_mm"] = 7.0
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert [record["train_mpjpe_mm"] for record in read_log(tmp_path)] == [1.0, 7.0]


def test_logs_that_cannot_be_read(tmp_path):
    path = tmp_path / "log.jsonl"
    with pytest.raises(InputError) as caught:
        read_log(tmp_path)
    assert str(caught.value) == f"{path}: no such file; expected the log of a training run"
    path.write_text('{"stage": "full", "step": 1}\n{"stage":')
    with pytest.raises(InputError) as caught:
        read_log(tmp_path)
    assert str(caught.value) == (
        f"{path}: line 2 is no record of a training step; remove that line"
    )
