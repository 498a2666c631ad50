"""TensorRT-RTX, which needs no GPU to build, takes every graph that is exported."""

import logging
import subprocess
import sys
import threading

import onnx
import pytest
import torch
from onnx import TensorProto, helper
from rtx_builds import assert_builds, one_node, rtx_plan
from small_networks import SMALL, SmallPosedMotionBERT, graph_of, small_network

from h2ot_edge._tensorrt import tensorrt_library
from h2ot_edge.engines import plan
from h2ot_edge.errors import BuildError, MissingExtra, UnknownName
from h2ot_edge.export import PRUNERS, RECOVERERS, TokenPlan
from h2ot_edge.export.layers import published_init
from h2ot_edge.export.tracing import without_outputs
from h2ot_edge.zoo import models

pytest.importorskip("tensorrt_rtx")

WAYS = [("none", "none"), *((prune, recover) for prune in PRUNERS for recover in RECOVERERS)]
BEYOND_TOP_K = 3841  # see export.tokens.plan.MAX_TOP_K


def plan_of(prune, recover, **changes):
    schedule = {} if prune == "none" else {1: 3}
    return TokenPlan(
        **{"frames": 9, "schedule": schedule, "prune": prune, "recover": recover, **changes}
    )


# every exported graph


@pytest.mark.parametrize(("prune", "recover"), WAYS)
@pytest.mark.parametrize("backbone", SMALL)
def test_every_way_to_prune_and_recover_builds(backbone, prune, recover):
    model = graph_of(small_network(backbone, plan_of(prune, recover)))
    if recover == "tri":
        assert [value.name for value in model.graph.output] == ["poses", "kept"]
    else:
        model = without_outputs(model, ["poses"])  # what is written without --with-kept
    assert_builds(model)


@pytest.mark.parametrize("backbone", ["motionbert", "motionagformer"])
def test_operator_set_20_builds(backbone):
    model = graph_of(small_network(backbone, plan_of("tpc", "tra")), opset=20)
    assert "Gelu" in {node.op_type for node in model.graph.node}
    assert_builds(model)


@pytest.mark.parametrize(
    ("backbone", "prune"), [("mhformer", "tpc"), ("mixste", "tps"), ("motionagformer", "tpa")]
)
def test_seq2frame_builds(backbone, prune):
    assert_builds(graph_of(small_network(backbone, plan_of(prune, "none", mode="seq2frame"))))


@pytest.mark.parametrize(("backbone", "prune"), [("mixste", "tpc"), ("motionagformer", "tpmo")])
def test_pruning_in_steps_builds(backbone, prune):
    plan = plan_of(prune, "tri", schedule={0: 5, 1: 3})
    assert_builds(graph_of(small_network(backbone, plan)))


@pytest.mark.parametrize("backbone", ["mixste", "motionagformer"])
def test_a_free_batch_with_the_mirrored_input_builds(backbone):
    model = graph_of(small_network(backbone, plan_of("tpc", "tri")), batch=None, flip_tta=True)
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert_builds(model, batch=(1, 2, 4))


def test_a_fixed_batch_builds():
    assert_builds(graph_of(small_network("mixste", plan_of("tpc", "tra")), batch=3))


@pytest.mark.parametrize(("prune", "recover"), [("none", "none"), ("tpc", "tra"), ("tps", "tri")])
@pytest.mark.parametrize("batch", [1, None])
def test_an_embedding_of_whole_poses_builds(prune, recover, batch):
    network = SmallPosedMotionBERT(plan_of(prune, recover))
    published_init(network, torch.Generator().manual_seed(0))
    sizes = {"batch": (1, 2, 4)} if batch is None else {}
    assert_builds(graph_of(network, batch=batch), **sizes)


@pytest.mark.parametrize("name", [name for name, model in models().items() if model.ready])
def test_every_model_that_ships_builds(name):
    assert len(rtx_plan(models()[name].path)) > models()[name].path.stat().st_size / 4


# how it is built


def test_a_file_and_its_bytes_give_an_engine(tmp_path):
    path = tmp_path / "relu.onnx"
    onnx.save(one_node("Relu"), path)
    assert len(rtx_plan(path)) == len(rtx_plan(path.read_bytes()))


def test_one_kind_of_gpu_can_be_named():
    assert_builds(one_node("Relu"), compute_capability="SM86")


@pytest.mark.parametrize("name", ["SM87", "NONE"])
def test_an_unknown_kind_of_gpu_is_refused(name):
    with pytest.raises(UnknownName) as error:
        rtx_plan(one_node("Relu").SerializeToString(), compute_capability=name)
    assert str(error.value).startswith(f"no compute capability {name!r}")
    assert "SM86" in str(error.value)
    assert "NONE" not in str(error.value).partition("(")[2]


def test_without_the_library_its_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", None)
    monkeypatch.setattr(plan, "tensorrt_library", tensorrt_library.__wrapped__)
    with pytest.raises(MissingExtra) as error:
        rtx_plan(b"")
    assert str(error.value) == (
        "tensorrt_rtx cannot be imported (import of tensorrt_rtx halted; None in sys.modules); "
        "pip install 'h2ot-edge[rtx]'"
    )


# what is rejected


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            one_node("NonZero"),
            r"TensorRT-RTX cannot parse the graph: NonZero 'only': .*NonZero plugin.*not found.*",
        ),
        (
            one_node("Foo", domain="com.example"),
            r"TensorRT-RTX cannot parse the graph: Foo 'only': .*Plugin not found.*",
        ),
        (
            one_node("Reshape", ["x", "s"], constants=[helper.make_tensor("s", 7, [2], [3, 3])]),
            r"TensorRT-RTX cannot parse the graph: Reshape 'only': .*\[2,4\] to \[3,3\].*",
        ),
        (
            one_node("Relu", shape=("batch", "frames")),
            r"input x \(-1, -1\): only the batch, axis 0, may be free",
        ),
    ],
    ids=["plugin", "domain", "shape", "free"],
)
def test_a_graph_that_is_rejected_says_why(model, message):
    with pytest.raises(BuildError, match=f"^{message}$") as error:
        rtx_plan(model.SerializeToString())
    assert "\n" not in str(error.value)
    assert error.value.exit_status == 1


def too_many_kept():
    k = helper.make_tensor("k", TensorProto.INT64, [1], [BEYOND_TOP_K])
    model = one_node("TopK", ["x", "k"], shape=(1, BEYOND_TOP_K + 1), constants=[k])
    model.graph.node[0].output.append("index")
    return model.SerializeToString()


def test_a_graph_that_parses_but_does_not_build_says_why():
    with pytest.raises(
        BuildError,
        match=r"^TensorRT-RTX cannot build the graph: .*K exceeds the maximum value allowed "
        r"\(3840\)",
    ):
        rtx_plan(too_many_kept())


@pytest.mark.parametrize("data", [b"", b"this is no ONNX file"])
def test_bytes_that_are_no_graph_are_rejected(data):
    with pytest.raises(BuildError) as error:
        rtx_plan(data)
    assert str(error.value) == (
        "TensorRT-RTX cannot parse the graph: it has no outputs; is it an ONNX file?"
    )


def test_a_failure_leaves_nothing_behind():
    with pytest.raises(BuildError, match="NonZero"):
        rtx_plan(one_node("NonZero").SerializeToString())
    assert_builds(one_node("Relu"))
    with pytest.raises(BuildError, match="Foo") as error:
        rtx_plan(one_node("Foo", domain="com.example").SerializeToString())
    assert "NonZero" not in str(error.value)


def test_threads_get_their_own_reasons():
    found = {}

    def build(number):
        name = f"Operator{number}"
        try:
            rtx_plan(one_node(name, domain="com.example").SerializeToString())
        except BuildError as error:
            found[name] = str(error)

    threads = [threading.Thread(target=build, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    for name, message in found.items():
        assert message.startswith(f"TensorRT-RTX cannot parse the graph: {name} 'only': ")


def test_what_the_library_says_goes_to_logging_only(caplog, capfd):
    with caplog.at_level(logging.INFO, "h2ot_edge"), pytest.raises(BuildError):
        rtx_plan(too_many_kept())
    said = [record for record in caplog.records if "K exceeds the maximum" in record.message]
    assert [(record.name, record.levelname) for record in said] == [("h2ot_edge._tensorrt", "INFO")]
    assert capfd.readouterr() == ("", "")


def test_another_logger_of_the_process_is_no_obstacle(tmp_path):
    path = tmp_path / "top_k.onnx"
    path.write_bytes(too_many_kept())
    code = (
        "import pathlib, sys, tensorrt_rtx as trt\n"
        "first = trt.Logger(trt.Logger.INTERNAL_ERROR)\n"
        "builder = trt.Builder(first)\n"
        "from h2ot_edge.engines import BuildOptions, plan_from_onnx\n"
        "from h2ot_edge.errors import BuildError\n"
        "try:\n"
        "    plan_from_onnx(pathlib.Path(sys.argv[1]), BuildOptions(target='tensorrt-rtx'))\n"
        "except BuildError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=True
    )
    assert "K exceeds the maximum value allowed (3840)" in done.stdout


def test_importing_the_package_does_not_import_the_library():
    code = "import sys, h2ot_edge.engines; sys.exit('tensorrt_rtx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
