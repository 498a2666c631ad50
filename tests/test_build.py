"""Engines as files: what is written, when it is built again, and what a failure leaves behind.

TensorRT-RTX builds for real; where a GPU is part of the matter, the stand-ins do.
"""

import errno
import hashlib
import json
import logging
import re
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
from stand_in_engines import machine_of
from tiny_models import save_tiny, tiny_card

from h2ot_edge import ModelCard
from h2ot_edge import engine_file as sidecars
from h2ot_edge._files import sha256_of
from h2ot_edge.cuda.cuda_python import CudaPython
from h2ot_edge.engine_file import EngineRecord, sidecar_of
from h2ot_edge.engines import BuildOptions, build_engine, cached_engine
from h2ot_edge.engines import build as building
from h2ot_edge.engines.build import is_current
from h2ot_edge.engines.cache import EngineCache
from h2ot_edge.errors import BuildError, DeviceUnavailable, ModelFileError, UsageError
from h2ot_edge.system import Jetson, platform_tag
from h2ot_edge.zoo import models

RTX = BuildOptions(target="tensorrt-rtx")


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def rtx():
    return pytest.importorskip("tensorrt_rtx")


@pytest.fixture
def source(tmp_path):
    return save_tiny(tmp_path / "tiny.onnx")


@pytest.fixture
def engine(rtx, source, tmp_path):
    """An engine of TensorRT-RTX."""
    build_engine(source, tmp_path / "tiny.engine", RTX)
    return tmp_path / "tiny.engine"


def names_in(folder):
    return sorted(path.name for path in folder.rglob("*"))


# what is written


def test_a_plan_and_its_sidecar_are_written(rtx, source, tmp_path, caplog):
    path = tmp_path / "new" / "tiny.engine"
    with caplog.at_level(logging.INFO, "h2ot_edge.engines.build"):
        record = build_engine(source, path, RTX)
    assert names_in(tmp_path / "new") == ["tiny.engine", "tiny.engine.json"]
    plan = path.read_bytes()
    assert plan[1:4] == b"trt"
    assert EngineRecord.read(path) == record
    assert record == EngineRecord(
        card=ModelCard.from_onnx(source),
        target="tensorrt-rtx",
        tensorrt=rtx.__version__,
        cuda=None,
        gpu=None,
        platform=platform_tag(),
        options=RTX.to_dict(),
        onnx_sha256=sha256_of(source),
        plan_sha256=hashlib.sha256(plan).hexdigest(),
        plan_bytes=len(plan),
        build_seconds=record.build_seconds,
    )
    assert 0.01 < record.build_seconds < 600
    said = [entry.getMessage() for entry in caplog.records if entry.name.endswith("engines.build")]
    megabytes, seconds = len(plan) / 1e6, record.build_seconds
    assert said == [f"wrote {path}, {megabytes:.1f} MB in {seconds:.1f} s"]


def test_what_the_gpu_was_is_written_down(monkeypatch, tmp_path):
    with machine_of(monkeypatch, tmp_path, "10.3.0") as machine:
        record = build_engine(
            machine.onnx(), tmp_path / "a.plan", BuildOptions(), cuda=CudaPython()
        )
    assert record.gpu == {"name": "Orin", "compute_capability": "8.7"}
    assert (record.target, record.tensorrt, record.cuda) == ("tensorrt", "10.3.0", "12.6")
    assert EngineRecord.read(tmp_path / "a.plan") == record
    assert names_in(tmp_path) == ["a.plan", "a.plan.json", "tiny.onnx"]


def test_tensorrt_needs_a_gpu(monkeypatch, tmp_path):
    with machine_of(monkeypatch, tmp_path, "10.3.0", devices=0) as machine:
        source = machine.onnx()
        with pytest.raises(DeviceUnavailable) as error:
            build_engine(source, tmp_path / "a.engine", BuildOptions())
    assert str(error.value).startswith("cuda:0: CUDA finds no GPU: ")
    assert names_in(tmp_path) == ["tiny.onnx"]


# when it is built again


def test_what_would_be_built_again_is_current(engine, source):
    assert is_current(engine, source, RTX, None)
    assert is_current(engine, source, BuildOptions(target="tensorrt-rtx"), None)


@pytest.mark.parametrize(
    "options",
    [
        BuildOptions(target="tensorrt-rtx", batch=(1, 1, 4)),
        BuildOptions(target="tensorrt-rtx", layer_details=True),
        BuildOptions(target="tensorrt-rtx", compute_capability="SM86"),
    ],
)
def test_other_options_are_not_current(engine, source, options):
    assert not is_current(engine, source, options, None)


def test_another_model_is_not_current(engine, tmp_path):
    other = save_tiny(tmp_path / "other.onnx", tiny_card(variant="another"))
    assert not is_current(engine, other, RTX, None)


def test_a_missing_or_damaged_engine_is_not_current(engine, source):
    sidecar, plan = sidecar_of(engine), engine.read_bytes()
    for damaged in (plan[:-1], plan + b"\0", b""):
        engine.write_bytes(damaged)
        assert not is_current(engine, source, RTX, None)
    engine.write_bytes(plan)
    text = sidecar.read_text()
    for damaged in ("", text[:-9], text.replace("tensorrt-rtx", "tensorrt-rtz")):
        sidecar.write_text(damaged)
        assert not is_current(engine, source, RTX, None)
    sidecar.unlink()
    assert not is_current(engine, source, RTX, None)
    sidecar.write_text(text)
    assert is_current(engine, source, RTX, None)
    engine.unlink()
    assert not is_current(engine, source, RTX, None)


@pytest.mark.parametrize(
    ("field", "value"), [("tensorrt", "1.0.0"), ("platform", "jetson"), ("onnx_sha256", "0")]
)
def test_an_engine_from_elsewhere_is_not_current(engine, source, field, value):
    document = json.loads(sidecar_of(engine).read_text())
    sidecar_of(engine).write_text(json.dumps({**document, field: value}))
    assert not is_current(engine, source, RTX, None)


def test_an_engine_of_another_gpu_is_not_current(monkeypatch, tmp_path):
    path, options = tmp_path / "a.engine", BuildOptions()
    with machine_of(monkeypatch, tmp_path, "10.3.0") as machine:
        source = machine.onnx()
        build_engine(source, path, options, cuda=CudaPython())
        assert is_current(path, source, options, CudaPython())
    with machine_of(monkeypatch, tmp_path, "10.3.0", gpu_name="Thor"):
        assert not is_current(path, source, options, CudaPython())
    with machine_of(monkeypatch, tmp_path, "10.3.0", runtime=12080):
        assert not is_current(path, source, options, CudaPython())
    with machine_of(monkeypatch, tmp_path, "10.13.3.9"):
        assert not is_current(path, source, options, CudaPython())


def test_a_cached_engine_is_built_once(rtx, source, tmp_path, caplog):
    cache = EngineCache(tmp_path / "home")
    plan = cached_engine(source, RTX, cache=cache)
    assert plan.parent == tmp_path / "home"
    assert re.fullmatch(r"tiny-[0-9a-f]{16}\.engine", plan.name)
    assert EngineRecord.read(plan).read_plan(plan)[1:4] == b"trt"
    told = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert told == [
        f"building an engine of 'tiny', which can take minutes; it is kept in {tmp_path / 'home'}"
    ]
    assert names_in(tmp_path / "home") == [
        plan.name,
        f"{plan.name}.json",
        f"{plan.name}.sha256",
    ]
    caplog.clear()
    before = plan.stat()
    assert cached_engine(source, RTX, cache=cache) == plan
    assert plan.stat() == before
    assert caplog.records == []


def test_what_makes_another_engine_is_built_anew(rtx, source, tmp_path, caplog):
    cache = EngineCache(tmp_path / "home")
    kept = cached_engine(source, RTX, cache=cache)
    small = BuildOptions(target="tensorrt-rtx", batch=(1, 1, 2))
    assert cached_engine(source, small, cache=cache) != kept
    save_tiny(source, tiny_card(variant="another"))
    assert cached_engine(source, RTX, cache=cache) != kept
    assert len(list(cache.entries())) == 3


def test_a_damaged_cached_engine_is_built_again(rtx, source, tmp_path, caplog):
    cache = EngineCache(tmp_path / "home")
    plan = cached_engine(source, RTX, cache=cache)
    plan.write_bytes(plan.read_bytes()[:-1])
    assert cached_engine(source, RTX, cache=cache) == plan
    assert EngineRecord.read(plan).read_plan(plan)[1:4] == b"trt"


def test_timings_are_kept_in_the_cache(monkeypatch, tmp_path):
    with machine_of(monkeypatch, tmp_path, "10.3.0") as machine:
        source, cache = machine.onnx(), EngineCache(tmp_path / "kept")
        cached_engine(source, BuildOptions(), cuda=CudaPython(), cache=cache)
        (timings,) = (tmp_path / "kept").glob("*.timing")
        assert len(machine.trt.stand_in.timed) > 0
        other = BuildOptions(optimization_level=1)
        cached_engine(source, other, cuda=CudaPython(), cache=cache)
        assert machine.trt.stand_in.timed == []
        assert list((tmp_path / "kept").glob("*.timing")) == [timings]


# what is refused


def test_a_model_for_cpus_is_refused(rtx, tmp_path):
    save_tiny(tmp_path / "a.onnx", tiny_card(precision={"name": "int8-cpu"}))
    with pytest.raises(UsageError) as error:
        build_engine(tmp_path / "a.onnx", tmp_path / "a.engine", RTX)
    assert str(error.value) == (
        f"{tmp_path / 'a.onnx'}: an int8-cpu model is for ONNX Runtime on CPUs, TensorRT-RTX "
        f"{rtx.__version__} cannot read it; lower the float32 model with --precision fp16 or int8 "
        "instead"
    )
    assert names_in(tmp_path) == ["a.onnx"]


def test_int8_is_refused_by_8(monkeypatch, tmp_path):
    card = tiny_card(precision={"name": "int8"})
    with machine_of(monkeypatch, tmp_path, "8.6.1") as machine:
        source = machine.onnx(card)
        with pytest.raises(UsageError) as error:
            build_engine(source, tmp_path / "a.engine", BuildOptions(), cuda=CudaPython())
    assert str(error.value) == (
        f"{source}: the scales of an int8 model are float16, which TensorRT 8.6.1 cannot read "
        "(10.0 and later can); build the fp16 model instead"
    )
    for version in ("10.3.0", "11.4.0.106"):
        with machine_of(monkeypatch, tmp_path, version):
            build_engine(source, tmp_path / "a.engine", BuildOptions(), cuda=CudaPython())


@pytest.mark.parametrize("level", ["ampere+", "same"])
def test_engines_for_several_gpus_are_refused_on_a_jetson(monkeypatch, tmp_path, level):
    monkeypatch.setattr(building, "jetson", lambda: Jetson("Orin", "36.4.3", "6.2"))
    with machine_of(monkeypatch, tmp_path, "10.13.3.9") as machine:
        source, options = machine.onnx(), BuildOptions(hardware_compatibility=level)
        with pytest.raises(UsageError) as error:
            build_engine(source, tmp_path / "a.engine", options, cuda=CudaPython())
        build_engine(source, tmp_path / "b.engine", BuildOptions(), cuda=CudaPython())
    assert str(error.value) == (
        f"hardware_compatibility {level}: engines for several kinds of GPU do not run on a Jetson; "
        "leave it out, and build on each kind of Jetson"
    )
    assert names_in(tmp_path) == ["b.engine", "b.engine.json", "tiny.onnx"]


def test_a_file_without_a_card_is_refused(tmp_path):
    save_tiny(tmp_path / "a.onnx", metadata={})
    with pytest.raises(ModelFileError) as error:
        build_engine(tmp_path / "a.onnx", tmp_path / "a.engine", RTX)
    assert str(error.value) == (
        f"{tmp_path / 'a.onnx'}: an ONNX file without a h2ot-edge model card, so its conventions "
        "are unknown; export the model with h2ot-export"
    )


# failures


def test_a_failed_build_leaves_the_older_engine(engine, source):
    before = engine.read_bytes(), sidecar_of(engine).read_bytes()
    data = source.read_bytes()
    source.write_bytes(data.replace(b"\x22\x03Add", b"\x22\x03Odd"))
    assert source.read_bytes() != data
    with pytest.raises(BuildError, match=r"^TensorRT-RTX cannot parse the graph: Odd "):
        build_engine(source, engine, RTX)
    assert (engine.read_bytes(), sidecar_of(engine).read_bytes()) == before
    assert names_in(engine.parent) == ["tiny.engine", "tiny.engine.json", "tiny.onnx"]


class Stop(Exception):
    pass


@pytest.mark.parametrize("error", [KeyboardInterrupt, Stop])
def test_what_progress_raises_ends_a_build(rtx, source, tmp_path, capfd, error):
    path, told = tmp_path / "a.engine", []

    def progress(doing, done, total):
        told.append((doing, done, total))
        if len(told) == 20:
            raise error

    with pytest.raises(error):
        build_engine(source, path, RTX, progress=progress)
    assert len(told) == 20
    assert told[0][0] == "Building engine"
    assert names_in(tmp_path) == ["tiny.onnx"]
    assert capfd.readouterr() == ("", "")
    build_engine(source, path, RTX, progress=lambda *step: told.append(step))
    assert told[-1][0] == "Building engine"
    assert told[-1][1] == told[-1][2]
    assert all(0 <= done <= total for _, done, total in told)
    assert EngineRecord.read(path).read_plan(path)[1:4] == b"trt"


BUILD = """
import signal, sys
from h2ot_edge import cli
signal.signal(signal.SIGINT, signal.default_int_handler)  # shells may have it ignored
sys.exit(cli.build())
"""


def test_ctrl_c_ends_a_build(rtx, tmp_path):
    """It arrives in the middle of the library, whose callbacks swallow what they raise."""
    model = str(models()["motionbert-xs"].path)
    options = ["--target", "tensorrt-rtx", "-o", "a.engine", "-vv"]
    with subprocess.Popen(
        [sys.executable, "-c", BUILD, model, *options], stderr=subprocess.PIPE, text=True
    ) as process:
        first = process.stderr.readline()  # of the library, while it parses or builds
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=120)
    assert first.startswith("h2ot-build: debug: ")
    assert process.returncode == 130
    assert "Exception caught" not in said
    assert names_in(tmp_path) == []


@contextmanager
def no_file_beyond(size):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_plan_that_cannot_be_written_leaves_the_older_engine(engine, source):
    before = engine.read_bytes(), sidecar_of(engine).read_bytes()
    half = len(before[0]) // 2
    with no_file_beyond(half), pytest.raises(OSError, match="File too large") as error:
        build_engine(source, engine, RTX)
    assert error.value.errno == errno.EFBIG
    assert (engine.read_bytes(), sidecar_of(engine).read_bytes()) == before
    assert names_in(engine.parent) == ["tiny.engine", "tiny.engine.json", "tiny.onnx"]


def test_a_sidecar_that_cannot_be_written_leaves_an_engine_that_is_refused(
    engine, source, monkeypatch
):
    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    old = EngineRecord.read(engine)
    monkeypatch.setattr(sidecars, "write_whole", full)
    other = BuildOptions(target="tensorrt-rtx", layer_details=True)
    with pytest.raises(OSError, match="No space left on device"):
        build_engine(source, engine, other)
    assert EngineRecord.read(engine) == old
    plan = engine.read_bytes()
    with pytest.raises(ModelFileError) as error:
        old.read_plan(engine)
    assert str(error.value) == (
        f"{engine}: damaged, or not the engine that tiny.engine.json describes: {len(plan)} bytes "
        f"with sha256 {hashlib.sha256(plan).hexdigest()[:12]}, expected {old.plan_bytes} with "
        f"{old.plan_sha256[:12]}; copy both files again, or build the engine again"
    )
    assert not is_current(engine, source, other, None)


def test_a_folder_that_cannot_be_made(rtx, source, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError) as error:
        build_engine(source, tmp_path / "file" / "a.engine", RTX)
    assert str(error.value) == (
        f"{tmp_path}/file/a.engine: the folder {tmp_path}/file cannot be made (File exists); give "
        "another name"
    )
    assert names_in(tmp_path) == ["file", "tiny.onnx"]
