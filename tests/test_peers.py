"""`h2ot bench peers` on a network of two blocks."""

import copy
import dataclasses
import importlib.util
import json
import sys
from contextlib import ExitStack
from functools import partial

import numpy as np
import onnx
import pytest
import torch
from small_networks import FAMILY, options

from h2ot_edge import cli
from h2ot_edge.benchmarks import latency
from h2ot_edge.benchmarks.bench import peak
from h2ot_edge.benchmarks.bench.results import read_result
from h2ot_edge.benchmarks.latency import in_blocks
from h2ot_edge.benchmarks.peers import contenders, suite
from h2ot_edge.benchmarks.peers.checking import Checker, LeftOut
from h2ot_edge.benchmarks.peers.contenders import contenders_on
from h2ot_edge.benchmarks.peers.networks import build_networks
from h2ot_edge.errors import ModelFileError, OutputError
from h2ot_edge.export import BACKBONES

NO_COMPILER = (
    "it needs a C++ compiler and there is no 'no-such-compiler'; install one, or name it in $CXX"
)
LEFT_OUT = f"left out on torch.compile: {NO_COMPILER}"


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BACKBONES, "small", FAMILY)
        return build_networks(options(), tmp_path_factory.mktemp("peers"))


@pytest.fixture(autouse=True)
def nothing_is_compiled(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")


def opened(networks, model, backend):
    """A contender, checked."""
    named = {(one.model, one.backend): one for one in contenders_on(networks, "cpu")}
    with ExitStack() as stack:
        return Checker(networks, "cpu").opened(named[model, backend], stack, 1)


def far(networks, model, backend, what="accuracy"):
    return opened(networks, model, backend).far[what]["mean_mm"]


def test_every_form_of_a_network_computes_the_same(networks):
    for model in ("plain", "fp32", "pruned"):
        assert far(networks, model, "onnxruntime") < 0.01
    # Eight bits and pruning change something.
    assert far(networks, "int8-cpu", "onnxruntime") > 0.1
    assert far(networks, "pruned-int8-cpu", "onnxruntime") > 0.1
    assert far(networks, "pruned", "onnxruntime", "accuracy-unpruned") > 0.1


def test_the_pruned_network_has_the_weights_of_the_other(networks):
    pruned = networks.pruned.lifter.backbone.state_dict()
    plain = networks.plain.network.state_dict()
    assert plain.keys() < pruned.keys()
    assert all(torch.equal(pruned[name], plain[name]) for name in plain)
    assert networks.random
    assert not networks.own_weights


def changed(networks, **changes):
    return dataclasses.replace(networks, **changes)


def refusal(networks, model="plain", backend="onnxruntime"):
    with pytest.raises(LeftOut) as error:
        opened(networks, model, backend)
    return str(error.value)


def test_what_computes_something_else_is_refused(networks):
    found = far(networks, "pruned", "onnxruntime", "accuracy-unpruned")
    files = {**networks.files, "plain": networks.files["pruned"]}
    assert refusal(changed(networks, files=files)) == (
        f"refused: it computes something else, its poses are {found:.3g} mm from those of PyTorch "
        "on average, and 0.1 mm are allowed"
    )


def test_drift_of_8_bits_is_refused_where_weights_mean_something(networks):
    found = far(networks, "int8-cpu", "onnxruntime")
    assert found > 5
    assert refusal(changed(networks, random=False), "int8-cpu") == (
        f"refused: it computes something else, its poses are {found:.3g} mm from those of PyTorch "
        "on average, and 5 mm are allowed"
    )


@pytest.mark.parametrize("what", ["nan", "shape"])
def test_what_is_no_pose_is_refused(networks, tmp_path, what):
    model = onnx.load(networks.files["plain"])
    value = model.graph.output[0]
    value.name = "broken"
    if what == "nan":
        node = onnx.helper.make_node("Sub", ["poses_inf", "poses_inf"], ["broken"])
        infinite = onnx.numpy_helper.from_array(np.float32(np.inf).reshape(1), "infinite")
        model.graph.initializer.append(infinite)
        add = onnx.helper.make_node("Add", ["poses", "infinite"], ["poses_inf"])
        model.graph.node.extend([add, node])
    else:
        model.graph.node.append(
            onnx.helper.make_node("Transpose", ["poses"], ["broken"], perm=[0, 2, 1, 3])
        )
        for dim, size in zip(value.type.tensor_type.shape.dim, (1, 17, 9, 3), strict=True):
            dim.dim_value = size
    files = {**networks.files, "plain": tmp_path / "broken.onnx"}
    onnx.save(model, files["plain"])
    assert refusal(changed(networks, files=files)) == (
        "refused: its poses are not finite, or not of the shape of PyTorch's"
    )


def test_a_network_without_poses_is_no_reference(networks):
    plain = copy.deepcopy(networks.plain)
    with torch.no_grad():
        plain.network.head.bias[0] = float("nan")
    with pytest.raises(OutputError) as error:
        Checker(changed(networks, plain=plain), "cpu")
    assert str(error.value) == (
        "small-base-9: in PyTorch its poses are not finite, so there is nothing to compare others "
        "with; use other weights"
    )


def test_a_missing_compiler_is_named(networks):
    assert refusal(networks, "pytorch", "torch.compile") == NO_COMPILER


def test_one_that_is_compiled_leaves_the_others_as_they_are(networks, monkeypatch):
    """Compiled anew while it is timed, it would look slow."""
    made = []

    def backend(graph, inputs, **options):
        made.append(options.get("mode"))
        return graph.forward

    compiled = partial(torch.compile, backend=backend)
    monkeypatch.setattr(torch, "compile", compiled)
    monkeypatch.setenv("CXX", sys.executable)
    torch.compiler.reset()
    runs = []
    for mode in (None, "reduce-overhead"):
        runs.append(contenders._compiled(networks.plain, "cpu", mode, ExitStack(), 1))
        runs[-1](networks.windows[:1])
    for run in runs:
        run(networks.windows[:1])
    assert made == [None, "reduce-overhead"]


def test_what_others_raise_leaves_them_out_and_ours_must_run(networks, tmp_path):
    missing = tmp_path / "missing.onnx"
    files = {**networks.files, "plain": missing, "fp32": missing}
    assert "missing.onnx" in refusal(changed(networks, files=files))
    with pytest.raises(ModelFileError):
        opened(changed(networks, files=files), "fp32", "onnxruntime")


@pytest.fixture
def quick(networks, monkeypatch):
    """What takes long, short; what was asked for."""
    asked = []
    # Built once for all tests.
    monkeypatch.setattr(
        "h2ot_edge.benchmarks.peers.networks.build_networks",
        lambda options, folder, progress: asked.append(options) or networks,
    )
    for name in ("_SIZE_S", "_PRODUCTS_S", "_STREAM_S"):
        monkeypatch.setattr(peak, name, 0.1)
    monkeypatch.setattr(peak, "STREAM_MIB", 4)
    monkeypatch.setattr(latency, "_GROUP_S", 0.01)
    monkeypatch.setattr(latency, "_LONGEST_WARMUP_S", 0.02)
    return asked


COMMAND = ["peers", "--backbone", "small", "--frames", "9", "--preset", "hot"]
COMMAND += ["--threads", "1", "--seconds", "0.01", "--no-report", "--out"]


def test_the_command(small_backbone, quick, tmp_path, capsys):
    threads = torch.get_num_threads()
    assert cli.bench([*COMMAND, str(tmp_path)]) == 0
    assert quick == [options()]
    assert torch.get_num_threads() == threads
    document = read_result(tmp_path / "peers.json")
    assert document["ended"] is not None
    timed = [row for row in document["rows"] if row["kind"] == "latency"]
    ours = ["small-base-9-fp32", "small-base-9-int8-cpu"]
    ours += ["small-base-9-hot", "small-base-9-hot-int8-cpu"]
    on_onnxruntime = [row["model"] for row in timed if row["backend"] == "onnxruntime"]
    assert on_onnxruntime == ["small-base-9-plain", *ours]
    assert (timed[0]["model"], timed[0]["backend"]) == ("small-base-9-pytorch", "pytorch")
    assert {(row["boundary"], row["threads"]) for row in timed} == {("host", 1)}
    assert {model["precision"] for model in document["models"].values()} == {"fp32", "int8-cpu"}
    assert all(row["figures"]["gflops"] > 0 for row in timed)
    assert document["models"]["small-base-9-pytorch"]["unknown"] == [LEFT_OUT]
    assert [one["threads"] for one in document["peaks"]] == [1]
    on_openvino = [row for row in document["rows"] if row["backend"] == "openvino"]
    if importlib.util.find_spec("openvino") is None:
        assert on_openvino == []
    else:
        exact = [row for row in on_openvino if row["id"].endswith("/accuracy")]
        exact = [row for row in exact if "int8" not in row["model"]]
        assert [row["model"].removeprefix("small-base-9-") for row in exact] == [
            *("plain", "fp32", "hot")
        ]
        assert max(row["figures"]["mean_mm"] for row in exact) < 0.01
    out = capsys.readouterr().out
    assert f"{LEFT_OUT}\n" in out
    assert "| small-base-9-hot " in out


def test_what_was_measured_is_kept_as_long_as_the_models_are_the_same(
    small_backbone, quick, networks, monkeypatch, tmp_path, capsys
):
    path, again = tmp_path / "peers.json", [*COMMAND, str(tmp_path), "--resume", "-q"]
    few = contenders_on(networks, "cpu")[:3]  # PyTorch, compiled, the plain export
    monkeypatch.setattr(suite, "contenders_on", lambda networks, device: few)
    timed = []
    monkeypatch.setattr(suite, "in_blocks", lambda *a, **b: timed.append(1) or in_blocks(*a, **b))
    assert cli.bench(again) == 0
    whole = read_result(path)
    assert cli.bench(again) == 0
    assert {**read_result(path), "ended": None} == {**whole, "ended": None}
    assert len(timed) == 1
    last = whole["rows"][-2]["id"]
    assert last == "small-base-9-plain/onnxruntime/cpu/1/single-host"
    path.write_text(json.dumps({**whole, "rows": whole["rows"][:-2], "ended": None}))
    assert cli.bench(again) == 0
    found = read_result(path)
    assert [row["id"] for row in found["rows"]] == [row["id"] for row in whole["rows"]]
    assert found["models"] == whole["models"]
    assert [one["threads"] for one in found["peaks"]] == [1]
    whole["models"]["small-base-9-fp32"]["sha256"] = "0" * 64
    path.write_text(json.dumps(whole))
    assert cli.bench(again[:-1]) == 0
    assert len(timed) == 3
    assert f"{path}: was of other models, all is measured anew\n" in capsys.readouterr().err
    assert read_result(path)["models"] == found["models"]


def error_of(arguments, capsys, status=2):
    assert cli.bench(["peers", *arguments, "--json"]) == status
    return json.loads(capsys.readouterr().out)["error"]["message"]


ONE = "expected --model NAME or --backbone NAME, and not both"
SECONDS = "--seconds: expected a finite number above 0, got"
REFUSALS = [
    ([], ONE),
    (["--model", "a", "--backbone", "b"], ONE),
    (
        ["--model", "motionbert-s", "--preset", "hot"],
        "--preset: --model says that already; give --backbone instead",
    ),
    (["--model", "motionbert-s", "--seconds", "0"], f"{SECONDS} 0"),
    (["--model", "motionbert-s", "--seconds", "nan"], f"{SECONDS} nan"),
    (["--model", "motionbert-s", "--threads", "1", "0"], "--threads: expected at least 1, got 0"),
    (
        ["--model", "motionbert-s", "--threads", "1", "--device", "cuda:0"],
        "--threads: on cuda:0 there are none to choose; leave it out",
    ),
    (
        ["--model", "motionbert-s-dense"],
        "peers are compared with a pruned network as well; give a --model that is pruned, or "
        "--preset h2ot or hot",
    ),
    (
        ["--backbone", "mixste"],
        "--backbone mixste: of it there is no plain form, as published code has it, for PyTorch "
        "and a plain export to run; give --backbone motionbert",
    ),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSALS)
def test_what_cannot_be_asked_for(arguments, message, tmp_path, capsys):
    assert error_of([*arguments, "--out", str(tmp_path)], capsys) == message


def test_a_file_is_no_folder(tmp_path, capsys):
    file = tmp_path / "file"
    file.touch()
    assert error_of(["--model", "motionbert-s", "--out", str(file)], capsys) == (
        f"--out {file}: expected the name of a folder, this is a file"
    )
