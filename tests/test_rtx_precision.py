"""TensorRT-RTX takes every graph of lower precision that is meant for the TensorRT family."""

import re

import onnx
import pytest
from reduced_graphs import NETWORKS, reduced, source
from rtx_builds import assert_builds, rtx_plan

from h2ot_edge.benchmarks.motion.walking_windows import walking_windows
from h2ot_edge.engines.precision.calibration import Calibration
from h2ot_edge.engines.precision.graph import with_named_nodes
from h2ot_edge.engines.precision.lowering import PrecisionOptions, lowered
from h2ot_edge.errors import BuildError
from h2ot_edge.export import ExportOptions, export_model
from h2ot_edge.export.backbones.motionbert import FAMILY
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
def full_size(tmp_path_factory):
    """HoT-MotionBERT with random weights."""
    path = tmp_path_factory.mktemp("full") / "motionbert.onnx"
    plan = choose_plan(FAMILY, 243)
    options = ExportOptions(backbone="motionbert", variant="lite", plan=plan, random=True, opset=19)
    card = export_model(options, path)
    windows = walking_windows(2, card.frames, card.channels, seed=0)
    return with_named_nodes(onnx.load(path)), Calibration(windows, {"clips": "walking_windows"})


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_the_full_size_motionbert_builds(full_size, precision):
    model, calibration = full_size
    result, report = lowered(model, calibration, PrecisionOptions(precision=precision))
    assert report["islands"]["selection"] > 40
    assert_builds(result)
