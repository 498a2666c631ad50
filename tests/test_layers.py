"""What an engine tells of its layers, in the shapes that the versions of TensorRT print it."""

import json
from pathlib import Path

import pytest
from reduced_graphs import source
from stand_in_engines import RTX, machine_of
from tiny_models import tiny_card

from h2ot_edge.engines.layers import EngineProfile, Layer, layers_of, profile_engine
from h2ot_edge.errors import ModelFileError

ENGINE = Path("a.engine")

# TensorRT 8.6, one layer: NVIDIA's developer guide, section "Engine Inspector".
OLD = {
    "Layers": [
        {
            "Name": "res4_0_branch2a_1 + res4_0_branch2a_bn_2",
            "LayerType": "CaskConvolution",
            "Inputs": [
                {
                    "Name": "res3_3_branch2c_bn_3",
                    "Dimensions": [16, 512, 28, 28],
                    "Format/Datatype": "Thirty-two wide channel vectorized row major Int8 format.",
                }
            ],
            "Outputs": [
                {
                    "Name": "res4_0_branch2a_bn_2",
                    "Dimensions": [16, 256, 28, 28],
                    "Format/Datatype": "Thirty-two wide channel vectorized row major Int8 format.",
                }
            ],
            "ParameterType": "Convolution",
            "TacticName": "sm80_xmma_fprop_implicit_gemm_interleaved_i8i8_i8i32_f32",
            "TacticValue": "0x11bde0e1d9f2f35d",
        }
    ],
    "Bindings": ["data", "prob"],
}

# TensorRT 10.1: the first layer is from NVIDIA/TensorRT#4020, shortened; the second, as Myelin
# names its own, is put together from what tools expect that read such files.
NEW = {
    "Layers": [
        {
            "Name": "Reformatting CopyNode for Input Tensor 0 to conv0 + relu0",
            "LayerType": "Reformat",
            "Inputs": [{"Name": "data", "Format/Datatype": "Row major linear FP32"}],
            "Outputs": [
                {
                    "Name": "Reformatted Input Tensor 0 to conv0 + relu0",
                    "Location": "Device",
                    "Dimensions": [1, 3, 224, 224],
                    "Format/Datatype": "Row major Int8 format",
                }
            ],
            "ParameterType": "Reformat",
            "Origin": "REFORMAT",
            "TacticValue": "0x00000000000003e8",
            "StreamId": 0,
            "Metadata": "",
        },
        {
            "Name": "__myl_MulSumAdd_myl0_3",
            "LayerType": "kgen",
            "Inputs": [{"Name": "x", "Format/Datatype": "Half"}],
            "Outputs": [{"Name": "y", "Format/Datatype": "Half"}],
            "StreamId": 0,
            "Metadata": "[ONNX Layer: /a/MatMul]\x1e[ONNX Layer: /a/Softmax]\x1f"
            "[ONNX Layer: /b/MatMul_1]",
        },
    ],
    "Bindings": ["data", "prob"],
}

# TensorRT 11: "Migrating IEngineInspector Usage from TensorRT 10.x to 11.x", by which Bindings
# became I/O Tensors, and Format/Datatype was split. The guide shows an I/O tensor; that layers have
# the same two fields is a guess.
NEWEST = {
    "Layers": [
        {
            "Name": "gemm_0",
            "LayerType": "gemm",
            "Outputs": [
                {
                    "Name": "y",
                    "DataType": "Half",
                    "Format": "Row major linear FP32 format (kLINEAR)",
                    "Dimensions": [1, 1000],
                    "Location": "Device",
                }
            ],
            "Metadata": "[ONNX Layer: /head/MatMul]",
        }
    ],
    "I/O Tensors": [{"Name": "input_0", "IOMode": "Input", "DataType": "Float"}],
}


def test_tensorrt_8_6():
    assert layers_of(json.dumps(OLD), ENGINE) == [
        Layer("res4_0_branch2a_1 + res4_0_branch2a_bn_2", "CaskConvolution", "int8", ())
    ]


@pytest.mark.parametrize("as_is", [True, False], ids=["raw separators", "escaped separators"])
def test_tensorrt_10(as_is):
    text = json.dumps(NEW)
    if as_is:
        text = text.replace("\\u001e", "\x1e").replace("\\u001f", "\x1f")
    reformat = "Reformatting CopyNode for Input Tensor 0 to conv0 + relu0"
    nodes = ("/a/MatMul", "/a/Softmax", "/b/MatMul_1")
    assert layers_of(text, ENGINE) == [
        Layer(reformat, "Reformat", "int8", ()),
        Layer("__myl_MulSumAdd_myl0_3", "kgen", "fp16", nodes),
    ]


def test_tensorrt_11():
    assert layers_of(json.dumps(NEWEST), ENGINE) == [
        Layer("gemm_0", "gemm", "fp16", ("/head/MatMul",))
    ]


def test_names_only():
    """As engines tell that were built without details; NVIDIA/TensorRT#4020."""
    text = '{"Layers": ["conv0 + relu0"\n,"conv1"\n],\n"Bindings": ["x"\n,"y"\n]}'
    assert layers_of(text, ENGINE) == [
        Layer("conv0 + relu0", "", "", ()),
        Layer("conv1", "", "", ()),
    ]


@pytest.mark.parametrize(
    ("form", "precision"),
    [
        ("Row major linear FP32", "fp32"),
        ("Float", "fp32"),
        ("Row major linear FP16 format", "fp16"),
        ("Channel major FP16 format where channel % 8 == 0", "fp16"),
        ("Half(64,1:8,...)", "fp16"),
        ("Half", "fp16"),
        ("BFloat16", "bf16"),
        ("Row major linear BF16", "bf16"),
        ("FP8", "fp8"),
        ("Int8", "int8"),
        ("Row major Int8 format", "int8"),
        ("Int32", ""),
        ("Row major linear Int64 format", ""),
        ("Bool", ""),
        ("N/A due to dynamic shapes", ""),
        ("", ""),
    ],
)
def test_precisions_by_what_the_versions_call_them(form, precision):
    layers = [{"Name": "a", "LayerType": "b", "Outputs": [{"Format/Datatype": form}]}]
    assert layers_of(json.dumps({"Layers": layers}), ENGINE)[0].precision == precision


@pytest.mark.parametrize("entry", [{"Name": "a"}, {"Name": "a", "Outputs": []}])
def test_what_is_not_told_is_empty(entry):
    assert layers_of(json.dumps({"Layers": [entry]}), ENGINE) == [Layer("a", "", "", ())]


@pytest.mark.parametrize("text", ["", "Layers:\nconv0", "[]", "null", "{}", '{"Layers": null}'])
def test_a_text_without_layers(text):
    with pytest.raises(ModelFileError) as error:
        layers_of(text, ENGINE)
    assert str(error.value) == (
        "a.engine: the engine tells nothing of its layers; build it with --profile"
    )


# the table


PROFILE = EngineProfile(
    (
        Layer("first", "Reformat", "fp32", (), 0.25),
        Layer("softmax alone", "kgen", "fp32", ("/s/Softmax",), 0.5),
        Layer("a" * 39 + "-" + "b" * 30 + "c" * 15, "kgen", "fp16",
              ("/a/MatMul", "/a/Softmax", "/b/Softmax_1", "/b/MatMul_1"), 3.25),
        Layer("not run", "", "", ("/softmax/MatMul",)),
        Layer("unknown", "", "", (), 1.0),
    )
)  # fmt: skip


def test_the_table_is_by_time_and_says_what_was_fused():
    assert list(PROFILE.rows()) == [
        ("layers", "5, 5.000 ms in all"),
        ("attention", "2 of 3 softmaxes run in one layer with products"),
        ("3.250 ms", f" 65.0%  fp16 kgen  {'a' * 39}- ... {'c' * 15}"),
        ("1.000 ms", " 20.0%  -  unknown"),
        ("0.500 ms", " 10.0%  fp32 kgen  softmax alone"),
        ("0.250 ms", "  5.0%  fp32 Reformat  first"),
        ("0.000 ms", "  0.0%  -  not run"),
    ]


def test_the_document_is_the_table():
    document = PROFILE.to_dict()
    assert json.loads(json.dumps(document)) == {
        **{key: document[key] for key in ("total_ms", "fused_softmaxes", "softmaxes")},
        "layers": [{**layer, "nodes": list(layer["nodes"])} for layer in document["layers"]],
    }
    assert (document["total_ms"], document["fused_softmaxes"], document["softmaxes"]) == (5.0, 2, 3)
    assert document["layers"][1] == {
        "name": "softmax alone",
        "kind": "kgen",
        "precision": "fp32",
        "nodes": ("/s/Softmax",),
        "median_ms": 0.5,
    }


def test_an_engine_that_was_not_run_has_no_times():
    profile = EngineProfile((Layer("a", "gemm", "fp16", ()),))
    assert list(profile.rows()) == [
        ("layers", "1, 0.000 ms in all"),
        ("attention", "0 of 0 softmaxes run in one layer with products"),
        ("0.000 ms", "  0.0%  fp16 gemm  a"),
    ]


def test_attentions_are_found_by_the_names_of_our_nodes():
    nodes = source("motionbert", "tpc", "tri").graph.node
    softmaxes = len([node for node in nodes if node.op_type == "Softmax"])
    assert softmaxes >= 4
    apart = EngineProfile(tuple(Layer(node.name, "", "", (node.name,)) for node in nodes))
    assert apart.attentions == (0, softmaxes)
    together = Layer("all", "Myelin", "", tuple(node.name for node in nodes))
    assert EngineProfile((together,)).attentions == (softmaxes, softmaxes)


# an engine


NODES = ("node_of_product", "node_of_poses")
NAMES = ["ONNXTRT_Broadcast", "node_of_product", "ONNXTRT_Broadcast_4", "node_of_poses"]
"""Of the layers that the stand-in makes of a tiny model."""


@pytest.mark.parametrize("version", ["8.6.1", "10.3.0", "11.4.0.106", RTX])
def test_an_engine_is_run_and_its_layers_timed(monkeypatch, tmp_path, version):
    with machine_of(monkeypatch, tmp_path, version) as machine:
        profile = profile_engine(machine.engine(layer_details=True))
    assert [layer.name for layer in profile.layers] == NAMES
    assert {layer.precision for layer in profile.layers} == {"fp32"}
    assert [layer.median_ms for layer in profile.layers] == [0.01] * 4
    assert tuple(node for layer in profile.layers for node in layer.nodes) == NODES
    assert profile.total_ms == 0.04


def test_a_free_batch_has_precisions_at_the_shapes_of_the_run(monkeypatch, tmp_path):
    with machine_of(monkeypatch, tmp_path, "10.3.0") as machine:
        profile = profile_engine(machine.engine(layer_details=True, card=tiny_card(batch=None)))
    assert {layer.precision for layer in profile.layers} == {"fp32"}


def test_an_engine_without_details_has_names_and_times(monkeypatch, tmp_path):
    with machine_of(monkeypatch, tmp_path, "10.3.0") as machine:
        profile = profile_engine(machine.engine())
    assert [layer.name for layer in profile.layers] == NAMES
    told = {(layer.kind, layer.precision, layer.nodes) for layer in profile.layers}
    assert told == {("", "", ())}
    assert profile.total_ms == 0.04
