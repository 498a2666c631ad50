"""Reading the small files of /sys."""

import re
from pathlib import Path

from h2ot_edge.benchmarks.energy.meter import Unmeasured

_INTEGER = re.compile(r"-?[0-9]{1,18}")


def text(path: Path) -> str:
    """What a file holds, without the line's end.

    Raises:
        OSError: it cannot be read; drivers answer so for sensors that are off.
    """
    return path.read_bytes()[:256].decode(errors="replace").strip("\0\n ")


def words(path: Path) -> str | None:
    """What a file holds; None if it cannot be read, is empty or no text."""
    try:
        found = text(path)
    except OSError:
        return None
    return found if found and found.isprintable() and "\ufffd" not in found else None


def integer(path: Path) -> int | None:
    """The whole number that a file holds; None if there is none."""
    found = words(path)
    return int(found) if found and _INTEGER.fullmatch(found) else None


def reading(path: Path, of: str) -> int:
    """The whole number that a file of a sensor holds now.

    Raises:
        Unmeasured: there is none; `of` says whose it would be.
    """
    try:
        found = text(path)
    except OSError as error:
        raise Unmeasured(f"{of}: {path.name} cannot be read ({error.strerror})") from error
    if not _INTEGER.fullmatch(found):
        raise Unmeasured(f"{of}: {path.name} holds {found[:20]!r}, expected a whole number")
    return int(found)
