"""Figures in words: three digits, a unit, and a dash for what is not known."""

import math
from typing import Any

__all__ = ["DASH", "clean", "number", "per_cent", "shortened", "times", "with_unit"]

DASH = "\u2013"
"""For what is not known, which is not 0."""

MINUS = "\u2212"


def number(value: float | None, digits: int = 3) -> str:
    """A number with so many digits, never with an exponent of ten for what is above a millionth."""
    if value is None or not math.isfinite(value):
        return DASH
    if value == 0:
        return "0"
    # Of what it is rounded to, so that 9.999 is not told in four digits.
    size = math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}"))))
    if not -6 <= size <= 14:
        return f"{value:.{digits - 1}e}".replace("-", MINUS)
    return f"{value:,.{max(digits - 1 - size, 0)}f}".replace("-", MINUS)


def with_unit(value: float | None, unit: str, digits: int = 3) -> str:
    """A number and its unit."""
    return DASH if value is None else f"{number(value, digits)} {unit}"


def per_cent(share: float | None, digits: int = 2) -> str:
    """A share of 1, in per cent."""
    if share is not None and 0 < abs(share) < 5e-5:
        return "< 0.01 %"
    return DASH if share is None else f"{number(100 * share, digits)} %"


def times(ratio: float | None) -> str:
    """A ratio."""
    return DASH if ratio is None else f"{number(ratio)}\u00d7"


def shortened(text: str, most: int = 30) -> str:
    """A text of at most so many letters; more of its end than of its beginning are kept."""
    if len(text) <= most:
        return text
    front = (most - 1) // 3
    return f"{text[:front]}\u2026{text[len(text) - (most - 1 - front) :]}"


def clean(value: Any) -> Any:
    """A JSON document without letters that cannot be shown or turn others around."""
    if isinstance(value, str):
        return "".join(letter if letter.isprintable() else "\ufffd" for letter in value)
    if isinstance(value, dict):
        return {clean(name): clean(each) for name, each in value.items()}
    return [clean(each) for each in value] if isinstance(value, list | tuple) else value
