"""The sidecar of an engine: what is written, what is refused, and what an engine runs on."""

import hashlib
import json
from types import ModuleType

import pytest
from tiny_models import save_tiny, tiny_card

from h2ot_edge._tensorrt import Library
from h2ot_edge.cuda import Gpu
from h2ot_edge.engine_file import EngineRecord, is_engine, read_card, sidecar_of
from h2ot_edge.engines import BuildOptions
from h2ot_edge.errors import EngineMismatch, ModelFileError

PLAN = b"ptrt" + bytes(range(200))
ORIN = Gpu("Orin", "8.7", 30 << 30)
GONE = object()


def record_of(**changes):
    options = changes.pop("options", {})
    return EngineRecord(
        **{
            "card": tiny_card(schedule={1: 3, 0: 5}, precision={"name": "fp16"}),
            "target": "tensorrt",
            "tensorrt": "10.3.0",
            "cuda": "12.6",
            "gpu": {"name": "Orin", "compute_capability": "8.7"},
            "platform": "jetson",
            "options": {**BuildOptions().to_dict(), **options},
            "onnx_sha256": "ab" * 32,
            "plan_sha256": hashlib.sha256(PLAN).hexdigest(),
            "plan_bytes": len(PLAN),
            "build_seconds": 311.625,
            **changes,
        }
    )


def library_of(version, target="tensorrt"):
    """A library of which only the version matters."""
    module = ModuleType("tensorrt")
    module.__version__ = version
    return Library(target, module, None)


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """An engine in the current folder."""
    monkeypatch.chdir(tmp_path)
    record_of().write("a.engine")
    (tmp_path / "a.engine").write_bytes(PLAN)
    return tmp_path / "a.engine"


def changed(**changes):
    """The sidecar with other values."""
    document = {**record_of().to_dict(), **changes}
    return {name: value for name, value in document.items() if value is not GONE}


def put(document):
    sidecar_of("a.engine").write_text(
        document if isinstance(document, str) else json.dumps(document), encoding="utf-8"
    )


def refusal(path="a.engine"):
    with pytest.raises(ModelFileError) as error:
        EngineRecord.read(path)
    assert type(error.value) is ModelFileError
    return str(error.value)


# written and read


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"target": "tensorrt-rtx", "cuda": None, "gpu": None, "build_seconds": 3},
        {"gpu": {"name": "Grün 試", "compute_capability": "12.0"}},
    ],
)
def test_what_is_written_is_read_back(engine, changes):
    record = record_of(**changes)
    record.write(engine)
    assert EngineRecord.read(engine) == record
    assert EngineRecord.read("a.engine") == record
    assert sidecar_of(engine).name == "a.engine.json"


def test_the_document_has_these_keys(engine):
    document = json.loads(sidecar_of(engine).read_text())
    assert sorted(document) == [
        "build_seconds",
        "card",
        "cuda",
        "gpu",
        "onnx_sha256",
        "options",
        "plan_bytes",
        "plan_sha256",
        "platform",
        "schema_version",
        "target",
        "tensorrt",
    ]
    assert document["schema_version"] == 1
    assert document["card"] == json.loads(tiny_card(
        schedule={1: 3, 0: 5}, precision={"name": "fp16"}
    ).to_json())  # fmt: skip


def test_the_card_is_that_of_the_engine_or_of_the_onnx_file(engine, tmp_path):
    assert read_card(engine) == record_of().card
    assert read_card(save_tiny(tmp_path / "tiny.onnx")) == tiny_card()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.engine", True),
        ("a.PLAN", True),
        ("b/a.trt", True),
        ("a.onnx", False),
        ("a.engine.json", False),
        ("engine", False),
    ],
)
def test_engines_are_told_by_their_names(name, expected):
    assert is_engine(name) == expected


# what cannot be read


def test_a_missing_engine():
    assert refusal("none.engine") == (
        "none.engine: no such file; expected an engine from h2ot-build"
    )


def test_a_missing_sidecar(engine):
    sidecar_of(engine).unlink()
    assert refusal() == (
        "a.engine: the file a.engine.json is missing beside it, so what the engine takes and "
        "gives is unknown; copy it too, or build the engine with h2ot-build"
    )


def test_a_newer_schema(engine):
    put(changed(schema_version=2, gpu=5))
    assert refusal() == (
        "a.engine.json: has schema 2, this h2ot-edge reads up to 1; upgrade h2ot-edge or build the "
        "engine again with this version"
    )


@pytest.mark.parametrize(
    ("document", "what"),
    [
        ("", "JSONDecodeError: Expecting value: line 1 column 1 (char 0)"),
        ("{", "JSONDecodeError: Expecting property name enclosed in double quotes: line 1 "
              "column 2 (char 1)"),
        ([], "TypeError: list indices must be integers or slices, not str"),
        ("null", "TypeError: 'NoneType' object is not subscriptable"),
        ("7", "TypeError: 'int' object is not subscriptable"),
        (changed(schema_version=GONE), "KeyError: 'schema_version'"),
        (changed(schema_version="1"), "TypeError: schema_version is '1'"),
        (changed(schema_version=True), "TypeError: schema_version is True"),
        (changed(schema_version=1e999), "TypeError: schema_version is inf"),
        (changed(schema_version=None), "TypeError: schema_version is None"),
        (changed(gpu={}), "TypeError: gpu is {}"),
        (changed(gpu={"name": "Orin"}), "TypeError: gpu is {'name': 'Orin'}"),
        (
            changed(gpu={"name": "Orin", "compute_capability": 8.7}),
            "TypeError: gpu is {'name': 'Orin', 'compute_capability': 8.7}",
        ),
        (changed(target="tensorrt-rtz"), "ValueError: target is 'tensorrt-rtz'"),
        (changed(tensorrt="ten"), "ValueError: tensorrt is 'ten'"),
        (changed(tensorrt="10"), "ValueError: tensorrt is '10'"),
        (changed(tensorrt=""), "ValueError: tensorrt is ''"),
        (
            changed(colour="red"),
            "TypeError: EngineRecord.__init__() got an unexpected keyword argument 'colour'",
        ),
    ],
)  # fmt: skip
def test_a_sidecar_that_is_none(engine, document, what):
    put(document)
    assert refusal() == (
        f"a.engine.json: not a readable description of an engine ({what}); build the engine again "
        "with h2ot-build"
    )


def test_a_sidecar_in_another_encoding(engine):
    sidecar_of(engine).write_bytes(b"\xff\xfe{")
    assert refusal() == (
        "a.engine.json: not a readable description of an engine (UnicodeDecodeError: 'utf-8' codec "
        "can't decode byte 0xff in position 0: invalid start byte); build the engine again with "
        "h2ot-build"
    )


VALUES = (GONE, None, True, [], [1], "", "text", 5, 1.5, {"a": 1})
TAKEN = {
    **dict.fromkeys(("onnx_sha256", "plan_sha256", "platform", "target", "tensorrt"), (str,)),
    **dict.fromkeys(("cuda",), (str, type(None))),
    "gpu": (dict, type(None)),
    "options": (dict,),
    "plan_bytes": (int,),
    "build_seconds": (int, float),
}


@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field in TAKEN for value in VALUES if type(value) not in TAKEN[field]],
    ids=lambda value: "gone" if value is GONE else repr(value),
)
def test_every_field_of_another_type_is_refused(engine, field, value):
    put(changed(**{field: value}))
    what = f"KeyError: {field!r}" if value is GONE else f"TypeError: {field} is {value!r}"
    assert refusal() == (
        f"a.engine.json: not a readable description of an engine ({what}); build the engine again "
        "with h2ot-build"
    )


def test_the_card_is_checked_as_that_of_an_onnx_file_is(engine):
    card = record_of().to_dict()["card"]
    put(changed(card={**card, "frames": "9"}))
    assert refusal() == (
        "a.engine.json: a field of the model card is malformed (frames: expected int, got '9'); "
        "export the model again"
    )
    put(changed(card=GONE))
    assert refusal() == (
        "a.engine.json: not a readable description of an engine (KeyError: 'card'); build the "
        "engine again with h2ot-build"
    )
    put(changed(card=None))
    assert refusal() == (
        "a.engine.json: the model card is not valid JSON of this project ('NoneType' object is not "
        "subscriptable); export the model again"
    )


# the plan


def test_the_plan_is_the_one_that_was_built(engine):
    assert EngineRecord.read(engine).read_plan(engine) == PLAN


@pytest.mark.parametrize("damaged", [b"", PLAN[:-1], PLAN + b"\0", PLAN[:9] + b"?" + PLAN[10:]])
def test_another_plan_is_refused(engine, damaged):
    engine.write_bytes(damaged)
    with pytest.raises(ModelFileError) as error:
        EngineRecord.read("a.engine").read_plan("a.engine")
    assert str(error.value) == (
        "a.engine: damaged, or not the engine that a.engine.json describes: "
        f"{len(damaged)} bytes with sha256 {hashlib.sha256(damaged).hexdigest()[:12]}, expected "
        f"204 with {hashlib.sha256(PLAN).hexdigest()[:12]}; copy both files again, or build the "
        "engine again"
    )


# what it runs on


def mismatch(record, library, gpu=ORIN):
    with pytest.raises(EngineMismatch) as error:
        record.check_runs_on(library, gpu, "a.engine")
    return str(error.value)


def test_another_library():
    record = record_of(target="tensorrt-rtx", tensorrt="1.7.1", gpu=None)
    assert mismatch(record, library_of("10.3.0")) == (
        "a.engine: an engine of tensorrt-rtx, opened with tensorrt; give backend='tensorrt-rtx', "
        "or build it here: h2ot-build MODEL.onnx --target tensorrt -o a.engine"
    )
    assert mismatch(record_of(), library_of("1.7.1", "tensorrt-rtx")) == (
        "a.engine: an engine of tensorrt, opened with tensorrt-rtx; give backend='tensorrt', or "
        "build it here: h2ot-build MODEL.onnx --target tensorrt-rtx -o a.engine"
    )


def test_another_version():
    assert mismatch(record_of(), library_of("10.3.0.26")) == (
        "a.engine: built with tensorrt 10.3.0, this is TensorRT 10.3.0.26; engines load in the "
        "version that built them only; build it here: h2ot-build MODEL.onnx --target tensorrt -o "
        "a.engine"
    )


def test_an_older_version_of_a_version_compatible_engine():
    record = record_of(tensorrt="10.13.3.9", options={"version_compatible": True})
    assert mismatch(record, library_of("10.3.0")) == (
        "a.engine: built with tensorrt 10.13.3.9, this is TensorRT 10.3.0; version-compatible "
        "engines load in that version and later ones of its major; build it here: h2ot-build "
        "MODEL.onnx --target tensorrt -o a.engine"
    )


@pytest.mark.parametrize(
    ("built", "here", "loads"),
    [
        ("8.6.1", "8.6.1", True),
        ("8.6.1", "8.6.2", True),
        ("8.6.1", "10.16.1.11", True),
        ("8.6.1", "11.4.0.106", False),
        ("10.3.0", "10.3.0", True),
        ("10.3.0", "10.13.3.9", True),
        ("10.13.3.9", "10.3.0", False),
        ("10.16.1.11", "11.0.0.114", True),
        ("10.3.0", "8.6.1", False),
        ("11.4.0.106", "11.0.0.114", False),
        ("11.0.0.114", "11.4.0.106", True),
        ("11.0.0.114", "12.0.0", False),
    ],
)
def test_where_version_compatible_engines_load(built, here, loads):
    record = record_of(tensorrt=built, options={"version_compatible": True})
    if loads:
        record.check_runs_on(library_of(here), ORIN, "a.engine")
    else:
        assert f"built with tensorrt {built}, this is TensorRT {here};" in mismatch(
            record, library_of(here)
        )
    strict = record_of(tensorrt=built)
    if built == here:
        strict.check_runs_on(library_of(here), ORIN, "a.engine")
    else:
        mismatch(strict, library_of(here))


def test_another_gpu():
    other = Gpu("NVIDIA GeForce RTX 4090", "8.9", 24 << 30)
    assert mismatch(record_of(), library_of("10.3.0"), other) == (
        "a.engine: built for Orin (compute capability 8.7), this is NVIDIA GeForce RTX 4090 "
        "(compute capability 8.9); engines run on the kind of GPU that they were built on; build "
        "it here: h2ot-build MODEL.onnx --target tensorrt -o a.engine"
    )


@pytest.mark.parametrize(
    ("level", "name", "capability", "fits"),
    [
        ("none", "Orin", "8.7", True),
        ("none", "Orin", "8.9", False),
        ("none", "Thor", "8.7", False),
        ("same", "Thor", "8.7", True),
        ("same", "Orin", "8.6", False),
        ("ampere+", "A", "8.0", True),
        ("ampere+", "B", "12.0", True),
        ("ampere+", "B", "10.0", True),
        ("ampere+", "T", "7.5", False),
    ],
)
def test_on_which_gpus_it_runs(level, name, capability, fits):
    record = record_of(options={"hardware_compatibility": level})
    gpu = Gpu(name, capability, 1 << 30)
    if fits:
        record.check_runs_on(library_of("10.3.0"), gpu, "a.engine")
    else:
        assert f"this is {name} (compute capability {capability});" in mismatch(
            record, library_of("10.3.0"), gpu
        )


def test_an_engine_that_was_built_without_a_gpu_is_for_any():
    record = record_of(target="tensorrt-rtx", tensorrt="1.7.1", gpu=None)
    record.check_runs_on(library_of("1.7.1", "tensorrt-rtx"), Gpu("T4", "7.5", 1), "a.engine")
