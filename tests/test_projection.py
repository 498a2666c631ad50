"""Bounds of windows on devices one does not have, and measurements beside them."""

import json

import pytest
from bench_documents import (
    SHA256,
    card,
    cost,
    document,
    gpu_machine,
    jetson_machine,
    latency_row,
    model,
)

from h2ot_edge.benchmarks.projection.devices import devices
from h2ot_edge.benchmarks.projection.roofline import bound
from h2ot_edge.benchmarks.projection.submit import submission_of
from h2ot_edge.benchmarks.projection.table import project
from h2ot_edge.errors import InputError, UnknownName, UsageError

MIB = 2**20


def message(error, *args, **kwargs):
    with pytest.raises(error) as caught:
        bound(*args, **kwargs)
    return str(caught.value)


def test_a_bound_by_arithmetic():
    """2 GFLOP at 8 multiprocessors x 2048 operations x 1020 MHz; 10 MB, 8 MiB of them cached."""
    found = bound(cost(), "jetson-orin-nano-8gb", "MAXN_SUPER", "fp16")
    assert found.compute_ms == pytest.approx(2.0 / (8 * 2048 * 1020e6 / 1e12))
    assert (found.limit, found.bound_ms, found.memory_ms) == ("compute", found.compute_ms, 0.0)
    assert found.label == "no faster than"
    assert (found.measured_ms, found.share_of_bound, found.measured) == (None, None, None)


def test_a_bound_by_the_memory():
    heavy = cost(total_gflop=0.1, bytes_least=100 * MIB)
    found = bound(heavy, "jetson-orin-nano-8gb", "15W", "fp32")
    assert found.limit == "memory"
    assert found.bound_ms == found.memory_ms == pytest.approx(92 * MIB / 68.256e9 * 1e3)
    half = bound(heavy, "jetson-orin-nano-8gb", "15W", "fp16")
    assert half.memory_ms == pytest.approx(42 * MIB / 68.256e9 * 1e3)


def test_bytes_of_a_narrow_graph_are_never_made_wider():
    heavy = cost(bytes_least=100 * MIB)
    counted = {
        name: bound(heavy, "jetson-orin-nano-8gb", "15W", "fp32", counted_in=name).memory_ms
        for name in ("fp32", "fp16", "int8-cpu")
    }
    assert len(set(counted.values())) == 1


@pytest.mark.parametrize(
    ("device", "bytes_least"), [("rtx-5090", 100 * MIB), ("jetson-orin-nano-8gb", None)]
)
def test_there_is_no_bound_by_an_unknown_memory(device, bytes_least):
    mode = next(iter(devices()[device].modes))
    found = bound(cost(bytes_least=bytes_least), device, mode, "fp16")
    assert (found.memory_ms, found.limit, found.bound_ms) == (None, "compute", found.compute_ms)


def test_precisions_are_told_apart():
    """The tensor cores of the RTX 4090 take FP16 four times as fast as TF32, INT8 twice that."""
    ms = {
        p: bound(cost(), "rtx-4090", "boost", p).bound_ms for p in ("fp32", "tf32", "fp16", "int8")
    }
    assert ms["fp32"] == ms["tf32"] == pytest.approx(4 * ms["fp16"])
    assert ms["fp16"] == pytest.approx(2 * ms["int8"])
    h200 = {p: bound(cost(), "h200", "boost", p).bound_ms for p in ("fp32", "tf32")}
    assert h200["fp32"] == pytest.approx(h200["tf32"] * 494.5 / 67)


def test_what_cannot_be_bounded():
    known = ", ".join(devices())
    assert message(UnknownName, cost(), "jetson-orin-nano", "15W", "fp16") == (
        f"no device 'jetson-orin-nano'; did you mean 'jetson-orin-nano-8gb'? (known: {known})"
    )
    assert message(UnknownName, cost(), "h200", "boost", "fp8") == (
        "no precision 'fp8' (known: fp32, tf32, fp16, int8)"
    )
    assert message(UsageError, cost(), "jetson-t5000", "MAXN", "int8") == (
        "Jetson T5000 (AGX Thor): no rate of int8 is documented, so there is no bound; there is "
        "one of fp32"
    )
    for value in (0.0, -1.0, float("nan"), float("inf")):
        assert message(InputError, cost(total_gflop=value), "h200", "boost", "fp16") == (
            f"total_gflop is {value}, expected a number above 0: there is no bound of a window "
            "without work; count its cost again"
        )


def submitted(median_ms, *, machine=None, precision="fp16", row=None, **changes):
    """A submission of one row, of the model of `models`."""
    found = document(
        rows=[latency_row(median_ms, device="cuda:0", boundary="model", **(row or {}))],
        models={"small": model(precision=precision, **{"card": card(), **changes})},
        machine=jetson_machine() if machine is None else machine,
    )
    return submission_of(found, SHA256, source="result.json")


def filled(*submissions, **changes):
    """Bounds of a model that somebody measured."""
    models = {"small": model(**{"card": card(), **changes})}
    projection = project(models, submissions)
    there = [b for b in projection.bounds["small"] if b.measured_ms is not None]
    return there, projection.left_out


def test_a_table_has_every_device_mode_and_precision_of_a_documented_rate():
    projection = project({"small": model(), "engine": model(cost=None)})
    assert set(projection.bounds) == {"small"}
    assert projection.left_out == ["engine: its cost is not known"]
    places = [(b.device, b.mode, b.precision) for b in projection.bounds["small"]]
    rates = sum(
        rate is not None
        for device in devices().values()
        for mode in device.modes.values()
        for rate in mode.tflops.values()
    )
    assert len(places) == len(set(places)) == rates
    assert all(b.measured_ms is None for b in projection.bounds["small"])
    assert json.loads(json.dumps(projection.to_dict(), allow_nan=False))["left_out"]


def test_a_measurement_fills_its_place_and_no_other():
    (found,), left_out = filled(submitted(2.0))
    assert (found.device, found.mode, found.precision) == ("jetson-orin-nano-8gb", "15W", "fp16")
    assert (found.measured_ms, found.share_of_bound) == (2.0, found.bound_ms / 2.0)
    assert found.measured == {
        "measured_on": "2026-11-22",
        "machine": "NVIDIA Jetson Orin Nano Developer Kit",
        "noisy": False,
        "backend": "onnxruntime",
        "boundary": "model",
        "windows_per_call": 1,
        "spread": 0.01,
        "mj_per_window": None,
    }
    assert (found.remark, found.label, left_out) == (None, "no faster than", [])


def test_the_fastest_of_several_measurements_counts():
    (found,), _ = filled(submitted(3.0), submitted(2.0), submitted(4.0))
    assert found.measured_ms == 2.0


def test_a_measurement_of_several_windows_is_of_one():
    (found,), _ = filled(submitted(8.0, row={"figures": {"windows_per_call": 4}}))
    assert found.measured_ms == 2.0


def test_weights_do_not_matter_but_the_work_does():
    (found,), _ = filled(submitted(2.0), card=card(weights={"source": "shipped"}), sha256="0" * 64)
    assert found.measured_ms == 2.0
    for other in (card(schedule={"1": 27}), card(frames=81), card(flip_tta=True), None):
        assert filled(submitted(2.0), card=other) == ([], [])
    (found,), _ = filled(submitted(2.0, card=None), card=None)
    assert found.measured_ms == 2.0
    assert filled(submitted(2.0, card=None), card=None, sha256=None) == ([], [])


def test_fp32_models_of_tensorrt_are_measured_against_tf32_where_there_is_a_rate():
    for backend, precision in (("tensorrt", "tf32"), ("onnxruntime", "fp32")):
        row = {"backend": backend}
        (found,), _ = filled(submitted(2.0, precision="fp32", machine=gpu_machine(), row=row))
        assert (found.device, found.precision) == ("rtx-4090", precision)
    (found,), _ = filled(submitted(2.0, precision="fp32"))
    assert (found.device, found.precision) == ("jetson-orin-nano-8gb", "fp32")


def test_a_measurement_that_beats_the_bound_is_remarked():
    (found,), _ = filled(submitted(0.1))
    assert found.share_of_bound > 1
    assert found.remark == (
        "measured faster than the bound, so the device did not run as the table says: at a higher "
        "clock, or an FP32 model in TF32"
    )


def test_measurements_without_a_place_are_told():
    other = gpu_machine("NVIDIA GeForce RTX 4070")
    there, left_out = filled(
        submitted(2.0, machine=other),
        submitted(2.0, precision="int8-cpu"),
        submitted(2.0, precision=None),
    )
    assert there == []
    assert left_out == [
        "NVIDIA GeForce RTX 4070: not in the table, or in a power mode that it has not",
        "NVIDIA Jetson Orin Nano Developer Kit: a row of int8-cpu",
        "NVIDIA Jetson Orin Nano Developer Kit: a row of None",
    ]
