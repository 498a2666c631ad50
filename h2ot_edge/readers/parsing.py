"""JSON, and the numbers in it, with errors that say what was expected."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from h2ot_edge.errors import InputError
from h2ot_edge.layouts import layouts_with
from h2ot_edge.spec import FloatArray

__all__ = ["as_points", "layout_of", "listed", "named", "numbers", "parsed"]


def parsed(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        InputError: not JSON, or nested too deeply for a reader.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON ({error}); write or copy it again") from error
    except RecursionError as error:
        raise InputError(f"{path}: JSON nested too deeply for keypoints; give another") from error


def numbers(values: Sequence[Any]) -> FloatArray | None:
    """Nested lists of numbers as float32; None if that is not what they are."""
    try:
        array = np.array(values)
    except ValueError:  # lists of different lengths
        return None
    if array.dtype.kind not in "fiu":
        return None
    with np.errstate(over="ignore"):  # the engine refuses infinity, and says where it is
        return array.astype(np.float32)


def as_points(points: FloatArray) -> FloatArray:
    """Keypoints (..., 2|3) with a confidence, which is 1 where there was none."""
    if points.shape[-1] == 3:
        return points
    return np.concatenate([points, np.ones_like(points[..., :1])], axis=-1)


def layout_of(joints: int, known: Sequence[str], asked: str | None, source: str) -> str:
    """The layout of a file.

    Args:
        joints: how many each person has.
        known: the layouts that files of this format have.
        asked: the one that the caller says it is.
        source: what to call the file in errors.

    Raises:
        InputError: no known layout has so many joints, or not the one that was asked for.
    """
    fitting = layouts_with(joints)
    if asked is not None:
        if asked in fitting:
            return asked
        raise InputError(
            f"{source}: {joints} joints are not those of layout {asked}; "
            + (f"they may be {' or '.join(fitting)}" if fitting else "no layout has so many")
        )
    usual = [name for name in known if name in fitting]
    if len(usual) == 1:
        return usual[0]
    if not fitting:
        raise InputError(
            f"{source}: no layout has {joints} joints (see h2ot_edge.layouts.LAYOUTS); give "
            "keypoints of a layout that has"
        )
    raise InputError(
        f"{source}: {joints} joints may be {' or '.join(fitting)}; say which (layout=, or --layout "
        "on the command line)"
    )


def named(value: Any) -> str:
    """What a value is, for messages."""
    if isinstance(value, dict):
        return f"an object with {listed(sorted(value), 8) or 'nothing'}"
    if isinstance(value, list):
        return f"a list that begins with {_first(value[0])}" if value else "an empty list"
    return f"a {type(value).__name__}"


def _first(value: Any) -> str:
    return "a list" if isinstance(value, list) else named(value)


def listed(names: Sequence[str], most: int = 5) -> str:
    """Names in a message: the first few, and how many there are more."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
