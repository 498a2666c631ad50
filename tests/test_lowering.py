"""From a float32 model to one of lower precision, with a verdict on it."""

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from small_networks import FAMILY, options
from tiny_models import save_tiny, tiny_card

from h2ot_edge import Engine
from h2ot_edge.benchmarks.motion.walking_windows import walking_windows
from h2ot_edge.card import METADATA_KEY, SCHEMA_VERSION, ModelCard
from h2ot_edge.engines.onnx_model import write_model
from h2ot_edge.engines.precision import PRECISIONS, PrecisionOptions, lower_precision
from h2ot_edge.engines.precision.drift import Drift
from h2ot_edge.engines.precision.lowering import judged
from h2ot_edge.errors import CheckFailed, ModelFileError, PrecisionRejected, UsageError
from h2ot_edge.export import BACKBONES, export_model

NAN = float("nan")
DRIFT = Drift(
    unit="mm",
    windows=32,
    mean=4.1,
    p95=9.0,
    worst=31.25,
    velocity=0.3,
    worst_window="still",
    worst_frame=3,
    kept=0,
    kept_differ=0,
)
OWN_WALKS = {"clips": "walking_windows", "seed": 0, "windows": 64}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A small pruned model of operator set 19, whose card tells of an accuracy."""
    path = tmp_path_factory.mktemp("source") / "small.onnx"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BACKBONES, "small", FAMILY)
        card = export_model(options(opset=19, batch=16), path)
    write_model(onnx.load(path), replace(card, accuracy={"mpjpe_mm": 43.2}), path)
    return path


def lower(source, path, precision, **changes):
    """Whatever comes out, unless `changes` say otherwise."""
    lenient = {"max_drift_mm": 1e6, "min_speedup": 0.0}
    return lower_precision(
        source, path, PrecisionOptions(precision=precision, **{**lenient, **changes})
    )


@pytest.fixture(scope="module", params=PRECISIONS)
def lowered(request, source, tmp_path_factory):
    """Precision, card and file."""
    path = tmp_path_factory.mktemp("lowered") / "model.onnx"
    return request.param, lower(source, path, request.param), path


# options


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"precision": "int9"},
            "no precision 'int9'; did you mean 'int8'? (known: fp16, int8, int8-cpu)",
        ),
        ({"precision": "fp32"}, "no precision 'fp32' (known: fp16, int8, int8-cpu)"),
        (
            {"method": "maxx"},
            "no calibration method 'maxx'; did you mean 'max'? (known: max, percentile, entropy)",
        ),
        ({"max_drift_mm": 0.0}, "--max-drift-mm 0.0: expected a number above 0"),
        ({"max_drift_mm": -1.0}, "--max-drift-mm -1.0: expected a number above 0"),
        ({"max_drift_mm": NAN}, "--max-drift-mm nan: expected a number above 0"),
        ({"min_speedup": -0.1}, "--min-speedup -0.1: expected 0 or more"),
        ({"min_speedup": NAN}, "--min-speedup nan: expected 0 or more"),
        (
            {"precision": "fp16", "int8_attention": True},
            "--int8-attention: nothing to do with --precision fp16",
        ),
        (
            {"precision": "int8-cpu", "int8_attention": True},
            "--int8-attention: nothing to do with --precision int8-cpu",
        ),
        (
            {"precision": "int8-cpu", "calibration": (Path("a.npz"),)},
            "--calibration: int8-cpu finds its scales in every call and needs none; leave it out",
        ),
    ],
)
def test_options_that_cannot_be_carried_out(changes, message):
    with pytest.raises(UsageError) as caught:
        PrecisionOptions(**{"precision": "int8", **changes})
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("precision", "given", "limit"),
    [
        ("fp16", None, None),
        ("fp16", 0.1, 0.1),
        ("int8", None, 5.0),
        ("int8", 7.5, 7.5),
        ("int8-cpu", None, 5.0),
        ("int8-cpu", 2.0, 2.0),
    ],
)
def test_the_limit_of_a_precision(precision, given, limit):
    assert PrecisionOptions(precision=precision, max_drift_mm=given).drift_limit == limit


# models that cannot be lowered


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("already", PRECISIONS)
def test_a_model_is_lowered_once(tmp_path, already, precision):
    card = tiny_card(precision={"name": already}, opset=19)
    source = save_tiny(tmp_path / "tiny.onnx", card)
    with pytest.raises(UsageError) as caught:
        lower(source, tmp_path / "out.onnx", precision)
    assert str(caught.value) == (
        f"{source}: expected a float32 model, this one is {already} already; give the model it was "
        "made from"
    )


def test_int8_needs_an_operator_set_that_quantises_float16(tmp_path):
    source = save_tiny(tmp_path / "tiny.onnx")
    with pytest.raises(UsageError) as caught:
        lower(source, tmp_path / "out.onnx", "int8")
    assert str(caught.value) == (
        "--precision int8: needs operator set 19 or later, in which float16 can be quantised, got "
        "17; export the model with --opset 19"
    )
    assert not (tmp_path / "out.onnx").exists()


@pytest.mark.parametrize(("precision", "opset"), [("fp16", 17), ("int8-cpu", 17), ("int8", 19)])
def test_other_operator_sets_do(precision, opset):
    PrecisionOptions(precision=precision).check_opset(opset)


@pytest.mark.parametrize(("precision", "opset"), [("int8", 19), ("int8-cpu", 17)])
def test_a_model_without_anything_to_quantise(tmp_path, precision, opset):
    source = save_tiny(tmp_path / "tiny.onnx", tiny_card(opset=opset))
    with pytest.raises(UsageError) as caught:
        lower(source, tmp_path / "out.onnx", precision)
    assert str(caught.value) == (
        "no product is left to quantise: all of them stay float32; export with --precision fp16"
    )
    assert not (tmp_path / "out.onnx").exists()


def test_a_model_that_is_not_there(tmp_path):
    path = tmp_path / "none.onnx"
    with pytest.raises(ModelFileError) as caught:
        lower(path, tmp_path / "out.onnx", "fp16")
    assert str(caught.value) == f"{path}: no such file; expected an ONNX model from h2ot-export"


# what comes out


def test_the_card_says_how_it_was_made(lowered, source):
    precision, card, path = lowered
    report = card.precision
    emulated = ["drift_emulated"] if precision != "int8-cpu" else []
    special = {
        "fp16": ["calibration"],
        "int8": ["calibration", "method", "quantised_products"],
        "int8-cpu": ["time"],
    }
    common = ["name", "source_sha256", "islands", "drift", "verdict"]
    assert sorted(report) == sorted([*common, *emulated, *special[precision]])
    assert report["name"] == card.precision_name == precision
    assert report["source_sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    assert report.get("calibration", OWN_WALKS) == OWN_WALKS
    assert card.accuracy == {}
    assert ModelCard.from_onnx(path) == card
    before = ModelCard.from_onnx(source)
    assert replace(card, precision=before.precision, accuracy=before.accuracy) == before
    assert before.precision_name == "fp32"


def test_the_islands_are_counted(lowered):
    precision, card, _ = lowered
    names = {"selection", "keypoints", "poses", "statistics", "softmax", "range"}
    names |= {"regression", "narrow"} if precision != "fp16" else set()
    islands = card.precision["islands"]
    assert islands.keys() == names
    assert min(islands.values()) > 0
    assert islands["softmax"] == 9


def test_the_drift_is_measured(lowered):
    precision, card, _ = lowered
    for name in ("drift", "drift_emulated"):
        if name in card.precision:
            drift = Drift(**card.precision[name])
            assert (drift.unit, drift.windows) == ("mm at a torso of 500 mm", 32)
            assert 0 < drift.mean <= drift.p95 <= drift.worst
            assert drift.mean < (10 if precision == "fp16" else 100)
            assert drift.velocity > 0
            assert drift.kept == 96
            assert 0 <= drift.kept_differ < 48


def test_what_a_precision_has_of_its_own(lowered):
    precision, card, _ = lowered
    report = card.precision
    if precision == "int8":
        assert (report["method"], report["quantised_products"]) == ("max", 66)
        assert report["verdict"].endswith(", speed against FP16 to be measured on the device")
    if precision == "int8-cpu":
        assert report["time"].keys() == {"fp32_ms", "int8-cpu_ms"}
        assert min(report["time"].values()) > 0
    assert report["verdict"].startswith("FP16 kept: +" if precision == "fp16" else "INT8 kept: ")


def test_it_runs_like_every_model(lowered, source):
    _, card, path = lowered
    window = walking_windows(1, 9, 3, seed=7)[0]
    with Engine.load(path) as engine, Engine.load(source) as exact:
        assert engine.card == card
        poses, expected = engine(window), exact(window)
    assert poses.shape == (9, 17, 3)
    assert poses.dtype == np.float32
    assert np.isfinite(poses).all()
    assert not np.array_equal(poses, expected)


def test_weights_are_smaller(lowered, source):
    _, _, path = lowered
    assert path.stat().st_size != source.stat().st_size
    kinds = {tensor.data_type for tensor in onnx.load(path).graph.initializer}
    assert kinds & {onnx.TensorProto.FLOAT16, onnx.TensorProto.INT8}


@pytest.mark.parametrize("lowered", ["fp16", "int8"], indirect=True)
def test_it_is_the_same_every_time(lowered, source, tmp_path):
    precision, _, path = lowered
    lower(source, tmp_path / "again.onnx", precision)
    assert (tmp_path / "again.onnx").read_bytes() == path.read_bytes()


def test_products_of_attention_are_quantised_on_request(source, tmp_path):
    told = []
    options = PrecisionOptions(
        precision="int8", method="percentile", int8_attention=True, max_drift_mm=1e6
    )
    card = lower_precision(source, tmp_path / "a.onnx", options, lambda *a: told.append(a))
    assert card.precision["method"] == "percentile"
    assert card.precision["quantised_products"] > 66
    parts = {"ranges": 4, "percentile": 4, "source": 2, "drift": 2, "emulation": 2}
    assert told == [(name, n, total) for name, total in parts.items() for n in range(1, total + 1)]


# rejections


WORST = (
    r"\(worst on the window '[a-z0-9, ]+', frame \d: \d+\.\d mm at a torso of 500 mm\); "
    "nothing was written"
)


@pytest.mark.parametrize(
    ("precision", "changes", "complaint"),
    [
        (
            "fp16",
            {"max_drift_mm": 1e-3},
            r"FP16 rejected: \+[\d.]+ mm at a torso of 500 mm; it drifts by more than 0\.001 mm on "
            "average ",
        ),
        (
            "int8",
            {"max_drift_mm": None},
            r"INT8 rejected: \+[\d.]+ mm at a torso of 500 mm; it drifts by more than 5 mm on "
            "average ",
        ),
        (
            "int8-cpu",
            {"min_speedup": 1000.0},
            r"INT8 rejected: [\d.]+x, \+[\d.]+ mm at a torso of 500 mm; it is not 1000 times as "
            "fast as float32 ",
        ),
    ],
)
def test_nothing_is_written_of_what_is_rejected(source, tmp_path, precision, changes, complaint):
    path = tmp_path / "old.onnx"
    path.write_bytes(b"an older model")
    with pytest.raises(PrecisionRejected) as caught:
        lower(source, path, precision, **changes)
    assert re.fullmatch(complaint + WORST, str(caught.value))
    assert isinstance(caught.value, CheckFailed)
    assert caught.value.exit_status == 1
    assert {"islands", "drift"} <= caught.value.report.keys()
    json.dumps(caught.value.report)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [
        ("old.onnx", b"an older model")
    ]


# verdicts


def judge(precision, *, mean=4.1, emulated=None, time=None, unit="mm", **changes):
    report = {"drift": replace(DRIFT, mean=mean, unit=unit).to_dict()}
    if emulated is not None:
        report["drift_emulated"] = replace(DRIFT, mean=emulated, unit=unit).to_dict()
    if time is not None:
        report["time"] = {"fp32_ms": time[0], "int8-cpu_ms": time[1]}
    return judged(report, PrecisionOptions(precision=precision, **changes))


DEVICE = ", speed against FP16 to be measured on the device"


@pytest.mark.parametrize(
    ("arguments", "verdict"),
    [
        ({"precision": "fp16", "mean": 0.123}, "FP16 kept: +0.12 mm"),
        ({"precision": "fp16", "mean": 28.77}, "FP16 kept: +29 mm"),
        ({"precision": "fp16", "mean": 102.9}, "FP16 kept: +100 mm"),
        ({"precision": "fp16", "mean": 9.0, "emulated": 0.4}, "FP16 kept: +0.4 mm"),
        ({"precision": "fp16", "max_drift_mm": 4.1}, "FP16 kept: +4.1 mm"),
        ({"precision": "int8"}, f"INT8 kept: +4.1 mm{DEVICE}"),
        ({"precision": "int8", "mean": 5.0}, f"INT8 kept: +5 mm{DEVICE}"),
        (
            {"precision": "int8", "unit": "mm at a torso of 500 mm"},
            f"INT8 kept: +4.1 mm at a torso of 500 mm{DEVICE}",
        ),
        ({"precision": "int8-cpu", "time": (11.0, 10.0)}, "INT8 kept: 1.10x, +4.1 mm"),
        (
            {"precision": "int8-cpu", "time": (5.0, 10.0), "min_speedup": 0.0},
            "INT8 kept: 0.50x, +4.1 mm",
        ),
    ],
)
def test_what_is_kept(arguments, verdict):
    assert judge(**arguments) == verdict


@pytest.mark.parametrize(
    ("arguments", "facts", "complaint"),
    [
        (
            {"precision": "fp16", "max_drift_mm": 4.0},
            "FP16 rejected: +4.1 mm",
            "drifts by more than 4 mm on average",
        ),
        (
            {"precision": "fp16", "max_drift_mm": 4.0, "mean": NAN},
            "FP16 rejected: +nan mm",
            "gives poses that are not finite",
        ),
        (
            {"precision": "fp16", "mean": float("inf")},
            "FP16 rejected: +inf mm",
            "gives poses that are not finite",
        ),
        (
            {"precision": "int8", "mean": 1.0, "emulated": 5.6},
            "INT8 rejected: +5.6 mm",
            "drifts by more than 5 mm on average",
        ),
        (
            {"precision": "int8-cpu", "time": (10.3, 10.0)},
            "INT8 rejected: 1.03x, +4.1 mm",
            "is not 1.1 times as fast as float32",
        ),
        (
            {"precision": "int8-cpu", "time": (10.3, 10.0), "mean": 6.25},
            "INT8 rejected: 1.03x, +6.2 mm",
            "drifts by more than 5 mm on average and is not 1.1 times as fast as float32",
        ),
        (
            {"precision": "int8-cpu", "time": (NAN, 10.0)},
            "INT8 rejected: nanx, +4.1 mm",
            "is not 1.1 times as fast as float32",
        ),
    ],
)
def test_what_is_rejected(arguments, facts, complaint):
    with pytest.raises(PrecisionRejected) as caught:
        judge(**arguments)
    assert str(caught.value) == (
        f"{facts}; it {complaint} (worst on the window 'still', frame 3: 31.2 mm); nothing was "
        "written"
    )
    assert caught.value.report["drift"]["worst_window"] == "still"


# cards


def test_a_card_of_schema_2_is_of_float32(tmp_path):
    older = tiny_card(accuracy={"mpjpe_mm": 43.2}).to_dict() | {"schema_version": 2}
    del older["precision"]
    path = save_tiny(tmp_path / "tiny.onnx", metadata={METADATA_KEY: json.dumps(older)})
    card = ModelCard.from_onnx(path)
    assert (card.precision, card.precision_name) == ({}, "fp32")
    assert card.schema_version == SCHEMA_VERSION == 3
    assert card.accuracy == {"mpjpe_mm": 43.2}


def test_a_card_of_schema_2_has_no_precision():
    with pytest.raises(ModelFileError) as caught:
        ModelCard.from_json(json.dumps(tiny_card().to_dict() | {"schema_version": 2}))
    assert str(caught.value) == (
        "card: the model card lacks [] and has unknown ['precision']; export the model again"
    )
