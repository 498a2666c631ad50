"""Types by the graph, against those that TensorRT-RTX, which is strongly typed, gives itself."""

import dataclasses
import functools
import re

import onnx
import pytest
from cuda_stand_in import make_cuda_runtime
from reduced_graphs import NETWORKS, decisions, four_windows, neighbours, reduced, source, walk_up
from tensorrt_stand_in import make_tensorrt

from h2ot_edge._tensorrt import Library, tensorrt_library
from h2ot_edge.engines.precision.calibration import calibration_of
from h2ot_edge.engines.precision.graph import with_named_nodes
from h2ot_edge.engines.precision.lowering import PrecisionOptions, lowered
from h2ot_edge.engines.versions import network_flags
from h2ot_edge.engines.weak_typing import graph_types, pin_float32
from h2ot_edge.zoo import models

pytest.importorskip("tensorrt_rtx")

CASES = [(name, "tpc", "tri", precision) for name in NETWORKS for precision in ("fp16", "int8")]
"""Backbone, pruner, recoverer, precision."""


def parsed(library, typing, data):
    """A network of the library; what must outlive it comes along."""
    builder = library.trt.Builder(library.log)
    network = builder.create_network(network_flags(library, typing))
    parser = library.trt.OnnxParser(network, library.log)
    assert parser.parse(data)
    return network, (builder, parser)


def rtx():
    return tensorrt_library("tensorrt-rtx")


def old_tensorrt(version):
    trt = make_tensorrt(version, make_cuda_runtime())
    return Library("tensorrt", trt, trt.Logger())


def layers_of(network):
    return [network.get_layer(index) for index in range(network.num_layers)]


def outputs_of(layer):
    return [layer.get_output(index) for index in range(layer.num_outputs)]


def nodes_of(layer):
    """Names of the ONNX nodes that a layer is made of; none for what the parser puts between."""
    return re.findall(r"\[ONNX Layer: ([^\]]+)\]", layer.metadata)


def computes_in_float32(library, layer):
    """By the types that the library gives the outputs of a strongly typed network."""
    kinds, types = library.trt.LayerType, library.trt.DataType
    carriers = (kinds.CONSTANT, kinds.CAST, kinds.QUANTIZE, kinds.DEQUANTIZE)
    return layer.type not in carriers and any(t.dtype == types.FLOAT for t in outputs_of(layer))


@functools.cache
def shipped_in_half():
    """The model that ships, in float16."""
    model = models()["motionbert-s"]
    options = PrecisionOptions(precision="fp16")
    calibration = calibration_of((), model.card)
    few = dataclasses.replace(calibration, windows=calibration.windows[:4])
    return lowered(with_named_nodes(onnx.load(model.path)), few, options)[0]


def assert_types_are_those_of_rtx(model, *, int8=False):
    library = rtx()
    network, _alive = parsed(library, "strong", model.SerializeToString())
    found = graph_types(library, network)
    given = {t.name: t.dtype for layer in layers_of(network) for t in outputs_of(layer)}
    given |= {t.name: t.dtype for t in map(network.get_input, range(network.num_inputs))}
    assert found.outputs == given
    types = library.trt.DataType
    assert (found.half, found.int8) == (types.HALF in given.values(), int8)
    layers = layers_of(network)
    expected = [n for n, layer in enumerate(layers) if computes_in_float32(library, layer)]
    assert found.pinned == expected
    return found, layers


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_types_are_those_that_rtx_gives(case):
    found, layers = assert_types_are_those_of_rtx(reduced(*case).model, int8=case[-1] == "int8")
    assert found.half
    assert 0 < len(found.pinned) < len(layers)


def test_types_of_the_model_that_ships_are_those_that_rtx_gives():
    found, layers = assert_types_are_those_of_rtx(shipped_in_half())
    assert found.half
    assert 0 < len(found.pinned) < len(layers)


def test_a_float32_graph_has_neither_half_nor_int8():
    found, layers = assert_types_are_those_of_rtx(source("motionagformer", "tpc", "tri"))
    assert not found.half
    kinds = rtx().trt.LayerType
    products = [n for n, layer in enumerate(layers) if layer.type == kinds.MATRIX_MULTIPLY]
    assert len(products) > 20
    assert set(products) < set(found.pinned)


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_what_a_decision_is_made_of_is_pinned(case):
    """Every layer on the way from a decision up to the features that it looks at."""
    view = reduced(*case)
    chosen = decisions(view) + neighbours(view)
    assert chosen
    on_the_way = set()
    for node in chosen:
        walk_up(view, node, also_ends=lambda node: on_the_way.add(node.name))
    library = rtx()
    network, _alive = parsed(library, "strong", view.model.SerializeToString())
    pinned = set(graph_types(library, network).pinned)
    kinds = library.trt.LayerType
    real = (library.trt.DataType.FLOAT, library.trt.DataType.HALF)
    seen = set()
    for number, layer in enumerate(layers_of(network)):
        computing = layer.type not in (kinds.CAST, kinds.CONSTANT)
        if computing and any(t.dtype in real for t in outputs_of(layer)):
            names = on_the_way.intersection(nodes_of(layer))
            seen |= names
            assert not names or number in pinned, layer.name
    assert any("/selection." in name for name in seen)
    assert len(seen) > 10


# what is set


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_the_pinned_layers_and_no_others_are_set(case):
    # 8.6 cannot read the float16 scales of int8 models.
    library = old_tensorrt("8.6.1" if case[-1] == "fp16" else "10.3.0")
    network, _alive = parsed(library, "weak", reduced(*case).model.SerializeToString())
    types = graph_types(library, network)
    pin_float32(library, network, types)
    float32 = library.trt.DataType.FLOAT
    for number, layer in enumerate(layers_of(network)):
        pinned = number in types.pinned
        assert layer.precision_is_set == pinned
        assert not pinned or layer.precision == float32
        for output, tensor in enumerate(outputs_of(layer)):
            whole = tensor.dtype.name in ("BOOL", "INT32", "INT64")
            assert layer.output_type_is_set(output) == (pinned and not whole)
            assert not layer.output_type_is_set(output) or layer.get_output_type(output) == float32
    assert library.trt.stand_in.gpu.misuse == []


def test_the_same_nodes_are_pinned_whichever_version_parses():
    # Norms in parts, which 8.5 needs; it has no layer for casts either.
    model = source("motionagformer", "tpc", "tri", opset=16)
    half = lowered(model, four_windows(model), PrecisionOptions(precision="fp16"))[0]
    nodes = {node.name for node in half.graph.node}
    named = []
    for library, typing in (
        (rtx(), "strong"),
        (old_tensorrt("8.5.2"), "weak"),
        (old_tensorrt("8.6.1"), "weak"),
    ):
        network, _alive = parsed(library, typing, half.SerializeToString())
        layers = layers_of(network)
        pinned = graph_types(library, network).pinned
        # 8.5 has no metadata.
        named.append(nodes & {layers[number].name for number in pinned})
    assert named[0] == named[1] == named[2]
    assert len(named[0]) > 50
