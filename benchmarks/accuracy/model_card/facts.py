"""What a card says, in Markdown: the network, its tensors, data, training, parity."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from h2ot_edge.card import ModelCard
from h2ot_edge.cli.output import in_words

__all__ = ["data_of", "network", "parity", "pruning_in_words", "tensors", "training"]

PRUNED = {
    "tpc": "the centres of clusters of similar frames",
    "tpa": "those that receive the most attention over time",
    "tpmo": "those in which the features move most",
    "tps": "evenly spaced ones",
}
"""Which frames a pruner keeps."""

RECOVERED = {
    "tra": "learned queries, one a frame, read all frames' poses from the kept ones",
    "tri": "the poses of the others are interpolated in time",
    "nearest": "the others take the pose of the nearest kept one",
}
"""Where the other frames' poses come from."""

_IN_DATA = ("data", "credit")
_SEPARATE = (*_IN_DATA, "command", "note")


def pruning_in_words(card: ModelCard) -> str:
    """Which frames go through which blocks, in a sentence."""
    if not card.schedule:
        return f"none, all {card.frames} frames go through every block"
    kept = ", ".join(f"{count} from block {at}" for at, count in sorted(card.schedule.items()))
    which = PRUNED.get(card.prune, card.prune)
    back = RECOVERED.get(card.recover, card.recover)
    ending = "" if card.mode == "seq2frame" else f"; {back}"
    return f"of {card.frames} frames {kept} are kept, {which}{ending}"


def network(card: ModelCard, size_bytes: int) -> Iterator[str]:
    """Lines of a list: what the model is."""
    poses = "every frame" if card.mode == "seq2seq" else "the centre frame"
    yield f"- network: {card.backbone} {card.variant}, {card.parameters / 1e6:.2f} M parameters"
    yield f"- window: {card.frames} frames, poses of {poses} ({card.mode})"
    preset = f" ({card.preset})" if card.schedule else ""
    yield f"- pruning{preset}: {pruning_in_words(card)}"
    gflops = card.flops["graph"]["total"] / 1e9
    yield f"- cost: {gflops:.2f} GFLOPs a window, {size_bytes / 1e6:.1f} MB as ONNX"
    if card.flip_tta:
        yield "- the graph averages with the mirrored input"
    yield f"- weights: {in_words(card.weights)}"


def tensors(card: ModelCard) -> Iterator[str]:
    """Lines of a list: what goes in and comes out."""
    batch = card.batch or "any"
    taken, given = card.input, card.output
    yield f"- in: `{taken.name}` float32 [{batch}, {card.frames}, 17, {card.channels}]: " + (
        f"{', '.join(taken.channels)}; normalised by {taken.normalisation} (x spans [-1, 1])"
    )
    yield f"- out: `{given.name}` float32 [{batch}, {card.frames_out}, 17, 3], {_unit(card)}"
    yield f"- coordinates: {given.frame_of_reference}; {', '.join(given.axes)}"
    yield f"- joints, in and out: {', '.join(card.joints)}"


def data_of(card: ModelCard) -> Iterator[str]:
    """Lines of a list: data, credit, licence."""
    for name in _IN_DATA:
        value = card.training.get(name)
        if isinstance(value, Mapping):
            told = {key: v for key, v in value.items() if key not in card.training}
            yield from (f"- {key.replace('_', ' ')}: {_words(v)}" for key, v in told.items())
        elif value is not None:
            yield f"- {name}: {_words(value)}"
    yield f"- licence of the weights: {card.licence or 'not recorded'}"


def training(card: ModelCard) -> Iterator[str]:
    """Lines: how the model was trained, as its card says.

    The recipe in all its numbers stays in the card; here are the commands that lead to it.
    """
    if not card.training:
        yield "The card tells nothing about a training."
        return
    for name, value in card.training.items():
        if not (name in _SEPARATE or value is None or isinstance(value, Mapping)):
            yield f"- {name.replace('_', ' ')}: {_words(value)}"
    runs = _runs(card.training)
    if len(runs) > 1:
        yield f"- seconds of all runs: {sum(run.get('seconds', 0.0) for run in runs):.0f}"
    if any("command" in run for run in runs):
        yield from ("", "```console", *_console(runs), "```")


def _runs(training: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The run and those whose weights it began with, the first one first."""
    before = training.get("begin")
    return [*(_runs(before) if isinstance(before, Mapping) else []), training]


def _console(runs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for run in runs:
        if "command" in run:
            yield f"$ {run['command']}"
        if "note" in run:
            yield f"# {run['note']}"


def parity(values: Mapping[str, Any]) -> Iterator[str]:
    """Lines of a list: what the export's own check measured."""
    if not values:
        yield "The card records no check of the export."
    for name, value in values.items():
        if value is not None:
            yield f"- {name.replace('_', ' ')}: {in_words(value)}"


def _unit(card: ModelCard) -> str:
    if card.output.unit == "m":
        return "metres"
    return "in half widths of the image, which is no metric unit"


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else in_words(value)
