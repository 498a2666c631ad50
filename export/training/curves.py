"""Pictures of training logs.

`python -m h2ot_edge.export.training.curves RUN [RUN ...] -o FILE.png`
"""

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from h2ot_edge._names import require
from h2ot_edge.errors import InputError

__all__ = ["draw", "read_log"]


def read_log(folder: Path) -> list[dict[str, Any]]:
    """The log of a run, its steps numbered through all stages as `total`.

    A run that was killed logs the steps since its last save a second time; the later record of a
    step is the one that counts.

    Raises:
        InputError: if there is no log, or a line of it is not a record.
    """
    path = folder / "log.jsonl"
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected the log of a training run")
    latest: dict[tuple[str, int, bool], dict[str, Any]] = {}
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        try:
            record = json.loads(line)
            latest[record["stage"], record["step"], "rate" in record] = record
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{path}: line {number} is no record of a training step; remove that line"
            ) from error
    return _numbered(latest.values())


def _numbered(records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Records with the step counted from the beginning of the run."""
    listed = list(records)
    lengths: dict[str, int] = {}
    for record in listed:
        lengths[record["stage"]] = max(lengths.get(record["stage"], 0), record["step"])
    before, sum_so_far = {}, 0
    for stage, length in lengths.items():
        before[stage], sum_so_far = sum_so_far, sum_so_far + length
    return [{**record, "total": before[record["stage"]] + record["step"]} for record in listed]


def draw(folders: Sequence[Path], path: Path) -> None:
    """Draw the error of runs over their steps, in training and on the validation subjects.

    Raises:
        MissingExtra: without matplotlib.
        InputError: if a log cannot be read.
    """
    figure_module = require("matplotlib.figure", "viz")
    figure = figure_module.Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for colour, folder in enumerate(folders):
        records = read_log(folder)
        for key, style, width in (("train_mpjpe_mm", "-", 0.5), ("val_mpjpe_mm", "o-", 1.5)):
            points = [(r["total"], r[key]) for r in records if key in r]
            if not points:
                continue
            label = f"{folder.name} {key.split('_')[0]}"
            axes.plot(
                *zip(*points, strict=True), style, ms=3, lw=width, c=f"C{colour}", label=label
            )
    axes.set(xlabel="step", ylabel="MPJPE in mm", yscale="log")
    for axis in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        axis("{x:.0f}")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Draw training logs.")
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.png")
    arguments = parser.parse_args()
    draw(arguments.runs, arguments.output)
