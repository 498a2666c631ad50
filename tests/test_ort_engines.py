"""What the TensorRT provider builds for, where it is kept, and context models.

No TensorRT is needed: a stand-in writes the files that the provider would write.
"""

import json
import logging
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from tiny_models import answer, save_tiny, tiny_card

from h2ot_edge.backends import open_backend
from h2ot_edge.backends.ort_context import Context
from h2ot_edge.backends.ort_engines import engine_arguments
from h2ot_edge.backends.ort_options import OnnxRuntimeOptions
from h2ot_edge.card import METADATA_KEY, ModelCard
from h2ot_edge.errors import EngineMismatch, ModelFileError, UsageError

VERSION = "10.13.3"


def told(path, *, version=VERSION, index=0, write=None, **keywords):
    """The provider's options and the profile; `write` stands for what the provider writes."""
    options = OnnxRuntimeOptions(provider="tensorrt", **keywords)
    with engine_arguments(path, options, index, version) as (arguments, profile):
        if write is not None:
            write(arguments)
    return arguments, profile


def refused(path, **keywords):
    with pytest.raises(UsageError) as caught:
        told(path, **keywords)
    return str(caught.value)


def write_context(arguments):
    """A model of one EPContext node, as ONNX Runtime writes it: without metadata."""
    shape = [2, 9, 17, 3]
    node = helper.make_node(
        "EPContext",
        ["keypoints"],
        ["poses"],
        domain="com.microsoft",
        embed_mode=1,
        ep_cache_context=b"a plan",
    )
    graph = helper.make_graph(
        [node],
        "context",
        [helper.make_tensor_value_info("keypoints", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("poses", TensorProto.FLOAT, shape)],
    )
    domains = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=domains, ir_version=8)
    onnx.save(model, arguments["trt_ep_context_file_path"])


@pytest.fixture
def free(tmp_path):
    """A model with a free batch."""
    return save_tiny(tmp_path / "free.onnx")


@pytest.fixture
def fixed(tmp_path):
    """A model with a batch of 2."""
    return save_tiny(tmp_path / "fixed.onnx", tiny_card(batch=2))


@pytest.fixture
def context(tmp_path, fixed):
    """A context model."""
    path = tmp_path / "made" / "context.onnx"
    told(fixed, ep_context=path, write=write_context)
    return path


def test_a_fixed_batch_has_no_profile(fixed):
    assert told(fixed, index=1) == ({"device_id": "1", "trt_cuda_graph_enable": "False"}, None)


def test_a_free_batch_has_a_profile_of_the_input(free):
    arguments, profile = told(free, profile=(1, 4, 8))
    assert profile == (1, 4, 8)
    assert arguments["trt_profile_max_shapes"] == "keypoints:8x9x17x3"


def test_a_profile_belongs_to_a_free_batch(free, fixed):
    assert refused(free) == (
        "profile: this model leaves its batch free, and the provider tensorrt would build its "
        "engine again for every size that is new; pass the fewest, the usual and the most windows "
        "of a call, such as profile=(1, 8, 8)"
    )
    assert refused(fixed, profile=(1, 1, 2)) == (
        "profile: this model has a fixed batch of 2; leave profile out"
    )


def test_one_graph_is_for_one_shape(free, fixed):
    assert refused(free, cuda_graph=True, profile=(1, 1, 2)) == (
        "cuda_graph: the provider tensorrt captures one graph, and this model leaves its batch "
        "free; export it with a fixed batch, or pass provider='cuda'"
    )
    assert told(fixed, cuda_graph=True)[0]["trt_cuda_graph_enable"] == "True"


def folder(path, **keywords):
    return told(path, engine_cache=path.parent / "cache", **keywords)[0]["trt_engine_cache_path"]


def test_engines_of_other_weights_options_or_tensorrt_are_kept_apart(tmp_path, free):
    usual = {"profile": (1, 4, 8)}
    first = folder(free, **usual)
    assert first == folder(free, **usual)
    save_tiny(free, bias=np.ones((9, 1, 3), np.float32))  # ONNX Runtime's names do not tell
    others = [
        folder(free, **usual),
        folder(free, profile=(1, 4, 9)),
        folder(free, **usual, optimization_level=5),
        folder(free, **usual, workspace_mib=64),
        folder(free, **usual, aux_streams=0),
        folder(free, **usual, hardware_compatible=True),
        folder(free, **usual, version="10.14.1"),
    ]
    assert len({first, *others}) == 8
    assert sorted(map(str, (tmp_path / "cache").iterdir())) == sorted({first, *others})


def test_folders_are_made(tmp_path, fixed):
    arguments, _ = told(fixed, timing_cache=tmp_path / "a" / "timing")
    assert arguments["trt_timing_cache_path"] == str(tmp_path / "a" / "timing")
    assert (tmp_path / "a" / "timing").is_dir()


def test_a_folder_that_cannot_be_made_is_told(tmp_path, fixed):
    (tmp_path / "file").write_text("")
    assert refused(fixed, timing_cache=tmp_path / "file" / "timing") == (
        f"{tmp_path}/file/timing/engine: the folder {tmp_path}/file/timing cannot be made "
        "(Not a directory); give another name"
    )


def test_a_build_is_announced(fixed, caplog, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told(fixed)
    told(fixed, ep_context="context.onnx", write=write_context)
    kept = folder(fixed)
    Path(kept, "tensorrt_sm87.engine").write_bytes(b"a plan")
    folder(fixed)
    begin = f"ONNX Runtime builds a TensorRT engine of {fixed}, which can take minutes; "
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (
            logging.WARNING,
            begin + "it is not kept; pass engine_cache=FOLDER or ep_context=FILE.onnx to keep it",
        ),
        (logging.WARNING, f"{begin}it is kept in context.onnx"),
        (logging.WARNING, f"{begin}it is kept in {kept}"),
    ]


def test_a_context_model_has_the_card_of_its_model(context, fixed):
    assert ModelCard.from_onnx(context) == ModelCard.from_onnx(fixed)
    model = onnx.load(context)
    assert [node.op_type for node in model.graph.node] == ["EPContext"]
    properties = {item.key: item.value for item in model.metadata_props}
    assert properties.keys() == {METADATA_KEY, "h2ot_edge.context"}
    assert json.loads(properties["h2ot_edge.context"]) == {"tensorrt": VERSION, "profile": None}
    assert [path.name for path in context.parent.iterdir()] == ["context.onnx"]


def test_what_is_joined_to_a_model_is_read_by_onnx_runtime(tmp_path, fixed):
    whole = tmp_path / "whole.onnx"
    raw = save_tiny(tmp_path / "raw.onnx", tiny_card(batch=2), metadata={})
    Context(None, None).write(raw, fixed, whole)
    session = onnxruntime.InferenceSession(whole, providers=["CPUExecutionProvider"])
    kept = session.get_modelmeta().custom_metadata_map
    assert ModelCard.from_json(kept[METADATA_KEY]) == tiny_card(batch=2)
    feed = np.random.default_rng(0).uniform(-1, 1, (2, 9, 17, 3)).astype(np.float32)
    (poses,) = session.run(None, {"keypoints": feed})
    np.testing.assert_allclose(poses, answer(feed), atol=1e-6)


def test_a_context_model_is_loaded_without_building(context, caplog):
    caplog.clear()
    assert told(context, cuda_graph=True, index=1) == (
        {"device_id": "1", "trt_cuda_graph_enable": "True"},
        None,
    )
    assert caplog.records == []


def test_a_context_model_knows_its_profile(tmp_path, free):
    path = tmp_path / "context.onnx"
    told(free, ep_context=path, profile=(1, 4, 8), write=write_context)
    assert told(path)[1] == (1, 4, 8)


def test_a_context_model_is_not_built_again(context):
    assert refused(context, optimization_level=5) == (
        f"optimization_level: {context} is a context model, its engine is built already; leave it "
        "out"
    )


def test_a_context_model_of_another_tensorrt_is_refused(context):
    with pytest.raises(EngineMismatch) as caught:
        told(context, version="10.14.1")
    assert str(caught.value) == (
        f"{context}: its engine was built by TensorRT 10.13.3, this is 10.14.1; write the context "
        "model again from the ONNX model, with ep_context="
    )
    assert told(context, version=None)[1] is None


def test_a_context_model_needs_tensorrt(context):
    with pytest.raises(UsageError) as caught:
        open_backend(context, device="cpu")
    assert str(caught.value) == (
        f"{context} is a context model, with an engine of TensorRT inside; load it with "
        "device='cuda' and provider='tensorrt'"
    )


def test_a_provider_that_writes_no_context_model_is_told(tmp_path, fixed):
    path = tmp_path / "context.onnx"
    path.write_bytes(b"an older one")
    with pytest.raises(ModelFileError) as caught:
        told(fixed, ep_context=path)
    assert str(caught.value) == (
        f"{fixed}: ONNX Runtime wrote no context model for {path}; only a graph that TensorRT "
        "takes as a whole has one"
    )
    assert path.read_bytes() == b"an older one"


def test_a_load_that_fails_leaves_no_context_model(tmp_path, fixed):
    def fail(arguments):
        write_context(arguments)
        raise RuntimeError("the provider failed")

    with pytest.raises(RuntimeError, match="the provider failed"):
        told(fixed, ep_context=tmp_path / "made" / "context.onnx", write=fail)
    assert list((tmp_path / "made").iterdir()) == []


def test_a_model_is_not_replaced_by_its_context_model(fixed):
    assert refused(fixed, ep_context=fixed) == (
        f"ep_context: {fixed} is the model itself; give another name"
    )


@pytest.mark.parametrize("facts", ["{", "[]", '{"tensorrt": null}', '{"profile": 3}'])
def test_malformed_facts_are_told(tmp_path, facts):
    metadata = {METADATA_KEY: tiny_card().to_json(), "h2ot_edge.context": facts}
    path = save_tiny(tmp_path / "tiny.onnx", metadata=metadata)
    with pytest.raises(ModelFileError) as caught:
        Context.read(path)
    assert str(caught.value) == (
        f"{path}: what the context model says of its engine is malformed "
        f"({caught.value.__cause__!r}); write it again from the ONNX model, with ep_context="
    )


def test_long_facts_survive(tmp_path, fixed):
    facts = Context("1" * 20000, (1, 128, 70000))
    raw = save_tiny(tmp_path / "raw.onnx", tiny_card(batch=2), metadata={})
    facts.write(raw, fixed, tmp_path / "whole.onnx")
    assert Context.read(tmp_path / "whole.onnx") == facts
