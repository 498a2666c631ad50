"""Building with TensorRT-RTX, which needs no GPU for it, and graphs to build."""

from onnx import TensorProto, helper

from h2ot_edge.engines.options import BuildOptions
from h2ot_edge.engines.plan import plan_from_onnx


def rtx_options(**options):
    return BuildOptions(target="tensorrt-rtx", **options)


def rtx_plan(model, *, timing_cache=None, progress=None, **options):
    """An engine of a file or of its bytes."""
    options = rtx_options(**options)
    return plan_from_onnx(model, options, timing_cache=timing_cache, progress=progress)


def assert_builds(model, **options):
    """An engine comes out, and holds the weights: it is no smaller than half of them."""
    data = model.SerializeToString()
    plan = rtx_plan(data, **options)
    assert plan[1:4] == b"trt", plan[:8]
    assert len(plan) > len(data) / 2


def one_node(operator, inputs=("x",), *, shape=(2, 4), constants=(), domain=""):
    """A model of one node, from x float32 to y of no known shape."""
    node = helper.make_node(operator, inputs, ["y"], name="only", domain=domain)
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        list(constants),
    )
    opsets = [helper.make_opsetid("", 17), *([helper.make_opsetid(domain, 1)] if domain else [])]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)
