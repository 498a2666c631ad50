"""What graphs of networks cost: by stage, in every precision, and as PyTorch counts."""

import functools
from dataclasses import replace

import numpy as np
import pytest
import torch
from graphs import model_of as by_hand
from graphs import node
from reduced_graphs import reduced, source
from small_networks import graph_of, plan_of, small_network
from torch.utils.flop_counter import FlopCounterMode

from h2ot_edge.benchmarks.flops.cost import Cost, cost_of
from h2ot_edge.benchmarks.flops.counting import Flops, count_flops
from h2ot_edge.errors import ExportError
from h2ot_edge.export.network import Lifter, folded
from h2ot_edge.export.published_flops import published_flops

FRAMES, JOINTS, WIDTH = 9, 17, 32
MIX = 2 * 2 * WIDTH
"""Of the products with the weights of an attention and before them, for a pair of tokens."""

NETWORKS = {
    "mixste": ("mixste", {"prune": "none", "recover": "none", "schedule": {}}),
    "mixste seq2frame": ("mixste", {"prune": "tpa", "recover": "none", "mode": "seq2frame"}),
    "motionbert": ("motionbert", {"prune": "tpc", "recover": "tra"}),
    "motionbert twice": (
        "motionbert",
        {"prune": "tpc", "recover": "tri", "schedule": {0: 6, 1: 3}},
    ),
    "mhformer": ("mhformer", {"prune": "tps", "recover": "tra"}),
    "motionagformer": ("motionagformer", {"prune": "tpmo", "recover": "nearest"}),
}


@functools.cache
def network_of(name):
    backbone, plan = NETWORKS[name]
    return small_network(backbone, plan_of(**plan))


@functools.cache
def model_of(name):
    return graph_of(network_of(name), batch=None if name == "mixste" else 1)


@functools.cache
def costs(name):
    return cost_of(model_of(name))


def linear(rows, inner, columns):
    return 2 * rows * inner * columns


def attention_block(frames, axis):
    """Of one token mixer and its MLP (twice as wide): what `rows` of a stage cost."""
    rows = frames * JOINTS
    pairs = frames * JOINTS**2 if axis == "joints" else JOINTS * frames**2
    return Flops(linear(rows, WIDTH, 4 * WIDTH + 2 * 2 * WIDTH), MIX * pairs)


def pair_of_blocks(frames):
    return Flops.sum([attention_block(frames, "joints"), attention_block(frames, "frames")])


@pytest.mark.parametrize("name", NETWORKS)
def test_stages_add_up(name):
    cost = costs(name)
    assert Flops.sum(cost.by_stage.values()) == cost.flops == count_flops(model_of(name))
    assert sum(cost.by_operator.values()) == cost.flops.total
    assert 0 not in cost.by_operator.values()


@pytest.mark.parametrize("name", NETWORKS)
def test_pytorch_counts_the_same(name):
    network = network_of(name)
    lifter = Lifter(folded(network), flip_tta=False).requires_grad_(False)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        lifter(torch.zeros(1, FRAMES, JOINTS, network.channels_in))
    counts = {str(key): count for key, count in counter.get_flop_counts()["Global"].items()}
    products = counts.pop("aten.bmm")
    assert counts.keys() <= {"aten.addmm", "aten.mm", "aten.convolution"}
    assert costs(name).flops == Flops(sum(counts.values()), products)


def test_an_unpruned_network_has_one_stage():
    embedding, head = linear(FRAMES * JOINTS, 2, WIDTH), linear(FRAMES * JOINTS, WIDTH, 3)
    both = Flops.sum([pair_of_blocks(FRAMES), pair_of_blocks(FRAMES)])
    whole = replace(both, linear=both.linear + embedding + head)
    assert costs("mixste").by_stage == {"whole": whole}
    # What the papers count, which no folding changes here.
    assert published_flops(network_of("mixste")) == whole


def test_the_centre_alone_reaches_the_head():
    before, pruned = pair_of_blocks(FRAMES), pair_of_blocks(3)
    assert costs("mixste seq2frame").by_stage == {
        "before_pruning": replace(before, linear=before.linear + linear(FRAMES * JOINTS, 2, WIDTH)),
        "selection": Flops(),
        "pruned": replace(pruned, linear=pruned.linear + linear(JOINTS, WIDTH, 3)),
        "recovery": Flops(),
    }


def two_streams(frames):
    fusion = linear(frames * JOINTS, 2 * WIDTH, 1)
    both = Flops.sum([pair_of_blocks(frames), pair_of_blocks(frames)])
    return replace(both, linear=both.linear + fusion)


def test_clustering_and_recovering_attention_are_stages():
    before, rows = two_streams(FRAMES), FRAMES * JOINTS
    assert costs("motionbert").by_stage == {
        "before_pruning": replace(before, linear=before.linear + linear(rows, 3, WIDTH)),
        "selection": Flops(0, 2 * FRAMES**2 * WIDTH),
        "pruned": two_streams(3),
        "recovery": Flops(
            # Keys and values of the kept, then its projection in one with the head's first Linear.
            linear(3 * JOINTS, WIDTH, 2 * WIDTH) + linear(rows, WIDTH, WIDTH + 3),
            MIX * JOINTS * FRAMES * 3,
        ),
    }


def test_two_steps_of_pruning_are_one_stage():
    pruned = Flops.sum([two_streams(6), two_streams(3)])
    assert costs("motionbert twice").by_stage == {
        "before_pruning": Flops(linear(FRAMES * JOINTS, 3, WIDTH)),
        "selection": Flops(0, 2 * (FRAMES**2 + 6**2) * WIDTH),
        "pruned": replace(pruned, linear=pruned.linear + linear(3 * JOINTS, WIDTH, WIDTH + 3)),
        "recovery": Flops(0, 2 * FRAMES * 3 * JOINTS * 3),
    }


def test_tokens_of_whole_frames():
    """MHFormer's, evenly chosen; its three hypotheses stand side by side."""
    wide = 3 * WIDTH
    recovery = costs("mhformer").by_stage["recovery"]
    assert recovery == Flops(
        linear(3, wide, 2 * wide) + linear(FRAMES, wide, wide + 51), 2 * 2 * wide * FRAMES * 3
    )
    cross = linear(3, WIDTH, 4 * WIDTH), MIX * 3 * 3
    hidden = linear(3, wide, 2 * 64)
    assert costs("mhformer").by_stage["pruned"] == Flops(3 * cross[0] + hidden, 3 * cross[1])


def test_neighbours_are_no_selection_of_frames():
    cost = costs("motionagformer")
    assert cost.by_stage["selection"] == Flops()
    assert cost.by_stage["recovery"] == Flops(0, 2 * FRAMES * 3 * JOINTS * 3)
    layer = cost.by_stage["pruned"].products
    similarity, mixing = 2 * JOINTS * 3**2 * WIDTH, 2 * (JOINTS * 3**2 + 3 * JOINTS**2) * WIDTH
    assert layer == pair_of_blocks(3).products + similarity + mixing


# precisions


@pytest.mark.parametrize(
    ("recover", "precision"),
    [("tra", "fp16"), ("tra", "int8"), ("tra", "int8-cpu"), ("tri", "int8-cpu")],
)
def test_precision_changes_bytes_and_nothing_else(recover, precision):
    prune = "tpc" if recover == "tra" else "tps"
    real = cost_of(source("motionbert", prune, recover))
    attention = precision == "int8"
    cost = cost_of(reduced("motionbert", prune, recover, precision, attention).model)
    assert cost.by_stage == real.by_stage
    assert cost.flops == real.flops
    assert cost.parameters == pytest.approx(real.parameters, rel=0.02)
    assert cost.bytes_least < 0.55 * real.bytes_least


# the document


def test_bytes_and_parameters_counted_by_hand():
    cost = costs("mixste")
    network = network_of("mixste")
    weights = sum(p.numel() for name, p in network.named_parameters() if p.dim() > 1)
    # Norms and biases are folded, or all the same in random weights and held once.
    assert 0 <= cost.parameters - weights < 200
    numbers = FRAMES * JOINTS * (2 + 3) + cost.parameters
    # And four bytes for each number of a shape and for each constant of GELU and the norms.
    assert 4 * numbers < cost.bytes_least < 4 * numbers + 400


def test_windows_of_a_call_share_its_constants():
    model = by_hand([node("MatMul", "x w")], {"x": [4, 5, 3]}, {"w": (3, 7)})
    cost = cost_of(model)
    assert cost.bytes_least == 4 * 5 * 3 + 4 * 5 * 7 + 3 * 7
    assert cost.flops == Flops(2 * 5 * 3 * 7)


def test_constants_that_are_dequantised_have_the_width_of_what_is_kept():
    scale, zero = np.float32(0.5), np.int8(0)
    model = by_hand(
        [
            node("QuantizeLinear", "w s z", "q"),
            node("DequantizeLinear", "q s z", "d"),
            node("MatMul", "x d"),
        ],
        {"x": [1, 5, 3]},
        {"w": (3, 7), "s": np.array(scale), "z": np.array(zero)},
    )
    cost = cost_of(model)
    assert cost.bytes_least == 4 * 5 * 3 + 4 * 5 * 7 + 3 * 7 + 4 + 1
    assert cost.parameters == 3 * 7
    assert cost.flops == Flops(2 * 5 * 3 * 7)


def test_an_unknown_size_is_refused():
    with pytest.raises(ExportError) as caught:
        cost_of(by_hand([node("NonZero", "x", "n"), node("Cast", "n", to=1)], {"x": [1, 4]}))
    assert str(caught.value) == (
        "cannot count bytes: the shape of y is not known; export the model with fixed sizes, the "
        "batch apart"
    )


def test_the_document():
    cost = Cost(
        flops=Flops(3_000_000_000, 1_000_000_000),
        by_operator={"MatMul": 1_000_000_000, "Gemm": 3_000_000_000},
        by_stage={"whole": Flops(3_000_000_000, 1_000_000_000)},
        parameters=7,
        bytes_least=2_000_000,
    )
    assert cost.to_dict() == {
        "linear_gflop": 3.0,
        "total_gflop": 4.0,
        "parameters": 7,
        "bytes_least": 2_000_000,
        "intensity": 2000.0,
        "by_operator": {"Gemm": 3.0, "MatMul": 1.0},
        "by_stage": {"whole": {"linear_gflop": 3.0, "total_gflop": 4.0}},
    }
    assert list(cost.to_dict()["by_operator"]) == ["Gemm", "MatMul"]
