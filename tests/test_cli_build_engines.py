"""`h2ot build` where engines are built: with TensorRT-RTX for real, else on stand-ins."""

import json
import re
import shlex
import sys
from pathlib import Path

import pytest
from small_networks import FAMILY, options
from stand_in_engines import machine_of
from tiny_models import save_tiny, tiny_card

from h2ot_edge import ModelCard, cli
from h2ot_edge._tensorrt import tensorrt_library
from h2ot_edge.engine_file import EngineRecord
from h2ot_edge.export import BACKBONES, export_model

NO_GPU = (
    "cuda:0: CUDA finds no GPU: CUDA driver version is insufficient for CUDA runtime version "
    "(cudaErrorInsufficientDriver); check that a driver is installed and new enough (nvidia-smi; "
    "h2ot-doctor says what is there)"
)
FOR_RTX = ["--target", "tensorrt-rtx"]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small pruned model of operator set 19."""
    path = tmp_path_factory.mktemp("source") / "small.onnx"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BACKBONES, "small", FAMILY)
        export_model(options(opset=19, batch=16), path)
    return path


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)


@pytest.fixture
def rtx():
    return pytest.importorskip("tensorrt_rtx")


@pytest.fixture
def tiny():
    return str(save_tiny(Path("tiny.onnx")))


@pytest.fixture
def no_driver():
    """Skips on machines that have a GPU: what is said without one is then not said."""
    runtime = pytest.importorskip("cuda.bindings.runtime")
    error, _ = runtime.cudaGetDeviceCount()
    if error != runtime.cudaError_t.cudaErrorInsufficientDriver:
        pytest.skip("there is a driver")


def written():
    return sorted(str(path) for path in Path().rglob("*"))


def rows(out):
    """Names and values of a report."""
    return dict(re.split("  +", line, maxsplit=1) for line in out.splitlines())


def failure(arguments, capsys):
    """What a command says that fails for wrong use."""
    assert cli.build(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("h2ot-build: error: ")
    assert err.count("\n") == 1
    return err.removeprefix("h2ot-build: error: ").rstrip("\n")


# with TensorRT-RTX


def test_an_engine_of_a_float32_model(rtx, tiny, capsys):
    assert cli.main(["build", tiny, *FOR_RTX]) == 0
    assert written() == ["tiny.engine", "tiny.engine.json", "tiny.onnx"]
    out, err = capsys.readouterr()
    assert err == ""
    told = rows(out)
    record = EngineRecord.read("tiny.engine")
    megabytes, seconds = record.plan_bytes / 1e6, record.build_seconds
    assert told == {
        "engine": f"tiny.engine ({megabytes:.1f} MB), built in {seconds:.1f} s",
        "model": "tiny linear, 9 frames, fp32",
        "for": f"tensorrt-rtx {rtx.__version__}, any RTX GPU from Ampere on",
    }
    assert record.read_plan("tiny.engine")[1:4] == b"trt"
    assert record.card == ModelCard.from_onnx(tiny)


def test_what_is_up_to_date_is_not_built_again(rtx, tiny, capsys):
    command = ["build", tiny, *FOR_RTX, "-o", "sub/a.plan"]
    assert cli.main(command) == 0
    before = Path("sub/a.plan").stat()
    capsys.readouterr()
    assert cli.main(command) == 0
    out, err = capsys.readouterr()
    megabytes = before.st_size / 1e6
    assert rows(out)["engine"] == f"sub/a.plan ({megabytes:.1f} MB), up to date, not built again"
    assert (Path("sub/a.plan").stat(), err) == (before, "")

    assert cli.main([*command, "--force"]) == 0
    forced = Path("sub/a.plan").stat()
    assert forced.st_mtime_ns > before.st_mtime_ns
    assert cli.main([*command, "--compute-capability", "SM86"]) == 0
    assert Path("sub/a.plan").stat().st_mtime_ns > forced.st_mtime_ns
    told = rows(capsys.readouterr().out.splitlines()[-1])
    assert told == {"for": f"tensorrt-rtx {rtx.__version__}, SM86"}


def test_json_is_one_document(rtx, tiny, capsys):
    command = ["build", tiny, *FOR_RTX, "--batch", "2:3:4", "--json", "-q"]
    for built in (True, False):
        assert cli.main(command) == 0
        out, err = capsys.readouterr()
        assert err == ""
        report = json.loads(out)
        assert (report.pop("output"), report.pop("built")) == ("tiny.engine", built)
        assert report == json.loads(Path("tiny.engine.json").read_text())
        assert report["options"]["batch"] == [2, 3, 4]


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_lowering_and_building_in_one_go(rtx, small, precision, capsys):
    lenient = ["--max-drift-mm", "1e6"]
    command = ["build", str(small), "--precision", precision, *FOR_RTX, *lenient]
    assert cli.main(command) == 0
    name = f"small-{precision}.engine"
    assert written() == [name, f"{name}.json"]
    told = rows(capsys.readouterr().out)
    assert told["model"] == f"small base, 9 frames, {precision}"
    record = EngineRecord.read(name)
    assert record.read_plan(name)[1:4] == b"trt"
    assert record.card.precision_name == precision
    assert record.card.precision["verdict"].startswith(precision.upper())


def test_one_go_gives_what_two_steps_give(rtx, tiny):
    one = ["build", tiny, "--precision", "fp16", *FOR_RTX]
    assert cli.main(one) == 0
    record = EngineRecord.read("tiny-fp16.engine")
    assert cli.main(one) == 0
    assert EngineRecord.read("tiny-fp16.engine") == record  # not built again

    assert cli.main([*one[:4], "-o", "low.onnx"]) == 0
    assert cli.main(["build", "low.onnx", *FOR_RTX]) == 0
    assert EngineRecord.read("low.engine").onnx_sha256 == record.onnx_sha256
    assert EngineRecord.read("low.engine").card == record.card


def test_a_name_with_the_suffix_of_an_engine_is_enough(rtx, small, no_driver, capsys):
    """It is for TensorRT, which needs a GPU, then."""
    command = [str(small), "--precision", "fp16", "-o", "a.engine"]
    assert failure(command, capsys) == NO_GPU
    assert written() == []


class Terminal:
    """Standard error that is a terminal."""

    def __init__(self):
        self.text = ""

    def isatty(self):
        return True

    def write(self, text):
        self.text += text
        return len(text)

    def flush(self):
        pass


@pytest.mark.parametrize(("more", "shown"), [([], True), (["--quiet"], False), (["--json"], False)])
def test_a_bar_is_shown_on_terminals_that_want_one(rtx, tiny, monkeypatch, capsys, more, shown):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert cli.main(["build", tiny, *FOR_RTX, *more]) == 0
    assert ("step/s" in terminal.text) == shown
    assert shown or terminal.text == ""


# what is refused


def test_tensorrt_needs_a_gpu(tiny, no_driver, capsys):
    assert failure([tiny], capsys) == NO_GPU
    assert failure([tiny, "--target", "tensorrt", "-d", "cuda"], capsys) == NO_GPU
    assert failure([tiny, "-d", "cuda:3"], capsys) == NO_GPU.replace("cuda:0", "cuda:3")
    assert failure([tiny, *FOR_RTX, "--profile"], capsys) == NO_GPU
    assert written() == ["tiny.onnx"]


def test_engines_are_not_built_for_cpus(tiny, capsys):
    assert failure([tiny, "--device", "cpu"], capsys) == (
        "--device cpu: engines run on GPUs; give cuda:N, or leave it out"
    )


@pytest.mark.parametrize("option", ["--refit", "--strip-weights"])
def test_rtx_needs_a_gpu_where_weights_are_apart(rtx, tiny, no_driver, option, capsys):
    assert failure([tiny, *FOR_RTX, option], capsys) == NO_GPU
    assert written() == ["tiny.onnx"]


def test_a_library_that_is_missing_is_named(monkeypatch, tmp_path, capsys):
    with machine_of(monkeypatch, tmp_path, "10.3.0") as machine:
        monkeypatch.setitem(sys.modules, "tensorrt", None)
        tensorrt_library.cache_clear()
        assert failure([str(machine.onnx())], capsys) == (
            "tensorrt cannot be imported (import of tensorrt halted; None in sys.modules); "
            "pip install 'h2ot-edge[tensorrt]'"
        )
    assert written() == []


def test_rtx_that_is_missing_is_named_before_the_lowering(small, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", None)
    tensorrt_library.cache_clear()
    assert failure([str(small), "--precision", "int8", *FOR_RTX], capsys) == (
        "tensorrt_rtx cannot be imported (import of tensorrt_rtx halted; None in sys.modules); "
        "pip install 'h2ot-edge[rtx]'"
    )
    tensorrt_library.cache_clear()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "--target tensorrt-rtz",
            "no target 'tensorrt-rtz'; did you mean 'tensorrt-rtx'? (known: tensorrt, "
            "tensorrt-rtx)",
        ),
        ("--batch 1:2", "batch '1:2': expected MIN:OPT:MAX such as 1:4:16, or one number"),
        ("--batch 4:2:8", "batch (4, 2, 8): expected three positive numbers in ascending order"),
        ("--workspace-mib 0", "workspace_mib 0: expected 1 or more"),
        ("--optimization-level 6", "optimization_level 6: expected 0 to 5"),
        (
            "--typing string",
            "no typing 'string'; did you mean 'strong'? (known: auto, strong, weak)",
        ),
        (
            "--hardware-compatibility all",
            "no hardware compatibility 'all' (known: none, ampere+, same)",
        ),
        (
            "--compute-capability SM86",
            "compute_capability SM86: TensorRT builds for the GPU that is there; only the target "
            "tensorrt-rtx builds for another",
        ),
        (
            "--target tensorrt-rtx --version-compatible",
            "version_compatible True: the target tensorrt-rtx has no such option; leave it out, or "
            "give the target tensorrt",
        ),
        (
            "--target tensorrt-rtx --dla-core 0",
            "dla_core 0: the target tensorrt-rtx has no such option; leave it out, or give the "
            "target tensorrt",
        ),
        (
            "--target tensorrt-rtx --profile --cuda pycuba",
            "no CUDA binding 'pycuba'; did you mean 'pycuda'? (known: auto, cuda-python, pycuda)",
        ),
        (
            "--refit --strip-weights",
            "argument --strip-weights: not allowed with argument --refit; h2ot-build --help shows "
            "what it takes",
        ),
        (
            "--precision int8-cpu --target tensorrt-rtx",
            "--precision int8-cpu: such models are for ONNX Runtime on CPUs, which run no engines; "
            "give fp16 or int8, or -o FILE.onnx and no --target",
        ),
        (
            "--precision fp16 --strip-weights --target tensorrt",
            "--strip-weights with --precision: loading the engine takes the weights from the "
            "lowered model; write that with -o FILE.onnx first, and build the engine from it",
        ),
        (
            "--precision fp32 -o a.onnx",
            "--output a.onnx: expected a name that ends in .engine or .plan or .trt; a model is "
            "only lowered with --precision",
        ),
    ],
)  # fmt: skip
def test_wrong_use(arguments, message, tiny, capsys):
    assert failure([tiny, *arguments.split()], capsys) == message
    assert written() == ["tiny.onnx"]


@pytest.mark.parametrize(
    "option",
    [
        "--batch 2",
        "--workspace-mib 5",
        "--optimization-level 0",
        "--typing weak",
        "--timing-cache a",
        "--version-compatible",
        "--hardware-compatibility same",
        "--refit",
        "--strip-weights",
        "--dla-core 0",
        "--compute-capability SM86",
        "--profile",
        "--force",
    ],
)
def test_options_of_engines_are_refused_where_none_is_built(option, tiny, capsys):
    name = option.partition(" ")[0]
    told = failure([tiny, "--precision", "fp16", *shlex.split(option)], capsys)
    assert told == (
        f"{name}: no engine is built here; leave it out, or give --target or -o FILE.engine"
    )
    assert written() == ["tiny.onnx"]


def test_a_model_for_cpus_is_refused(rtx, capsys):
    save_tiny(Path("a.onnx"), tiny_card(precision={"name": "int8-cpu"}))
    assert failure(["a.onnx", *FOR_RTX], capsys) == (
        "a.onnx: an int8-cpu model is for ONNX Runtime on CPUs, TensorRT-RTX "
        f"{rtx.__version__} cannot read it; lower the float32 model with --precision fp16 or int8 "
        "instead"
    )


def test_rtx_keeps_no_timings(rtx, tiny, capsys):
    assert failure([tiny, *FOR_RTX, "--timing-cache", "a.timing"], capsys) == (
        f"timing_cache a.timing: TensorRT-RTX {rtx.__version__} keeps no timings; leave it out"
    )


def test_a_folder_as_output_is_refused(tiny, capsys):
    Path("a.engine").mkdir()
    assert failure([tiny, *FOR_RTX, "-o", "a.engine"], capsys) == (
        "--output a.engine: expected the name of a file, this is a folder"
    )


# on a GPU


def test_layers_are_told_on_request(monkeypatch, tmp_path, capsys):
    with machine_of(monkeypatch, tmp_path, "10.3.0") as machine:
        command = [str(machine.onnx()), "--profile", "--timing-cache", "a.timing"]
        assert cli.build(command) == 0
        told = capsys.readouterr().out.splitlines()
        assert [line.split()[0] for line in told[:5]] == [
            "engine",
            "model",
            "for",
            "layers",
            "attention",
        ]
        assert told[2].endswith("tensorrt 10.3.0, Orin (compute capability 8.7)")
        assert len(told) == 9
        assert "0.010 ms    25.0%  fp32 " in told[5]
        assert cli.build([*command, "--json"]) == 0
        report = json.loads(capsys.readouterr().out)
        assert report["built"] is False
        assert len(report["profile"]["layers"]) == 4
    assert written() == ["a.timing", "tiny.engine", "tiny.engine.json"]


# help


def test_help_tells_every_option(capsys):
    assert cli.build(["--help"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    told = " ".join(out.split())
    for option in (
        "--target NAME",
        "-d DEVICE, --device DEVICE",
        "--cuda NAME",
        "--batch MIN:OPT:MAX",
        "--workspace-mib N",
        "--optimization-level 0-5",
        "--typing NAME",
        "--timing-cache FILE",
        "--version-compatible",
        "--hardware-compatibility NAME",
        "--refit",
        "--strip-weights",
        "--dla-core N",
        "--compute-capability SMxx",
        "--profile",
        "--force",
        "--precision NAME",
        "-o FILE, --output FILE",
    ):
        assert option in told, option
    assert "(default: tensorrt, if an engine is built)" in told
