"""Signatures as they are in the source, without `self`, in lines of up to 88 characters."""

import re
from collections.abc import Iterator
from textwrap import fill, indent
from typing import Any

import griffe

__all__ = ["block_of"]

_WIDTH = 88
_PRIVATE = re.compile(r"\b_[A-Za-z]")
_QUOTED = re.compile(r"""'([^'"\\]*)'""")


def block_of(entry: Any, name: str) -> str:
    """What stands in the code block under an entry's heading."""
    if entry.is_class:
        return _class(entry, name)
    if entry.is_function:
        return "\n\n".join(_function(one, name) for one in entry.overloads or [entry])
    return _attribute(entry, name)


def _class(cls: Any, name: str) -> str:
    if {"Protocol", "NamedTuple"} & {str(base) for base in cls.bases}:
        return f"class {name}({', '.join(str(base) for base in cls.bases)})"
    maker = cls.all_members.get("__init__")
    if maker is None or not maker.is_function:
        return f"class {name}"
    return _laid_out(f"class {name}", [*_parameters(maker.parameters, method=True)], "")


def _function(function: Any, name: str) -> str:
    method = function.parent is not None and function.parent.is_class
    lines = [f"@{kind}\n" for kind in ("classmethod", "staticmethod") if kind in function.labels]
    word = "async def" if "async" in function.labels else "def"
    returns = f" -> {_text(function.returns)}" if function.returns is not None else ""
    bound = method and "staticmethod" not in function.labels
    parameters = [*_parameters(function.parameters, method=bound)]
    return "".join(lines) + _laid_out(f"{word} {name}", parameters, returns)


def _attribute(attribute: Any, name: str) -> str:
    words = name
    if attribute.annotation is not None:
        words += f": {_text(attribute.annotation)}"
    if "property" in attribute.labels or attribute.value is None:
        return words
    value = _value(attribute.value, _WIDTH - len(words) - 3)
    return words if value is None else f"{words} = {value}"


def _value(value: Any, room: int) -> str | None:
    """What a constant is, if that is short, or a literal; None if it is neither."""
    words = _text(value)
    if _PRIVATE.search(words):
        return None
    if len(words) <= room and "\n" not in words:
        return words
    if isinstance(value, griffe.ExprCall) and str(value.function) == "MappingProxyType":
        return _value(value.arguments[0], room)
    if isinstance(value, griffe.ExprTuple) and all(isinstance(one, str) for one in value.elements):
        return "(\n" + indent(fill(f"{words[1:-1].rstrip(',')},", _WIDTH - 4), "    ") + "\n)"
    if isinstance(value, griffe.ExprDict) and all(isinstance(one, str) for one in value.keys):
        pairs = zip(value.keys, value.values, strict=True)
        return "".join(["{\n", *(f"    {_text(key)}: {_text(one)},\n" for key, one in pairs), "}"])
    return None


def _laid_out(begin: str, parameters: list[str], end: str) -> str:
    line = f"{begin}({', '.join(parameters)}){end}"
    if len(line) <= _WIDTH:
        return line
    return "\n".join([f"{begin}(", *(f"    {one}," for one in parameters), f"){end}"])


def _parameters(parameters: Any, *, method: bool) -> Iterator[str]:
    """Parameters with `/` and `*` where they belong."""
    kinds = griffe.ParameterKind
    listed = [*parameters][1 if method else 0 :]
    starred = any(one.kind is kinds.var_positional for one in listed)
    for number, one in enumerate(listed):
        if one.kind is kinds.keyword_only and not starred:
            starred = True
            yield "*"
        yield _parameter(one)
        behind = listed[number + 1].kind if number + 1 < len(listed) else None
        if one.kind is kinds.positional_only and behind is not kinds.positional_only:
            yield "/"


def _parameter(parameter: Any) -> str:
    stars = {"variadic positional": "*", "variadic keyword": "**"}.get(parameter.kind.value, "")
    words = f"{stars}{parameter.name}"
    if parameter.annotation is not None:
        words += f": {_text(parameter.annotation)}"
    if parameter.default is None or stars:
        return words
    equals = " = " if parameter.annotation is not None else "="
    default = _text(parameter.default)
    return f"{words}{equals}{'...' if _PRIVATE.search(default) else default}"


def _text(expression: Any) -> str:
    return _QUOTED.sub(r'"\1"', str(expression))
