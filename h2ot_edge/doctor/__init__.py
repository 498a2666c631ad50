"""What there is on a machine, what of h2ot-edge works on it, and what helps where it does not."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from h2ot_edge._names import look_up
from h2ot_edge.doctor import jetpack
from h2ot_edge.doctor.asking import ask
from h2ot_edge.doctor.finding import Finding, State
from h2ot_edge.doctor.gpus import gpu
from h2ot_edge.doctor.machine import Machine, look_at
from h2ot_edge.doctor.probes import PROBES
from h2ot_edge.doctor.roads import ROADS
from h2ot_edge.system import ROOT

__all__ = ["ROADS", "SCHEMA_VERSION", "Diagnosis", "Finding", "State", "examine", "examine_road"]

SCHEMA_VERSION = 1
_PYTHONS = ("3.10", "3.11", "3.12")


@dataclass(frozen=True)
class Diagnosis:
    """A machine and what was found on it."""

    machine: Machine
    findings: tuple[Finding, ...]

    @property
    def runs_on(self) -> tuple[Finding, ...]:
        """The roads on which a model runs here."""
        roads = {name for name, road in ROADS.items() if road.runs}
        return tuple(found for found in self.findings if found.name in roads and found.usable)

    def to_dict(self) -> dict[str, Any]:
        """As plain data, under a `schema_version`."""
        return {
            "schema_version": SCHEMA_VERSION,
            "runs_on": [found.name for found in self.runs_on],
            "facts": self.machine.to_dict(),
            "findings": [asdict(found) for found in self.findings],
        }


def examine(root: Path = ROOT) -> Diagnosis:
    """Look at everything. Libraries are loaded in processes of their own, which may fail.

    Args:
        root: of the file system in which the machine's facts are read.
    """
    machine = look_at(root, ask(PROBES))
    return Diagnosis(machine, tuple(_findings(machine)))


def examine_road(name: str, root: Path = ROOT) -> Finding:
    """Look at one road only, which is quicker.

    Args:
        name: a name from `ROADS`.
        root: as for `examine`.

    Raises:
        UnknownName: no such road.
    """
    road = look_up("road", name, ROADS)
    return road.finding(name, look_at(root, ask(road.asks)))


def _findings(machine: Machine) -> Iterator[Finding]:
    yield gpu(machine)
    yield from (road.finding(name, machine) for name, road in ROADS.items())
    notes = (_python(machine), _wheels(machine), jetpack.power(machine), jetpack.clock(machine))
    yield from (note for note in notes if note is not None)


def _python(machine: Machine) -> Finding | None:
    if machine.python_line in _PYTHONS:
        return None
    why = f"this is {machine.python}; h2ot-edge is tested on {_PYTHONS[0]} to {_PYTHONS[-1]}"
    fix = f"make a virtual environment with Python {_PYTHONS[-1]}"
    return Finding("python", "Python", "warning", why, fix)


def _wheels(machine: Machine) -> Finding | None:
    wheels = machine.fact("onnxruntime", "wheels") or {}
    if len(wheels) < 2:
        return None
    wanted = "ort" if machine.jetson is not None else "ort-gpu"
    why = f"{' and '.join(wheels)} are both installed, and overwrite each other's files"
    fix = f"pip uninstall -y {' '.join(wheels)} && pip install 'h2ot-edge[{wanted}]'"
    return Finding("onnxruntime-wheels", "onnxruntime", "warning", why, fix)
