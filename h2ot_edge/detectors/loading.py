"""Finding a function by `PACKAGE.MODULE:FUNCTION` or `FILE.py:FUNCTION`."""

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from h2ot_edge._names import unknown
from h2ot_edge.errors import UsageError

__all__ = ["load_function"]


def load_function(spec: str) -> Callable[..., Any]:
    """Import the module or run the file, and take the function.

    Raises:
        UsageError: it cannot be imported, or is no function.
        UnknownName: it has no such function.
    """
    source, _, name = spec.rpartition(":")
    is_file = source.endswith(".py")
    module = _of_file(spec, Path(source)) if is_file else _of_package(spec, source)
    function = getattr(module, name, None)
    if function is None:
        functions = [key for key, value in vars(module).items() if _is_own(module, value)]
        raise unknown(f"function of {source}", name, functions)
    if isinstance(function, type) or not callable(function):
        kind = "a class" if isinstance(function, type) else f"a {type(function).__name__}"
        raise UsageError(
            f"detector {spec}: expected a function that takes an image, got {kind}; name a "
            "function, or an object that can be called"
        )
    return function  # type: ignore[no-any-return]


def _of_file(spec: str, path: Path) -> ModuleType:
    if not path.is_file():
        raise UsageError(f"detector {spec}: no such file {path}")
    name = f"_h2ot_detector_{path.stem}"
    found = importlib.util.spec_from_file_location(name, path)
    assert found is not None  # since it ends in .py
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module  # dataclasses and pickle look there
    sys.path.append(str(path.parent.resolve()))  # what lies beside it, as `python FILE.py` has it
    try:
        found.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise _cannot(spec, str(path), error) from error
    return module


def _of_package(spec: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise _cannot(spec, name, error) from error
        raise UsageError(
            f"detector {spec}: no module {error.name!r} can be imported; put its folder on "
            "PYTHONPATH, or name its file, FILE.py:FUNCTION"
        ) from error
    except (Exception, SystemExit) as error:
        raise _cannot(spec, name, error) from error


def _cannot(spec: str, name: str, error: BaseException) -> UsageError:
    return UsageError(
        f"detector {spec}: {name} cannot be imported ({type(error).__name__}: {error}); try it "
        "with python first"
    )


def _is_own(module: ModuleType, value: Any) -> bool:
    """Whether it is a function that the module itself defines."""
    return callable(value) and getattr(value, "__module__", None) == module.__name__
