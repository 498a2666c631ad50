"""What can be imported from h2ot_edge is what `__all__` says."""

from types import ModuleType

import pytest

import h2ot_edge
from h2ot_edge import errors


def public_names():
    return {
        name
        for name, value in vars(h2ot_edge).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }


def test_public_names_are_those_of_all():
    assert public_names() | {"__version__"} == set(h2ot_edge.__all__), (
        "a name was imported into h2ot_edge/__init__.py and not put into __all__, or the reverse"
    )


def test_all_is_sorted():
    assert h2ot_edge.__all__ == sorted(h2ot_edge.__all__)


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_is_public(name):
    assert getattr(h2ot_edge, name) is getattr(errors, name)


def test_the_tree_of_errors_is_complete():
    drawn = errors.__doc__.split("Every message")[0]
    for name in errors.__all__:
        assert f"+ {name} " in drawn or f"* {name}\n" in drawn
        assert issubclass(getattr(errors, name), errors.H2OTError)
