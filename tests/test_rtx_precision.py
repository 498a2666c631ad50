"""TensorRT-RTX takes every graph of lower precision that is meant for the TensorRT family."""

import re

import pytest
import torch
from reduced_graphs import NETWORKS, reduced, source
from rtx_builds import assert_builds, rtx_plan
from small_networks import graph_of

from h2ot_edge.benchmarks.motion.walking_windows import walking_windows
from h2ot_edge.engines.precision.calibration import Calibration
from h2ot_edge.engines.precision.graph import with_named_nodes
from h2ot_edge.engines.precision.lowering import PrecisionOptions, lowered
from h2ot_edge.errors import BuildError
from h2ot_edge.export import ExportOptions
from h2ot_edge.export.backbones.motionbert import FAMILY
from h2ot_edge.export.layers import published_init
from h2ot_edge.export.options import choose_plan

pytest.importorskip("tensorrt_rtx")

WAYS = [("tpc", "tra"), ("tps", "tri")]
PRECISIONS = [("fp16", False), ("int8", False), ("int8", True)]


@pytest.mark.parametrize(("precision", "attention"), PRECISIONS, ids=["fp16", "int8", "attention"])
@pytest.mark.parametrize(("prune", "recover"), WAYS, ids=["tpc", "tps"])
@pytest.mark.parametrize("backbone", [name for name in NETWORKS if name != "posed"])
def test_every_precision_builds(backbone, prune, recover, precision, attention):
    assert_builds(reduced(backbone, prune, recover, precision, attention).model)


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_an_embedding_of_whole_poses_builds(precision):
    assert_builds(reduced("posed", "tpmo", "tra", precision).model)


def test_integers_for_cpus_are_refused():
    case = ("motionagformer", "tpc", "tri")
    model = reduced(*case, "int8-cpu").model
    assert source(*case).graph.output == model.graph.output
    with pytest.raises(BuildError) as error:
        rtx_plan(model.SerializeToString())
    begins = "TensorRT-RTX cannot parse the graph: "
    assert str(error.value).startswith(begins)
    reasons = str(error.value).removeprefix(begins).split("; ")
    foreign = [n for n in model.graph.node if re.search(r"Dynamic|Integer", n.op_type)]
    assert len(foreign) > 20
    assert reasons == [f"{n.op_type} {n.name!r}: false" for n in foreign]


@pytest.fixture(scope="module")
def full_size():
    """The graph of HoT-MotionBERT. Whether it is right does not matter here."""
    options = ExportOptions(
        backbone="motionbert", variant="lite", plan=choose_plan(FAMILY, 243), opset=19
    )
    assert options.plan.schedule == {1: 81}
    network = options.build().eval()
    published_init(network, torch.Generator().manual_seed(0))
    return with_named_nodes(graph_of(network, opset=options.opset))


@pytest.mark.slow
def test_the_full_size_motionbert_builds(full_size):
    assert_builds(full_size)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_the_full_size_motionbert_builds_in_lower_precision(full_size, precision):
    channels = full_size.graph.input[0].type.tensor_type.shape.dim[3].dim_value
    windows = walking_windows(1, 243, channels, seed=0)
    calibration = Calibration(windows, {"clips": "walking_windows"})
    result, report = lowered(full_size, calibration, PrecisionOptions(precision=precision))
    assert report["islands"]["selection"] > 40
    assert_builds(result)
