"""Classes and enumerations that behave as pybind11's do, with exactly the names they should have.

A behaviour is an ordinary class whose methods say with `takes` what they are given. `bind` leaves
of it what a version has, and checks what is given.
"""

import functools
import inspect
import operator

import numpy as np

OVERRIDABLE = ("ILogger", "IProfiler", "IProgressMonitor", "IErrorRecorder", "IOutputAllocator")
"""Made to be subclassed."""


class Missing:
    """A member that the real class has and the stand-in has not."""

    def __init__(self, path):
        self._path = path

    def __get__(self, instance, owner):
        if instance is None:
            return self
        raise NotImplementedError(f"the stand-in has no {self._path}")

    def __set__(self, instance, value):
        raise NotImplementedError(f"the stand-in has no {self._path}")


def bind(library, name, behaviour, bases=()):
    """A class of `library` with the public names that its version has, and no others."""
    members = library.names.members(name, library.full_version)
    known = {}
    for source in reversed(behaviour.__mro__[:-1]):
        known.update(vars(source))
    hidden = {k: v for k, v in known.items() if k.startswith("_") and k not in _OWN}
    shown = {
        member: _checked(known.get(member) or Missing(f"{name}.{member}")) for member in members
    }
    hidden["__init__"] = _checked(hidden.get("__init__", _no_constructor), "__init__")
    extra = {"_lib": library, "_bound": name, "__module__": library.bindings}
    guard = {} if name in OVERRIDABLE else {"__setattr__": _set, "__getattr__": _get}
    made = _Called(name, bases or (object,), {**hidden, **shown, **guard, **extra})
    made.__qualname__ = name
    return made


_OWN = {"__dict__", "__weakref__", "__module__", "__qualname__", "__doc__"}


class _Called(type):
    """pybind11 refuses an object of a subclass that did not call the base's `__init__`."""

    def __call__(cls, *args, **kwargs):
        made = super().__call__(*args, **kwargs)
        if cls._bound in OVERRIDABLE and "_made" not in vars(made):
            owner = f"{cls._lib.bindings}.{cls._bound}"
            raise TypeError(f"{owner}.__init__() must be called when overriding __init__")
        return made


def _no_constructor(self, *args, **kwargs):
    raise TypeError(f"{self._lib.bindings}.{self._bound}: No constructor defined!")


def _get(self, name):
    kind = f"{self._lib.bindings}.{self._bound}"
    raise AttributeError(f"'{kind}' object has no attribute '{name}'")


def _set(self, name, value):
    if not name.startswith("_"):
        member = getattr(type(self), name, None)
        if member is None:
            _get(self, name)
        if isinstance(member, property) and member.fset is None:
            raise AttributeError(f"property of '{self._bound}' object has no setter")
        if not isinstance(member, property | Missing):
            raise AttributeError(f"'{self._bound}' object attribute '{name}' is read-only")
    object.__setattr__(self, name, value)


# parameters


def takes(*kinds):
    """Say what the parameters after `self` are: `int`, `size` (not negative), `str`, `bool`,
    `buffer`, `shape`, `any`, the name of a class of the library, or one of these with `|None`.
    """

    def mark(function):
        function.kinds = kinds
        return function

    return mark


def _checked(member, name=None):
    if isinstance(member, property):
        return property(member.fget, member.fset and _checked(member.fset, ""))
    if not inspect.isfunction(member):
        return member
    signature = inspect.signature(member)
    kinds = dict(zip(list(signature.parameters)[1:], getattr(member, "kinds", ()), strict=False))
    name = member.__name__ if name is None else name

    @functools.wraps(member)
    def call(self, *args, **kwargs):
        try:
            bound = signature.bind(self, *args, **kwargs)
            for key, kind in kinds.items():
                if key in bound.arguments:
                    bound.arguments[key] = _converted(self._lib, bound.arguments[key], kind)
        except (TypeError, ValueError) as error:
            given = ", ".join([*map(repr, args), *(f"{k}={v!r}" for k, v in kwargs.items())])
            kind = "constructor" if name == "__init__" else "function"
            raise TypeError(
                f"{name}(): incompatible {kind} arguments. The following argument types are "
                f"supported:\n    1. {name}{signature}\n\nInvoked with: {given} ({error})"
            ) from None
        return member(*bound.args, **bound.kwargs)

    return call


def _converted(library, value, kind):
    kind, _, optional = kind.partition("|")
    if value is None:
        if optional:
            return None
        raise TypeError(f"expected {kind}, got None")
    if kind in _CONVERTERS:
        return _CONVERTERS[kind](value)
    if kind == "shape":
        return library.dims(value)
    wanted = getattr(library.trt, kind)
    if not isinstance(value, wanted):
        raise TypeError(f"expected {kind}, got {type(value).__name__}")
    return value


def _int(value):
    if isinstance(value, float | np.floating | str):
        raise TypeError(f"expected int, got {type(value).__name__}")
    return int(value)


def _size(value):
    if _int(value) < 0:
        raise ValueError(f"expected no negative number, got {value}")
    return _int(value)


def _str(value):
    if not isinstance(value, str):
        raise TypeError(f"expected str, got {type(value).__name__}")
    return value


def _bool(value):
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"expected bool, got {type(value).__name__}")
    return bool(value)


_CONVERTERS = {
    "int": _int,
    "size": _size,
    "str": _str,
    "bool": _bool,
    "buffer": lambda value: bytes(memoryview(value)),
    "any": lambda value: value,
}


def setting(name, kind, default, read_only=False):
    """A property that keeps what it is set to."""

    def get(self):
        return self._settings.get(name, default)

    @takes(kind)
    def put(self, value):
        self._settings[name] = value

    return property(get, None if read_only else put)


# enumerations


class Enumerator:
    """A member of an enumeration of pybind11: an int only when asked, equal only to its like."""

    def __init__(self, value):
        self._value = operator.index(value)

    @property
    def value(self):
        """The number."""
        return self._value

    @property
    def name(self):
        """The name."""
        return next((n for n, m in self._members.items() if m._value == self._value), "???")

    def __int__(self):
        return self._value

    __index__ = __int__

    def __eq__(self, other):
        return type(other) is type(self) and other._value == self._value

    def __hash__(self):
        return hash(self._value)

    def __repr__(self):
        return f"<{type(self).__name__}.{self.name}: {self._value}>"

    def __str__(self):
        return f"{type(self).__name__}.{self.name}"


def enumeration(library, name, numbers, extra=None):
    """A class of `numbers`, which is a number by name."""
    made = type(name, (Enumerator,), {"__module__": library.bindings, **(extra or {})})
    members = {key: made(number) for key, number in numbers.items()}
    made._members = made.__members__ = members
    for key, member in members.items():
        setattr(made, key, member)
    return made
