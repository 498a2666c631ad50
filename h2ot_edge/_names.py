"""Looking names up: in registries, and of what is installed."""

import difflib
import importlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib import metadata
from types import ModuleType
from typing import TypeVar

from h2ot_edge.errors import MissingExtra, UnknownName

T = TypeVar("T")


def look_up(kind: str, name: str, known: Mapping[str, T]) -> T:
    """Return `known[name]`.

    Raises:
        UnknownName: with the nearest known name, when there is one.
    """
    if name in known:
        return known[name]
    raise unknown(kind, name, known)


def unknown(kind: str, name: str, known: Iterable[str]) -> UnknownName:
    """The error for a `kind` called `name` that is not among `known`."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return UnknownName(f"no {kind} {name!r}{hint} (known: {', '.join(names) or 'none'})")


def require(module: str, extra: str) -> ModuleType:
    """Import an optional library.

    Raises:
        MissingExtra: with the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtra(
            f"{module} cannot be imported ({error}); pip install 'h2ot-edge[{extra}]'"
        ) from error


def versions_of(*packages: str) -> dict[str, str]:
    """Versions of those packages that are installed."""
    found = {}
    for package in packages:
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found
