"""What differs between the machines and circumstances of two results."""

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["noise_of", "other_files", "other_hardware", "other_settings"]

Document = Mapping[str, Any]


def other_hardware(before: Document, after: Document) -> Iterator[str]:
    """What differs of two machines so that speeds cannot be compared."""
    pairs = {
        "CPU": ("cpu", "model"),
        "number of cores": ("cpu", "cores"),
        "GPU": ("gpu", "name"),
        "Jetson": ("jetson", "module"),
        "power mode": ("power_mode", "name"),
    }
    for what, (part, name) in pairs.items():
        old, new = ((machine[part] or {}).get(name) for machine in (before, after))
        if old != new:
            yield f"{what} ({old or 'none'}, {new or 'none'})"


def other_settings(before: Document, after: Document) -> Iterator[str]:
    """What differs besides and may be meant to: libraries, the driver, the governor."""
    pairs = [
        ("governor", before["cpu"]["governor"], after["cpu"]["governor"]),
        ("driver", *((machine["gpu"] or {}).get("driver") for machine in (before, after))),
    ]
    old, new = before["versions"], after["versions"]
    pairs += [(name, old.get(name), new.get(name)) for name in sorted({*old, *new})]
    for what, first, second in pairs:
        if first != second:
            yield f"different {what} ({first or 'none'}, {second or 'none'})"


def noise_of(document: Document, which: str) -> Iterator[str]:
    """Why small ratios of a result mean nothing, if they do not; `which` result it is."""
    noise = document["noise"]
    if noise["noisy"]:
        why = "; ".join(noise["reasons"]) or "no reason is given"
        yield f"the {which} result is of a noisy machine ({why}): small ratios are chance"


def other_files(before: Document, after: Document) -> Iterator[str]:
    """Models that are other files under the same id, which may be what is compared."""
    for name, old in before["models"].items():
        new = after["models"].get(name)
        if new is not None and old["sha256"] != new["sha256"]:
            first, second = ((m["sha256"] or "unknown")[:12] for m in (old, new))
            yield f"{name}: another file (sha256 {first}, {second})"
