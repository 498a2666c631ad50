"""What is known of a model before it is run: `models` of the document."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from h2ot_edge._files import sha256_of
from h2ot_edge._names import require
from h2ot_edge.benchmarks.bench.subject import card_if_any
from h2ot_edge.card import ModelCard
from h2ot_edge.engine_file import is_engine
from h2ot_edge.errors import ExportError, MissingExtra

__all__ = ["describe_model"]

Cost = Mapping[str, Any]


def describe_model(name: str, path: Path) -> dict[str, Any]:
    """An entry of `models`.

    Args:
        name: for tables.
        path: an ONNX file, with a card or without, or an engine with its sidecar.

    Raises:
        ModelFileError: no such file, not an ONNX file, or an engine without its sidecar.
    """
    card = card_if_any(path)
    unknown: list[str] = []
    if card is None:
        unknown.append(
            "card: the file has none, so units, accuracy and normalisation are unknown, and it is "
            "fed noise; export the model with h2ot-export"
        )
    return {
        "name": name,
        "file": path.name,
        "kind": "engine" if is_engine(path) else "onnx",
        "bytes": path.stat().st_size,
        "sha256": sha256_of(path),
        "precision": card and card.precision_name,
        "card": card and card.to_dict(),
        "cost": _cost(path, card, unknown),
        "unknown": unknown,
    }


def _cost(path: Path, card: ModelCard | None, unknown: list[str]) -> Cost | None:
    if is_engine(path):
        unknown.append("cost by operator and stage: an engine has no graph; see its .onnx file")
        return None if card is None else _cost_of_card(card)
    try:
        onnx = require("onnx", "precision")
        from h2ot_edge.benchmarks.flops.cost import cost_of

        cost: Cost = cost_of(onnx.load(str(path))).to_dict()
        return cost
    except (MissingExtra, ExportError) as error:
        unknown.append(f"cost by operator and stage: {error}")
        return None if card is None else _cost_of_card(card)


def _cost_of_card(card: ModelCard) -> Cost | None:
    graph = card.flops.get("graph")
    if graph is None:
        return None
    whole = {f"{kind}_gflop": graph[kind] / 1e9 for kind in ("linear", "total")}
    return {
        **whole,
        "parameters": card.parameters,
        "bytes_least": None,
        "intensity": None,
        "by_operator": {},
        "by_stage": {"whole": whole},
    }
