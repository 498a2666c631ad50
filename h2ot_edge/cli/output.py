"""Writing results to stdout, for people and for machines."""

import json
import sys
from collections.abc import Iterable
from typing import Any

__all__ = ["write_json", "write_rows"]


def write_json(document: Any) -> None:
    """Write one JSON document."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def write_rows(rows: Iterable[tuple[str, str]]) -> None:
    """Write `name  value` lines, the values below each other."""
    rows = list(rows)
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        sys.stdout.write(f"{name:{width}}  {value}\n")
