"""Weights files: which are taken, and what is said of the others."""

import hashlib
import os
import pickle
import re

import numpy as np
import pytest
import torch
from goldens import fill_by_name

from h2ot_edge.errors import CheckpointError
from h2ot_edge.export.backbones import BACKBONES
from h2ot_edge.export.checkpoints import WRAPPERS, load_checkpoint, read_state_dict
from h2ot_edge.export.options import ExportOptions, preset_plan
from h2ot_edge.export.tokens import TokenPlan

# Torch warns of what it takes for an unusual pickle before it fails on it.
pytestmark = pytest.mark.filterwarnings("ignore:Detected pickle protocol:UserWarning")


def options(backbone="motionagformer", variant="xs", frames=27, preset="none"):
    family = BACKBONES[backbone]
    plan = preset_plan(family, preset, TokenPlan(frames=frames, mode=family.mode))
    return ExportOptions(backbone=backbone, variant=variant, plan=plan)


def shapes(*of, **more):
    with torch.device("meta"):
        return options(*of, **more).build().state_dict()


def zeros(*of, **more):
    """A state dict of a published network, without its numbers: a small file."""
    return {
        name: torch.zeros((), dtype=tensor.dtype).expand(tensor.shape)
        for name, tensor in shapes(*of, **more).items()
    }


@pytest.fixture(scope="module")
def trained():
    """The smallest published network, with numbers that tell its tensors apart."""
    network = options().build()
    fill_by_name(network, 1)
    return network.state_dict()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.pth"


@pytest.fixture
def network():
    return options().build()


def refusal(path, network=None, asked=None):
    """The whole message for a file."""
    message = said_of(path, network, asked)
    assert message is not None, "the file was taken"
    return message


def said_of(path, network=None, asked=None):
    """The message for a file without its path, None if the file is taken."""
    try:
        if network is None:
            read_state_dict(path)
        else:
            load_checkpoint(path, network, asked or options())
    except CheckpointError as error:
        place, colon, message = str(error).partition(": ")
        return message if (place, colon) == (str(path), ": ") else f"not of {path}: {error}"
    return None


def bare(state):
    return state


def with_module(state):
    return {f"module.{name}": tensor for name, tensor in state.items()}


FORMS = {
    "bare": bare,
    "module.": with_module,
    "ordered": lambda state: type(torch.nn.Linear(1, 1).state_dict())(state),
    **{f"under {name}": lambda state, name=name: {name: state, "epoch": 3} for name in WRAPPERS},
    "as a training saves it": lambda state: {
        "epoch": 3,
        "lr": 5e-4,
        "optimizer": {"state": {}, "param_groups": [{"lr": 5e-4}]},
        "model_pos": with_module(state),
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_checkpoints_that_fit(path, network, trained, form):
    torch.save(FORMS[form](trained), path)
    digest = load_checkpoint(path, network, options())
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    state = network.state_dict()
    assert state.keys() == trained.keys()
    assert all(torch.equal(state[name], trained[name]) for name in trained)


def test_the_file_format_of_older_torch(path, network, trained):
    torch.save(trained, path, _use_new_zipfile_serialization=False)
    load_checkpoint(path, network, options())
    state = network.state_dict()
    assert all(torch.equal(state[name], trained[name]) for name in trained)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_another_precision_become_float32(path, network, trained, dtype):
    torch.save({name: tensor.to(dtype) for name, tensor in trained.items()}, path)
    load_checkpoint(path, network, options())
    for name, tensor in network.state_dict().items():
        assert tensor.dtype == trained[name].dtype
        assert torch.equal(tensor, trained[name].to(dtype).to(tensor.dtype))


def test_a_numpy_number_beside_the_weights_does_no_harm(path, network, trained):
    torch.save({"model_pos": with_module(trained), "min_loss": np.mean([39.1, 40.3])}, path)
    load_checkpoint(path, network, options())


def test_weights_as_they_ship(tmp_path, network, trained):
    path = tmp_path / "weights.npz"
    np.savez(path, **{name: tensor.numpy() for name, tensor in trained.items()})
    digest = load_checkpoint(path, network, options())
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    state = network.state_dict()
    assert all(torch.equal(state[name], trained[name]) for name in trained)


def test_arrays_that_are_no_weights(tmp_path):
    path = tmp_path / "weights.npz"
    np.savez(path, names=np.array(["a"]))
    assert re.fullmatch(
        r"holds other things than weights \(can't convert np\.ndarray of type numpy\.str_[^\n]*\); "
        "fetch it again",
        refusal(path),
    )
    path.write_bytes(path.read_bytes()[:50])
    assert refusal(path) == (
        "not a readable .npz file (File is not a zip file); write or copy it again"
    )


OR_H2OT = " (or h2ot, which prunes without weights of its own)"

FITS_NOTHING = (
    "it fits no published network known here; see --backbone, --variant, --frames, --preset"
)


def test_another_backbone(path, network):
    torch.save(zeros("mixste", "base", 81), path)
    assert refusal(path, network) == (
        "not a checkpoint of motionagformer xs, 27 frames: "
        "801 missing (pos_embed, joints_embed.weight, joints_embed.bias, ... 798 more), "
        "204 left over (Spatial_pos_embed, Temporal_pos_embed, Spatial_patch_to_embedding.weight, "
        "... 201 more); it fits --backbone mixste --variant base --frames 81 --preset none"
        + OR_H2OT
    )


def test_another_window(path):
    asked = options("mixste", "base", 27)
    torch.save(zeros("mixste", "base", 243), path)
    assert refusal(path, asked.build(), asked) == (
        "not a checkpoint of mixste base, 27 frames: "
        "1 other shape (Temporal_pos_embed [1, 243, 512] where [1, 27, 512] is expected); "
        "it fits --backbone mixste --variant base --frames 243 --preset none" + OR_H2OT
    )


def test_another_size(path, network):
    torch.save(zeros("motionagformer", "s", 81), path)
    message = refusal(path, network)
    assert message == (
        "not a checkpoint of motionagformer xs, 27 frames: "
        "924 left over (layers.12.att_spatial.layer_scale_1, layers.12.att_spatial.layer_scale_2, "
        "layers.12.att_spatial.norm1.weight, ... 921 more), "
        "48 other shape (layers.0.graph_temporal.mixer.batch_norm.weight [81] where [27] is "
        "expected, layers.0.graph_temporal.mixer.batch_norm.bias [81] where [27] is expected, "
        "layers.0.graph_temporal.mixer.batch_norm.running_mean [81] where [27] is expected, "
        "... 45 more); "
        "it fits --backbone motionagformer --variant s --frames 81 --preset none" + OR_H2OT
    )


def test_a_pruned_checkpoint_for_the_unpruned_network(path):
    asked = options("motionagformer", "xs", 27)
    torch.save(zeros("motionagformer", "xs", 27, preset="hot"), path)
    assert refusal(path, asked.build(), asked) == (
        "not a checkpoint of motionagformer xs, 27 frames: "
        "7 left over (pos_embed_token, x_token, cross_attention.linear_q.weight, ... 4 more), "
        "20 other shape (layers.7.graph_temporal.mixer.batch_norm.weight [9] where [27] is "
        "expected, layers.7.graph_temporal.mixer.batch_norm.bias [9] where [27] is expected, "
        "layers.7.graph_temporal.mixer.batch_norm.running_mean [9] where [27] is expected, "
        "... 17 more); "
        "it fits --backbone motionagformer --variant xs --frames 27 --preset hot"
    )


def test_an_unpruned_checkpoint_for_the_pruned_network(path):
    asked = options("mixste", "base", 27, preset="hot")
    torch.save(zeros("mixste", "base", 27), path)
    assert refusal(path, asked.build(), asked) == (
        "not a checkpoint of mixste base, 27 frames with TRA: "
        "10 missing (pos_embed_token, x_token, cross_attention.linear_q.weight, ... 7 more); "
        "it fits --backbone mixste --variant base --frames 27 --preset none" + OR_H2OT
    )


def test_of_several_windows_that_fit_the_one_asked_for_is_advised(path):
    # MotionBERT's shapes do not depend on the window.
    asked = options("mixste", "base", 81)
    torch.save(zeros("motionbert", "lite", 243), path)
    assert refusal(path, asked.build(), asked).endswith(
        f"; it fits --backbone motionbert --variant lite --frames 81 --preset none{OR_H2OT}"
    )


def test_all_sizes_that_fit_are_advised(path):
    # b (8 heads, 2 neighbours) and hot (4 and 4) have the same shapes.
    for variant in ("b", "hot"):
        asked = options("motionagformer", variant, 81)
        torch.save(zeros("motionagformer", variant, 243), path)
        assert refusal(path, asked.build(), asked).endswith(
            "; it fits --backbone motionagformer --variant hot or b --frames 243 "
            f"--preset none{OR_H2OT}"
        )


def test_a_network_that_is_not_known(path, network):
    torch.save({"backbone.weight": torch.zeros(3, 4)}, path)
    assert refusal(path, network) == (
        "not a checkpoint of motionagformer xs, 27 frames: "
        "801 missing (pos_embed, joints_embed.weight, joints_embed.bias, ... 798 more), "
        f"1 left over (backbone.weight); {FITS_NOTHING}"
    )


def test_one_shape_that_is_wrong_and_one_tensor_too_many(path, network, trained):
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    torch.save({**trained, "head.weight": torch.zeros(51, 512), "extra": torch.zeros(1)}, path)
    assert refusal(path, network) == (
        "not a checkpoint of motionagformer xs, 27 frames: 1 left over (extra), "
        f"1 other shape (head.weight [51, 512] where [3, 512] is expected); {FITS_NOTHING}"
    )
    after = network.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before), "nothing is loaded"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_no_numbers(path, network, trained, value):
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    broken = {name: tensor.clone() for name, tensor in trained.items()}
    broken["pos_embed"][0, 3, 2] = value
    broken["head.bias"][1] = value
    torch.save(broken, path)
    assert refusal(path, network) == (
        "2 tensors hold NaN or infinity (head.bias, pos_embed); "
        "take another checkpoint of the training"
    )
    after = network.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_no_such_file(tmp_path, network):
    assert refusal(tmp_path / "none.pth", network) == "no such file; expected a PyTorch checkpoint"
    assert refusal(tmp_path, network) == "no such file; expected a PyTorch checkpoint"


EXPECTED = "expected a state dict or a dict with one under model_pos, model, state_dict, net"


@pytest.mark.parametrize(
    ("content", "holds"),
    [
        ([1, 2], "a list"),
        (torch.zeros(3), "a Tensor"),
        ({"epoch": 1, "lr": 0.1}, "a dict with keys epoch, lr"),
        ({"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}, "a dict with keys a, b, c, ... 2 more"),
        ({"model": 3}, "a dict with keys model"),
        ({"net": {"weight": [1.0]}}, "a dict with keys weight"),
        ({"weight": torch.zeros(2), "epoch": 1}, "a dict with keys weight, epoch"),
    ],
)
def test_a_file_without_a_state_dict(path, content, holds):
    torch.save(content, path)
    assert refusal(path) == f"holds {holds}, {EXPECTED}"


UNREADABLE = re.compile(
    r"cannot be read as a PyTorch checkpoint \(\w+: [^\n]*\); "
    r"the file is cut off or of another kind; fetch it again"
)
REFUSED = re.compile(
    r"not a plain PyTorch checkpoint \([^\n]*\); only tensors are loaded, never code; "
    r"save model\.state_dict\(\) and use that"
)


def is_said(message):
    """Torch's own first line stands in the middle; the rest is ours."""
    return UNREADABLE.fullmatch(message) or REFUSED.fullmatch(message)


def test_an_empty_file(path):
    path.write_bytes(b"")
    assert UNREADABLE.fullmatch(refusal(path))


@pytest.mark.parametrize(
    "text", ["hello world\n", "1\n", "<!DOCTYPE html>\n<title>404</title>\n", "line\n" * 1000]
)
def test_a_text_file(path, text):
    path.write_text(text)
    assert is_said(refusal(path))


@pytest.mark.parametrize("older", [False, True])
def test_a_file_that_is_cut_off_anywhere(path, older):
    state = {"first": torch.ones(3), "second": torch.ones(2, 2)}
    torch.save(state, path, _use_new_zipfile_serialization=not older)
    whole = path.read_bytes()
    assert read_state_dict(path).keys() == state.keys()
    lengths = range(0, len(whole), 5)
    for length in lengths:
        path.write_bytes(whole[:length])
        assert is_said(refusal(path)), f"cut off at {length}"
    assert len(lengths) > 80


def test_bytes_that_were_damaged(path):
    rng = np.random.default_rng(0)
    torch.save({"first": torch.ones(3)}, path, _use_new_zipfile_serialization=False)
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    refused = 0
    for _ in range(300):
        damaged = whole.copy()
        damaged[rng.integers(len(whole), size=3)] = rng.integers(256, size=3)
        path.write_bytes(damaged.tobytes())
        message = said_of(path)  # or another error, which would fail this test
        if message is not None:  # else it is in the numbers or in a name, where nothing can tell
            refused += 1
            assert is_said(message) or message.endswith(EXPECTED)
    assert refused > 100


class Command:
    """What a hostile checkpoint holds: loading it would make a folder."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return (os.mkdir, (str(self.target),))


def save_by_pickle(content, path):
    path.write_bytes(pickle.dumps(content))


@pytest.mark.parametrize("save", [torch.save, save_by_pickle])
@pytest.mark.parametrize("wrap", [lambda evil: evil, lambda evil: {"state_dict": {"w": evil}}])
def test_nothing_in_a_checkpoint_is_executed(path, tmp_path, save, wrap):
    target = tmp_path / "executed"
    content = wrap(Command(target))
    # That it would be, were it loaded as pickle loads it:
    pickle.loads(pickle.dumps(content))
    assert target.exists()
    target.rmdir()

    save(content, path)
    assert REFUSED.fullmatch(refusal(path))
    assert not target.exists()


def test_a_whole_model_is_refused(path):
    torch.save(torch.nn.Linear(2, 2), path)
    assert REFUSED.fullmatch(refusal(path))


@pytest.mark.parametrize("save", [torch.save, save_by_pickle])
def test_a_refused_file_is_no_reason_to_advise_what_is_unsafe(path, tmp_path, save):
    save(Command(tmp_path / "executed"), path)
    message = refusal(path)
    assert "\x1b" not in message
    assert "`weights_only`" not in message
    assert "still be loaded" not in message


@pytest.mark.parametrize("beside", [np.random.RandomState(3), np.int64(4), np.arange(3)], ids=type)
def test_what_numpy_left_beside_the_weights_does_no_harm(path, beside):
    # MixSTE's training saves the state of its random generator in every checkpoint.
    torch.save({"model_pos": {"a": torch.ones(2)}, "random_state": beside}, path)
    assert read_state_dict(path)["a"].tolist() == [1.0, 1.0]
