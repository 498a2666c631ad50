"""`h2ot models`: the models that ship, by name."""

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from h2ot_edge._names import look_up
from h2ot_edge.cli.inspect_ import card_rows
from h2ot_edge.cli.output import listed, write_json, write_rows
from h2ot_edge.zoo import ZooModel, models

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "list the models that ship, or show one"

Rows = Iterator[tuple[str, str]]

_NOISES = ("noisy", "clean")
"""Of the keypoints that a model was measured on."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="show only this one, with its card")


def run(args: argparse.Namespace) -> int:
    """List, or show."""
    known = models()
    if args.name is None:
        _list(known, as_json=args.json)
    else:
        _show(look_up("model", args.name, known), as_json=args.json)
    return 0


def _list(known: Mapping[str, ZooModel], *, as_json: bool) -> None:
    if as_json:
        write_json({"models": [_document(model) for model in known.values()]})
    elif known:
        write_rows(row for model in known.values() for row in _rows(model))
    else:
        write_rows([("models", "none ship with this version; h2ot-export makes one")])


def _show(model: ZooModel, *, as_json: bool) -> None:
    card = model.read_card()
    if as_json:
        write_json({**_document(model), "card": card.to_dict()})
        return
    rows = [("name", model.name), ("summary", model.summary), ("file", _file(model))]
    write_rows([*rows, *card_rows(card)])


def _document(model: ZooModel) -> dict[str, Any]:
    """What is told of a model, as plain data; `path` and `bytes` only if its file is there."""
    card, there = model.card, model.path.is_file()
    return {
        "name": model.name,
        "summary": model.summary,
        "state": model.state,
        "path": str(model.path) if there else None,
        "bytes": model.path.stat().st_size if there else None,
        "frames": card.frames,
        "kept": card.kept,
        "parameters": card.parameters,
        "flops": card.flops["graph"]["total"],
        "accuracy": card.accuracy,
        "licence": card.licence,
    }


def _rows(model: ZooModel) -> Rows:
    card = model.card
    yield model.name, model.summary
    kept = f"{card.kept} kept" if card.schedule else "all kept"
    yield "", f"window of {card.frames} frames, {kept}; {_size(model)}"
    yield "", f"accuracy: {_accuracy(card.accuracy)}"
    yield "", f"licence: {card.licence}"


def _accuracy(accuracy: Mapping[str, Any]) -> str:
    """The error alone where it is measured by protocol; `h2ot-models NAME` tells all of it."""
    if "protocol" not in accuracy:
        return listed(accuracy) if accuracy else "not measured"
    errors = {noise: accuracy[noise]["mpjpe_mm"] for noise in _NOISES if noise in accuracy}
    told = ", ".join(f"{error:.1f} mm ({noise} 2-D)" for noise, error in errors.items())
    return f"{accuracy['protocol']}, MPJPE {told}"


def _size(model: ZooModel) -> str:
    card = model.card
    gflops = card.flops["graph"]["total"] / 1e9
    return f"{card.parameters / 1e6:.2f} M parameters, {gflops:.2f} GFLOPs a window; {_file(model)}"


def _file(model: ZooModel) -> str:
    if model.state == "needs export":
        return "exported on first use, which needs torch"
    return f"{model.path.stat().st_size / 1e6:.1f} MB, {model.state}"
