"""`h2ot inspect`: what a model takes, gives, and was checked against."""

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from h2ot_edge.card import ModelCard
from h2ot_edge.cli.output import (
    in_words,
    listed,
    precision_rows,
    tokens_in_words,
    write_json,
    write_rows,
)
from h2ot_edge.zoo import card_of

__all__ = ["SUMMARY", "add_arguments", "card_rows", "run"]

SUMMARY = "show the card of a model"

Rows = Iterator[tuple[str, str]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument(
        "model", metavar="MODEL", help="an .onnx file, or a name that h2ot-models lists"
    )


def run(args: argparse.Namespace) -> int:
    """Read the card and print it."""
    card = card_of(args.model)
    if args.json:
        write_json(card.to_dict())
    else:
        write_rows(card_rows(card))
    return 0


def card_rows(card: ModelCard) -> Rows:
    """A card, line by line."""
    batch = "any" if card.batch is None else card.batch
    tta = ", mean with the mirrored input" if card.flip_tta else ""
    yield "model", f"{card.backbone} {card.variant}, {card.frames} frames, {card.mode}{tta}"
    yield "", f"batch {batch}, opset {card.opset}, {card.parameters:,} parameters"
    yield "tokens", tokens_in_words(card)
    yield from precision_rows(card)
    yield from _tensors(card)
    yield "weights", listed(card.weights)
    if card.licence:
        yield "licence", card.licence
    # Recipe, data and the runs before are documents of their own, which --json tells.
    short = {name: v for name, v in card.training.items() if not isinstance(v, Mapping)}
    yield from _section("training", short, empty=None)
    yield from _section("accuracy", card.accuracy, empty="not measured")
    for name, flops in card.flops.items():
        yield f"flops {name}", _flops(flops)
    yield from _section("parity", card.parity, empty="not recorded")
    yield "versions", listed(card.versions)


def _tensors(card: ModelCard) -> Rows:
    batch = card.batch or "batch"
    taken, given = card.input, card.output
    yield "input", f"{taken.name} float32 [{batch}, {card.frames}, 17, {card.channels}]"
    yield "", f"{', '.join(taken.channels)}; normalised by {taken.normalisation}"
    yield "output", f"{given.name} float32 [{batch}, {card.frames_out}, 17, 3]"
    yield "", f"{given.unit}; {given.frame_of_reference}; {', '.join(given.axes)}"
    if card.with_kept:
        yield "", f"kept int64 [{batch}, {card.kept}]"
    yield "joints", ", ".join(card.joints)


def _flops(flops: Any) -> str:
    if not isinstance(flops, Mapping):
        return in_words(flops)
    return ", ".join(f"{name} {value / 1e9:.3f} G" for name, value in flops.items())


def _section(title: str, values: Mapping[str, Any], *, empty: str | None) -> Rows:
    """One line for each value; nested ones in one line. `empty` is told if there are none."""
    if not values and empty is not None:
        yield title, empty
    known = {name: value for name, value in values.items() if value is not None}
    for number, (name, value) in enumerate(known.items()):
        yield title if number == 0 else "", f"{name}: {in_words(value)}"
