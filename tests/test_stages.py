"""Stages of graphs made by hand; those of networks are in test_cost.py."""

import numpy as np
import pytest
from graphs import model_of, node

from h2ot_edge.benchmarks.shapes import Tensors
from h2ot_edge.benchmarks.stages import stages_of

EMBED = node("MatMul", "x w", "e")
HEAD = node("MatMul", "a v")
WEIGHTS = {"w": (4, 4), "v": (4, 3)}
FRAMES = np.array([0, 2, 4])


def attention(tokens):
    """Three nodes, of which the last gives `a`."""
    return [
        node("Transpose", tokens, "t", perm=[0, 2, 1]),
        node("MatMul", f"{tokens} t", "s"),
        node("Softmax", "s", "p"),
        node("MatMul", f"p {tokens}", "a"),
    ]


def stages(nodes, constants=None, x=(1, 5, 4)):
    model = model_of(nodes, {"x": list(x)}, {**WEIGHTS, **(constants or {})})
    return stages_of(model, Tensors.of(model))


def test_taking_frames_in_front_of_attention_is_pruning():
    nodes = [EMBED, node("Gather", "e i", "k", axis=1), *attention("k"), HEAD]
    assert stages(nodes, {"i": FRAMES}) == ["before_pruning"] + ["pruned"] * 6


@pytest.mark.parametrize(
    ("take", "x"),
    [
        # In the place of others, as a mirror image's joints.
        (np.array([4, 3, 2, 1, 0]), (1, 5, 4)),
        # One of a packed query, key and value.
        (np.array(0), (1, 5, 3, 4)),
    ],
)
def test_what_is_no_pruning_in_front_of_attention(take, x):
    axis = 1 if take.ndim else 2
    nodes = [EMBED, node("Gather", "e i", "k", axis=axis), *attention("k"), HEAD]
    assert set(stages(nodes, {"i": take}, x)) == {"whole"}


def test_the_centre_is_taken_behind_all_attention():
    nodes = [EMBED, *attention("e"), node("Gather", "a i", "c", axis=1), node("MatMul", "c v")]
    assert set(stages(nodes, {"i": np.array([2])})) == {"whole"}


@pytest.mark.parametrize(
    ("weights", "stage"), [((5, 3), "recovery"), ((3, 3), "pruned")], ids=["frames", "joints"]
)
def test_known_weights_bring_frames_back_if_they_have_more_rows(weights, stage):
    nodes = [
        node("Gather", "x i", "k", axis=1),
        *attention("k"),
        node("MatMul", "m a", "b"),
        node("MatMul", "b v"),
    ]
    assert stages(nodes, {"i": FRAMES, "m": weights}) == ["pruned"] * 5 + [stage] * 2


@pytest.mark.parametrize("rounded", [False, True])
def test_learned_queries_bring_frames_back(rounded):
    """Their attention, the Linear layers of its keys and values, and what stands behind it."""
    nodes = [
        EMBED,
        node("Gather", "e i", "k", axis=1),
        *attention("k"),
        node("MatMul", "a w", "keys"),
        node("MatMul", "a w", "values"),
        node("Transpose", "keys", "turned", perm=[0, 2, 1]),
        node("MatMul", "queries turned", "scores"),
        node("Softmax", "scores", "weights"),
    ]
    taken = "weights"
    if rounded:
        nodes += [node("Cast", "weights", "half", to=10), node("Cast", "half", "single", to=1)]
        taken = "single"
    nodes += [node("MatMul", f"{taken} values", "b"), node("MatMul", "b v")]
    found = stages(nodes, {"i": FRAMES, "queries": (1, 5, 4)})
    assert found[:6] == ["before_pruning"] + ["pruned"] * 5
    assert set(found[6:]) == {"recovery"}


def test_what_chooses_frames_is_the_selection():
    """Also what it computes with real numbers, and in a second step of pruning."""
    chooses = [
        node("Mul", "{0} {0}", "square{1}"),
        node("ReduceSum", "square{1} last", "score{1}", keepdims=0),
        node("TopK", "score{1} count{1}", "best{1} chosen{1}", axis=1),
        node("Squeeze", "chosen{1} first", "positions{1}"),
        node("Gather", "{0} positions{1}", "kept{1}", axis=1),
    ]
    nodes = [EMBED]
    for step, tokens in enumerate(("e", "kept0")):
        for one in chooses:
            copy = node(one.op_type, "", "")
            copy.CopyFrom(one)
            copy.input[:] = [name.format(tokens, step) for name in one.input]
            copy.output[:] = [name.format(tokens, step) for name in one.output]
            nodes.append(copy)
    nodes += [*attention("kept1"), HEAD]
    constants = {
        "last": np.array([2]),
        "first": np.array([0]),
        "count0": np.array([3]),
        "count1": np.array([2]),
    }
    assert stages(nodes, constants) == [
        "before_pruning",
        *["selection"] * 4,
        "pruned",
        *["selection"] * 4,
        *["pruned"] * 6,
    ]
