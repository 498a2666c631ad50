"""Plans, schedules and export options: what is accepted, and what every refusal says."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_networks import FAMILY as SMALL

from h2ot_edge.errors import ScheduleError, UnknownName, UsageError
from h2ot_edge.export.backbones import BACKBONES, Variant
from h2ot_edge.export.options import ExportOptions, choose_plan, preset_plan
from h2ot_edge.export.tokens import TokenPlan, format_schedule, parse_schedule


def plan(**changes):
    """A plan that is right, with changes."""
    right = {"frames": 27, "schedule": {1: 9}, "prune": "tpc", "recover": "tri"}
    return TokenPlan(**{**right, **changes})


def refusal(kind, call, *arguments, **options):
    """The whole message of the error that a call raises; its class is exactly `kind`."""
    with pytest.raises(kind) as caught:
        call(*arguments, **options)
    assert type(caught.value) is kind
    return str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"schedule": {0: 26, 2: 13, 4: 1}},
        {"schedule": {4: 1, 0: 26}},
        {"schedule": {}, "prune": "none", "recover": "none"},
        {"schedule": {}, "prune": "none", "recover": "none", "mode": "seq2frame"},
        {"recover": "none", "mode": "seq2frame"},
        {"frames": 4000, "schedule": {0: 3840}},
        {"prune": "tps", "recover": "tra"},
        {"prune": "tpa", "recover": "nearest"},
    ],
)
def test_right_plans_pass(changes):
    plan(**changes).check(depth=5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"schedule": {5: 9}},
            "schedule step 5:9: expected a block from 0 to 4, got 5",
        ),
        (
            {"schedule": {-1: 9}},
            "schedule step -1:9: expected a block from 0 to 4, got -1",
        ),
        (
            {"schedule": {1: 0}},
            "schedule step 1:0: expected 1 to 3840 kept frames (TensorRT's TopK takes no more), "
            "got 0",
        ),
        (
            {"frames": 9000, "schedule": {1: 3841}},
            "schedule step 1:3841: expected 1 to 3840 kept frames (TensorRT's TopK takes no "
            "more), got 3841",
        ),
        (
            {"schedule": {1: 27}},
            "schedule step 1:27: expected fewer than the 27 frames that are there before block 1, "
            "got 27",
        ),
        (
            {"schedule": {1: 9, 3: 9}},
            "schedule step 3:9: expected fewer than the 9 frames that are there before block 3, "
            "got 9",
        ),
        (
            {"schedule": {3: 9, 1: 8}},
            "schedule step 3:9: expected fewer than the 8 frames that are there before block 3, "
            "got 9",
        ),
    ],
)
def test_steps_that_cannot_be_carried_out(changes, message):
    assert refusal(ScheduleError, plan(**changes).check, 5) == message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"schedule": {}},
            "pruner 'tpc' and schedule '' do not belong together; give both --prune and --keep, "
            "or --prune none alone",
        ),
        (
            {"prune": "none", "recover": "none", "schedule": {1: 9, 0: 20}},
            "pruner 'none' and schedule '0:20,1:9' do not belong together; give both --prune and "
            "--keep, or --prune none alone",
        ),
        (
            {"recover": "none"},
            "a pruned seq2seq model must recover its frames; choose --recover tra, tri or "
            "nearest, or --mode seq2frame",
        ),
        (
            {"mode": "seq2frame"},
            "--recover tri has nothing to do: seq2frame keeps the centre frame; leave it out",
        ),
        (
            {"schedule": {}, "prune": "none", "recover": "tra"},
            "--recover tra has nothing to do: nothing is pruned; leave it out",
        ),
    ],
)
def test_contradictions(changes, message):
    assert refusal(UsageError, plan(**changes).check, 5) == message


def test_a_network_is_not_built_from_a_wrong_plan():
    family = BACKBONES["motionbert"]
    assert refusal(ScheduleError, family.build, "lite", plan(schedule={5: 9})) == (
        "schedule step 5:9: expected a block from 0 to 4, got 5"
    )


@pytest.mark.parametrize("backbone", BACKBONES)
def test_attention_is_not_asked_for_before_the_first_block(backbone):
    family = BACKBONES[backbone]
    asked = plan(prune="tpa", schedule={0: 13, 1: 9})
    assert refusal(ScheduleError, family.build, family.default_variant, asked) == (
        "schedule step 0:13: pruner 'tpa' looks at the attention of the block before, and there "
        "is none before block 0; begin at block 1 or later"
    )


@pytest.mark.parametrize(("frames", "centre"), [(1, 0), (9, 4), (18, 8), (243, 121), (351, 175)])
def test_the_centre_frame(frames, centre):
    assert TokenPlan(frames=frames).centre == centre


@pytest.mark.parametrize(
    ("schedule", "kept"), [({}, 27), ({1: 9}, 9), ({1: 20, 3: 5}, 5), ({3: 5, 1: 20}, 5)]
)
def test_frames_left_at_the_end(schedule, kept):
    assert TokenPlan(frames=27, schedule=schedule).kept == kept


@pytest.mark.parametrize(
    ("text", "schedule"),
    [
        ("1:81", {1: 81}),
        ("1:121,3:81", {1: 121, 3: 81}),
        (" 3:81 , 1:121", {1: 121, 3: 81}),
        ("0:007", {0: 7}),
    ],
)
def test_schedules_are_read(text, schedule):
    assert parse_schedule(text) == schedule
    assert parse_schedule(format_schedule(schedule)) == schedule


def test_schedules_are_written_in_the_order_of_blocks():
    assert format_schedule({10: 5, 2: 40}) == "2:40,10:5"
    assert format_schedule({}) == ""


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("", ""),
        ("81", "81"),
        ("1:", "1:"),
        (":81", ":81"),
        ("1:81,", ""),
        ("1:81;3:27", "1:81;3:27"),
        ("1:81, 3=27", "3=27"),
        ("-1:81", "-1:81"),
        ("1:8.5", "1:8.5"),
        ("1 :81", "1 :81"),
        ("1:81:3", "1:81:3"),
        ("1:½", "1:½"),
    ],
)
def test_other_schedules_are_refused(text, got):
    assert refusal(ScheduleError, parse_schedule, text) == (
        f"schedule {text!r}: expected BLOCK:K[,BLOCK:K...] such as 1:121,3:81, got {got!r}"
    )


def test_a_block_cannot_be_named_twice():
    assert refusal(ScheduleError, parse_schedule, "1:81,01:27") == (
        "schedule '1:81,01:27': block 1 is named twice"
    )


HOT = {
    "motionbert": (243, {"schedule": {1: 81}, "prune": "tpc", "recover": "tra"}),
    "mixste": (243, {"schedule": {3: 81}, "prune": "tpc", "recover": "tra"}),
    "motionagformer": (243, {"schedule": {7: 81}, "prune": "tpc", "recover": "tra"}),
    "mhformer": (351, {"schedule": {1: 117}, "prune": "tpc", "mode": "seq2frame"}),
}
"""The published configurations, as the issue that asks for the presets lists them."""


@pytest.mark.parametrize("backbone", HOT)
def test_the_default_is_the_published_pruned_network(backbone):
    frames, published = HOT[backbone]
    chosen = choose_plan(BACKBONES[backbone], frames)
    assert chosen == TokenPlan(frames=frames, **published)
    assert chosen == choose_plan(BACKBONES[backbone], frames, preset="hot")


@pytest.mark.parametrize("backbone", BACKBONES)
def test_no_preset_prunes_nothing(backbone):
    family = BACKBONES[backbone]
    chosen = TokenPlan(frames=81, mode=family.mode)
    assert choose_plan(family, 81, preset="none") == chosen
    assert choose_plan(family, 81, prune="none") == chosen


@pytest.mark.parametrize("mode", ["seq2seq", "seq2frame"])
@pytest.mark.parametrize("preset", ["none", "hot", "h2ot"])
@pytest.mark.parametrize("backbone", BACKBONES)
def test_presets_can_be_carried_out_in_both_modes(backbone, preset, mode):
    variant = BACKBONES[backbone].default_variant
    family = BACKBONES[backbone].for_variant(variant)
    for frames in (27, 81, 243):
        if frames > (family.longest or frames):
            continue
        chosen = choose_plan(family, frames, preset=preset, mode=mode)
        assert chosen.mode == mode
        with torch.device("meta"):
            assert family.build(variant, chosen).plan is chosen
        options = ExportOptions(backbone=backbone, variant=variant, plan=chosen)
        assert options.preset == preset


def test_the_hierarchical_preset_keeps_half_a_third_and_a_quarter():
    chosen = choose_plan(BACKBONES["motionbert"], 243, preset="h2ot")
    assert chosen == TokenPlan(
        frames=243, schedule={1: 121, 2: 81, 3: 60}, prune="tps", recover="tri"
    )


@pytest.mark.parametrize(
    ("asked", "recover"),
    [
        ({"prune": "tpc", "schedule": {1: 9}}, "tri"),
        ({"prune": "tpc", "schedule": {1: 9}, "recover": "nearest"}, "nearest"),
        ({"prune": "tpc", "schedule": {1: 9}, "mode": "seq2frame"}, "none"),
        ({"recover": "tri"}, "tri"),
        ({"preset": "hot", "recover": "nearest"}, "nearest"),
        ({"preset": "hot", "mode": "seq2frame"}, "none"),
    ],
)
def test_what_recovers_if_nothing_is_said(asked, recover):
    chosen = choose_plan(BACKBONES["motionbert"], 27, **asked)
    assert chosen == TokenPlan(
        frames=27,
        schedule={1: 9},
        prune="tpc",
        recover=recover,
        mode=asked.get("mode", "seq2seq"),
    )


@pytest.mark.parametrize(
    ("kind", "asked", "message"),
    [
        (
            UsageError,
            {"preset": "hot", "prune": "tpc"},
            "--preset and --prune/--keep exclude each other; give one of them",
        ),
        (
            UsageError,
            {"preset": "hot", "schedule": {1: 9}},
            "--preset and --prune/--keep exclude each other; give one of them",
        ),
        (
            UsageError,
            {"schedule": {1: 9}},
            "--keep says how many frames stay; give --prune to say which",
        ),
        (
            UnknownName,
            {"preset": "hott"},
            "no preset 'hott'; did you mean 'hot'? (known: none, hot, h2ot)",
        ),
        (
            UnknownName,
            {"prune": "cluster", "schedule": {1: 9}},
            "no pruner 'cluster' (known: tpc, tpa, tpmo, tps)",
        ),
        (
            UnknownName,
            {"recover": "near"},
            "no recoverer 'near'; did you mean 'nearest'? (known: tra, tri, nearest, none)",
        ),
    ],
)
def test_options_that_are_refused(kind, asked, message):
    assert refusal(kind, choose_plan, BACKBONES["motionbert"], 27, **asked) == message


def test_an_unknown_preset_is_refused_by_the_plan_of_a_preset_too():
    family, blank = BACKBONES["motionbert"], TokenPlan(frames=27)
    assert refusal(UnknownName, preset_plan, family, "cold", blank) == (
        "no preset 'cold' (known: none, hot, h2ot)"
    )


def export_options(backbone="motionbert", variant="lite", frames=243, asked=None, **changes):
    chosen = choose_plan(BACKBONES["motionbert"], frames, **(asked or {}))
    return ExportOptions(backbone=backbone, variant=variant, plan=chosen, **changes)


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        (
            UnknownName,
            {"backbone": "motionbird"},
            "no backbone 'motionbird'; did you mean 'motionbert'? "
            "(known: motionbert, mixste, mhformer, motionagformer)",
        ),
        (
            UnknownName,
            {"variant": "large"},
            "no variant of motionbert 'large' (known: s, lite, full)",
        ),
        (UsageError, {"opset": 15}, "--opset 15: expected one of [16, 17, 18, 19, 20]"),
        (UsageError, {"batch": 0}, "--batch 0: expected a positive number or 'dynamic'"),
        (
            UsageError,
            {"with_kept": True, "asked": {"preset": "none"}},
            "--with-kept: nothing is pruned, so there are no kept frames to give",
        ),
    ],
)
def test_exports_that_are_refused(kind, changes, message):
    assert refusal(kind, export_options, **changes) == message


@pytest.mark.parametrize(
    ("backbone", "variant", "frames", "message"),
    [
        (
            *("mhformer", "base", 100),
            "--frames 100: expected a positive multiple of 9 for this backbone",
        ),
        ("mixste", "base", 0, "--frames 0: expected a positive number for this backbone"),
        ("motionbert", "lite", 244, "--frames 244: expected at most 243 for this backbone"),
    ],
)
def test_windows_that_the_architecture_does_not_admit(backbone, variant, frames, message):
    plan = TokenPlan(frames=frames, mode=BACKBONES[backbone].mode)
    options = ExportOptions(backbone=backbone, variant=variant, plan=plan)
    assert refusal(UsageError, options.build) == message


@pytest.mark.parametrize(
    ("changes", "preset", "name"),
    [
        ({}, "hot", "motionbert-lite-243-hot-random.onnx"),
        ({"variant": "full"}, "hot", "motionbert-full-243-hot-random.onnx"),
        ({"frames": 81}, "hot", "motionbert-lite-81-hot-random.onnx"),
        ({"checkpoint": Path("w.pth")}, "hot", "motionbert-lite-243-hot.onnx"),
        ({"flip_tta": True}, "hot", "motionbert-lite-243-hot-flip-random.onnx"),
        ({"asked": {"preset": "none"}}, "none", "motionbert-lite-243-dense-random.onnx"),
        ({"asked": {"preset": "h2ot"}}, "h2ot", "motionbert-lite-243-h2ot-random.onnx"),
        (
            {"asked": {"preset": "hot", "mode": "seq2frame"}},
            "hot",
            "motionbert-lite-243-hot-seq2frame-random.onnx",
        ),
        (
            {"asked": {"prune": "tpmo", "schedule": {3: 27, 1: 81}}},
            "custom",
            "motionbert-lite-243-tpmo-1x81-3x27-tri-random.onnx",
        ),
        (
            {"asked": {"prune": "tpc", "schedule": {1: 81}, "mode": "seq2frame"}},
            "hot",
            "motionbert-lite-243-hot-seq2frame-random.onnx",
        ),
        (
            {"asked": {"prune": "tps", "schedule": {1: 81}, "mode": "seq2frame"}},
            "custom",
            "motionbert-lite-243-tps-1x81-seq2frame-random.onnx",
        ),
        (
            {"asked": {"prune": "tpc", "schedule": {1: 81}, "recover": "tra"}},
            "hot",
            "motionbert-lite-243-hot-random.onnx",
        ),
        (
            {"asked": {"recover": "nearest"}},
            "custom",
            "motionbert-lite-243-tpc-1x81-nearest-random.onnx",
        ),
    ],
)
def test_the_preset_label_and_the_name_of_the_file(changes, preset, name):
    options = export_options(**changes)
    assert options.preset == preset
    assert options.file_name() == name


def test_a_backbone_made_for_the_centre_frame_says_when_it_gives_all():
    family = BACKBONES["mhformer"]
    names = [
        ExportOptions(
            backbone="mhformer", variant="base", plan=choose_plan(family, 351, mode=mode)
        ).file_name()
        for mode in (None, "seq2frame", "seq2seq")
    ]
    assert names == [
        "mhformer-base-351-hot-random.onnx",
        "mhformer-base-351-hot-random.onnx",
        "mhformer-base-351-hot-seq2seq-random.onnx",
    ]


# what a variant has of its own


OWN = Variant(
    frames=9,
    preset="h2ot",
    hot_block=0,
    h2ot_steps={0: 2 / 3},
    unit="m",
    root_relative=True,
    licence="ours",
    longest=9,
)


def test_what_a_variant_has_of_its_own_goes_before_what_its_family_has():
    family = replace(SMALL, variants={**SMALL.variants, "own": OWN})
    own = family.for_variant("own")
    assert choose_plan(own, 9) == TokenPlan(frames=9, schedule={0: 6}, prune="tps", recover="tri")
    assert choose_plan(own, 9, preset="hot").schedule == {0: 3}
    assert (own.unit, own.root_relative, own.licence, own.longest) == ("m", True, "ours", 9)
    assert own.variants == family.variants
    assert family.for_variant("base") == family
    blank = TokenPlan(frames=10)
    assert refusal(UsageError, family.build, "own", blank) == (
        "--frames 10: expected at most 9 for variant own"
    )


@pytest.mark.parametrize("name", BACKBONES["motionbert"].variants)
def test_a_motionbert_embeds_the_place_of_every_frame_of_its_longest_window(name):
    whole = BACKBONES["motionbert"]
    family, frames = whole.for_variant(name), whole.variants[name].frames
    with torch.device("meta"):
        network = whole.build(name, choose_plan(family, frames))
    assert network.temp_embed.shape[1] == family.longest == frames
    # Those of this project subtract the hip and give metres; the published ones do neither.
    ours = network.pose_embed is not None
    assert (family.root_relative, family.unit == "m") == (ours, ours)
    assert ours == (name not in ("lite", "full"))


def test_a_checkpoint_and_random_weights_exclude_each_other():
    assert refusal(UsageError, export_options, checkpoint=Path("w.pth"), random=True) == (
        "--checkpoint and --random-weights exclude each other; give one"
    )
