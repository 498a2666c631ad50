"""Ceilings of devices: how fast they multiply and read memory at most, in each power mode.

The figures and where each was read are in devices.json. Rates are dense; documented rates with
sparsity are halved there.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from h2ot_edge._names import look_up

__all__ = ["PRECISIONS", "Device", "Mode", "devices", "find_machine"]

PRECISIONS: Mapping[str, int] = {"fp32": 4, "tf32": 4, "fp16": 2, "int8": 1}
"""Bytes of a number. `fp32` is computed by the CUDA cores; `tf32`, `fp16` and `int8` by the tensor
cores. TensorRT and ONNX Runtime take TF32 for FP32 models where there is a rate of it, unless told
not to."""


@dataclass(frozen=True, kw_only=True)
class Mode:
    """A device in one power mode.

    Attributes:
        name: as `nvpmodel` has it, without `MODE_`; `boost` of devices that have none.
        tflops: rate of each precision in 10^12 operations a second, a multiply-add being two; None
            where none is documented.
        gbs: of the memory, in 10^9 bytes a second.
        gpu_mhz: clock of the GPU; None where the rates are documented without it.
        cpu_cores: that are switched on; None where it is not the mode that says.
    """

    name: str
    tflops: Mapping[str, float | None]
    gbs: float
    gpu_mhz: float | None
    cpu_cores: int | None


@dataclass(frozen=True, kw_only=True)
class Device:
    """A device of the table.

    Attributes:
        id, title: short and whole name.
        kind: `jetson`, or `gpu` of a computer.
        modes: by name.
        cache_bytes: what may lie ready near the GPU; None if it is not known.
        sources: where the figures were read, in words, one a document.
        notes: how the figures were derived, in words.
    """

    id: str
    title: str
    kind: Literal["jetson", "gpu"]
    modes: Mapping[str, Mode]
    cache_bytes: int | None
    sources: tuple[str, ...]
    notes: tuple[str, ...]
    _skus: tuple[str, ...]
    _names: tuple[str, ...]
    _memory_mib: tuple[float, float]

    def mode(self, name: str) -> Mode:
        """A mode by its name.

        Raises:
            UnknownName: with the modes there are.
        """
        return look_up(f"power mode of {self.title}", name, self.modes)


@cache
def devices() -> Mapping[str, Device]:
    """The devices of devices.json, by id."""
    path = Path(__file__).with_name("devices.json")
    table = json.loads(path.read_text(encoding="utf-8"))
    return {name: _device(name, entry, table) for name, entry in table["devices"].items()}


def find_machine(machine: Mapping[str, Any]) -> tuple[Device, Mode] | str:
    """Which device, in which mode, a result was measured on.

    A Jetson's device tree often names the board that carries the module rather than the module, so
    a module without a part number (`p3767-0005`) is told by its memory, power mode and clock too.

    Args:
        machine: of a result.

    Returns:
        The device and its mode; or, if there is not exactly one that fits, why not.
    """
    jetson, gpu = machine["jetson"], machine["gpu"]
    if jetson is None and gpu is None:
        return f"{machine['name']}: no GPU that the table has"
    fitting = _jetsons(machine) if jetson is not None else _cards(gpu)
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        told = " or ".join(f"{device.title} in {mode.name}" for device, mode in fitting)
        return f"{machine['name']}: may be {told}"
    return f"{machine['name']}: not in the table, or in a power mode that it has not"


def _device(name: str, entry: Mapping[str, Any], table: Mapping[str, Any]) -> Device:
    family = table["families"][entry["family"]]
    used = dict.fromkeys(
        [*(key for keys in entry["sources"].values() for key in keys), *family["sources"]]
    )
    notes = [family["how"], f"memory: {entry['memory_how']}", f"cache: {entry['cache_how']}"]
    cached = entry["cache_mib"]
    return Device(
        id=name,
        title=entry["title"],
        kind=entry["kind"],
        modes={
            key: _mode(key, mode, entry, family["operations"])
            for key, mode in entry["modes"].items()
        },
        cache_bytes=None if cached is None else cached * 2**20,
        sources=tuple(_source(table["sources"][key]) for key in used),
        notes=tuple([*notes, entry["note"]] if entry["note"] else notes),
        _skus=tuple(entry["skus"]),
        _names=tuple(entry["names"]),
        _memory_mib=(entry["memory_mib"][0], entry["memory_mib"][1]),
    )


def _mode(name: str, mode: Mapping[str, Any], entry: Mapping[str, Any], operations: Any) -> Mode:
    clock = mode.get("gpu_mhz")
    tflops = mode.get("tflops") or {
        precision: each and mode["multiprocessors"] * each * clock / 1e6
        for precision, each in operations.items()
    }
    gbs = mode.get("gbs") or entry["memory_bits"] / 8 * 2 * mode["memory_mhz"] / 1e3
    return Mode(name=name, tflops=tflops, gbs=gbs, gpu_mhz=clock, cpu_cores=mode.get("cpu_cores"))


def _source(source: Mapping[str, str | None]) -> str:
    place = source["url"] or "no address"
    return f"{source['title']}: {source['where']} ({place}; read {source['read']})"


def _cards(gpu: Mapping[str, Any]) -> list[tuple[Device, Mode]]:
    return [
        (device, device.modes["boost"])
        for device in devices().values()
        if gpu["name"] in device._names and _within(gpu["memory_mib"], device)
    ]


def _jetsons(machine: Mapping[str, Any]) -> list[tuple[Device, Mode]]:
    module = machine["jetson"]["module"] or ""
    wanted = _mode_name(machine["power_mode"])
    part = re.search(r"\bp\d{4}-\d{4}\b", module)
    found = []
    for device in devices().values():
        mode = device.modes.get(wanted)
        if device.kind != "jetson" or mode is None:
            continue
        if part is not None:
            fits = part[0] in device._skus
        else:
            named = any(name in module for name in device._names)
            fits = named and _within(machine["memory_mib"], device) and _allows(machine, mode)
        if fits:
            found.append((device, mode))
    return found


def _mode_name(power_mode: Mapping[str, Any] | None) -> str:
    return "" if power_mode is None else str(power_mode["name"]).removeprefix("MODE_")


def _within(memory_mib: float | None, device: Device) -> bool:
    low, high = device._memory_mib
    return memory_mib is not None and low <= memory_mib <= high


def _allows(machine: Mapping[str, Any], mode: Mode) -> bool:
    """Whether the mode lets the GPU clock as high and as many cores run as was seen."""
    clock = (machine["gpu"] or {}).get("max_mhz")
    slower = clock is not None and mode.gpu_mhz is not None and clock > 1.03 * mode.gpu_mhz
    return not slower and machine["cpu"]["cores"] <= (mode.cpu_cores or machine["cpu"]["cores"])
