"""The table of devices, and which of them a result was measured on."""

import json
from pathlib import Path

import pytest
from bench_documents import cpu_machine, gpu_machine, jetson_machine

from h2ot_edge.benchmarks import projection
from h2ot_edge.benchmarks.projection.devices import PRECISIONS, devices, find_machine
from h2ot_edge.errors import UnknownName

FOLDER = Path(projection.__file__).parent
TABLE = json.loads((FOLDER / "devices.json").read_text())

CHECKS = [
    pytest.param(name, check, id=f"{name}-{check['mode']}-{check['precision']}")
    for name, entry in TABLE["devices"].items()
    for check in entry["checks"]
]


def test_the_table_is_as_its_schema_says():
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((FOLDER / "devices.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(TABLE, schema, jsonschema.Draft202012Validator)


def test_every_figure_has_a_source_and_every_source_a_figure():
    used = set()
    for family in TABLE["families"].values():
        used |= set(family["sources"])
    for entry in TABLE["devices"].values():
        used |= {key for keys in entry["sources"].values() for key in keys}
        used |= {check["source"] for check in entry["checks"]}
        assert entry["sources"]["cache"] or entry["cache_mib"] is None
    assert used == set(TABLE["sources"])


@pytest.mark.parametrize(("device", "check"), CHECKS)
def test_derived_rates_are_those_of_the_documents(device, check):
    """Documents round: 67 sparse TOPS stand for 66.8."""
    rate = devices()[device].modes[check["mode"]].tflops[check["precision"]]
    assert rate == pytest.approx(check["tflops"], rel=0.025)


@pytest.mark.parametrize(
    ("device", "mode", "gbs"),
    [
        ("jetson-orin-nano-4gb", "10W", 34),
        ("jetson-orin-nano-4gb", "MAXN_SUPER", 51),
        ("jetson-orin-nano-8gb", "15W", 68),
        ("jetson-orin-nano-8gb", "MAXN_SUPER", 102),
        ("jetson-orin-nx-16gb", "MAXN", 102.4),
        ("jetson-agx-orin-64gb", "MAXN", 204.8),
        ("jetson-agx-orin-64gb", "15W", 136.5),
        ("jetson-t5000", "MAXN", 273),
        ("h200", "boost", 4800),
    ],
)
def test_bandwidths_are_those_of_the_documents(device, mode, gbs):
    assert devices()[device].modes[mode].gbs == pytest.approx(gbs, rel=0.005)


def test_less_power_never_gives_more():
    """Of one device, whose modes are listed from less to more."""
    for device in devices().values():
        rates = [mode.tflops["fp32"] for mode in device.modes.values()]
        assert rates == sorted(rates), device.title


def test_a_device_says_where_its_figures_are_from():
    nano = devices()["jetson-orin-nano-8gb"]
    assert any("Platform Power and Performance" in source for source in nano.sources)
    assert any("halved" in note for note in nano.notes)
    assert all(set(mode.tflops) == set(PRECISIONS) for mode in nano.modes.values())


def test_an_unknown_mode_is_refused():
    with pytest.raises(UnknownName) as caught:
        devices()["jetson-orin-nano-8gb"].mode("MAXN")
    assert str(caught.value) == (
        "no power mode of Jetson Orin Nano 8GB 'MAXN' (known: 7W, 15W, 25W, MAXN_SUPER)"
    )


def found(machine):
    answer = find_machine(machine)
    return answer if isinstance(answer, str) else (answer[0].id, answer[1].name)


def nano(
    module="NVIDIA Jetson Orin Nano Developer Kit", *, memory=7620.0, cores=6, mhz=None, **mode
):
    machine = jetson_machine(module, **mode)
    machine["memory_mib"], machine["cpu"]["cores"] = memory, cores
    machine["gpu"]["max_mhz"] = mhz
    return machine


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        (nano(mode="15W"), ("jetson-orin-nano-8gb", "15W")),
        (nano(mode="7W", number=3, cores=4), ("jetson-orin-nano-8gb", "7W")),
        (nano(mode="10W", memory=3600.0), ("jetson-orin-nano-4gb", "10W")),
        # The board's name on the module it carries: part number, cores or clock tell.
        (
            nano("NVIDIA Jetson Orin NX Engineering Reference Developer Kit (p3767-0003)"),
            ("jetson-orin-nano-8gb", "15W"),
        ),
        (
            nano("NVIDIA Jetson Orin NX Engineering Reference Developer Kit", mode="25W"),
            ("jetson-orin-nano-8gb", "25W"),
        ),
        (
            nano("NVIDIA Jetson Orin NX Engineering Reference Developer Kit Super"),
            ("jetson-orin-nano-8gb", "15W"),
        ),
        (
            nano("Jetson Orin NX", mode="MAXN_SUPER", mhz=1173.0),
            ("jetson-orin-nx-8gb", "MAXN_SUPER"),
        ),
        (
            nano("Jetson Orin NX", mode="40W", memory=15600.0, cores=8),
            ("jetson-orin-nx-16gb", "40W"),
        ),
        (
            nano("NVIDIA Jetson AGX Orin Developer Kit", mode="MODE_30W", memory=62840.0, cores=8),
            ("jetson-agx-orin-64gb", "30W"),
        ),
        (
            nano("NVIDIA Jetson AGX Orin", mode="MAXN", memory=30600.0, cores=8),
            ("jetson-agx-orin-32gb", "MAXN"),
        ),
        (
            nano("NVIDIA Jetson AGX Thor Developer Kit", mode="120W", memory=125770.0, cores=14),
            ("jetson-t5000", "120W"),
        ),
        (gpu_machine("NVIDIA GeForce RTX 4090"), ("rtx-4090", "boost")),
    ],
)
def test_machines_are_found(machine, expected):
    assert found(machine) == expected


@pytest.mark.parametrize(
    ("machine", "reason"),
    [
        (cpu_machine(), "a CPU of tests, 4 cores: no GPU that the table has"),
        (
            gpu_machine("NVIDIA GeForce RTX 4090 Laptop GPU"),
            "NVIDIA GeForce RTX 4090 Laptop GPU: not in the table, or in a power mode that it has "
            "not",
        ),
        (
            nano("Jetson Orin NX", mode="MAXN_SUPER"),
            "Jetson Orin NX: may be Jetson Orin Nano 8GB in MAXN_SUPER or Jetson Orin NX 8GB in "
            "MAXN_SUPER",
        ),
        # The first AGX Orin kits have 32 GB and the larger GPU: 12 cores give them away.
        (
            nano("NVIDIA Jetson AGX Orin Developer Kit", mode="MAXN", memory=30600.0, cores=12),
            "NVIDIA Jetson AGX Orin Developer Kit: not in the table, or in a power mode that it "
            "has not",
        ),
        (
            {**nano("Jetson Orin Nano"), "power_mode": None},
            "Jetson Orin Nano: not in the table, or in a power mode that it has not",
        ),
        (
            {**nano("Jetson Orin Nano"), "memory_mib": None},
            "Jetson Orin Nano: not in the table, or in a power mode that it has not",
        ),
        (
            jetson_machine(None, name="a Jetson in a container"),
            "a Jetson in a container: not in the table, or in a power mode that it has not",
        ),
    ],
)
def test_machines_that_are_not_told(machine, reason):
    assert found(machine) == reason
