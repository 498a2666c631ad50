"""How many times as fast one way to run a network is as another, from the rows of a document."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from h2ot_edge.benchmarks.accuracy.tables import table
from h2ot_edge.benchmarks.latency import BLOCKS

__all__ = ["Ratio", "between_runtimes", "ratio_of", "table_of"]

HEAD = ("network", "on", "median ms", "p99 ms", "times PyTorch", "times plain", "drift mm")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Ratio:
    """Over the blocks of a run, in each of which both had their turn.

    Attributes:
        median, least, most: of the ratios of the medians of a block.
    """

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.least:.2f}-{self.most:.2f})"


def ratio_of(row: Row, reference: Row) -> Ratio:
    """How many times as fast as the reference; rows of kind `latency` of one run."""
    ratios = _medians(reference) / _medians(row)
    return Ratio(float(np.median(ratios)), float(ratios.min()), float(ratios.max()))


def table_of(document: Mapping[str, Any], threads: int | None) -> str:
    """The rows with so many threads, as a table in Markdown.

    Args:
        document: of `h2ot-bench peers`.
        threads: as its rows have them.
    """
    rows = [row for row in document["rows"] if row["threads"] == threads]
    timed = [row for row in rows if row["kind"] == "latency"]
    pytorch = next((row for row in timed if row["backend"] == "pytorch"), timed[0])
    plain = [row for row in timed if _is_plain(row)]
    lines = []
    for row in timed:
        figures = row["figures"]
        lines.append(
            [
                row["model"],
                row["backend"],
                f"{figures['median_ms']:.2f}",
                f"{figures['p99_ms']:.2f}",
                str(ratio_of(row, pytorch)),
                str(ratio_of(row, plain[0])) if plain else "-",
                ", ".join(_drifts(row, rows)) or "-",
            ]
        )
    return table(HEAD, lines, words=2)


def between_runtimes(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """For each ONNX file how OpenVINO compares with ONNX Runtime, in words."""
    timed = [row for row in document["rows"] if row["kind"] == "latency"]
    runs = {(row["model"], row["threads"], row["backend"]): row for row in timed}
    for (model, threads, backend), row in runs.items():
        other = runs.get((model, threads, "onnxruntime"))
        if backend == "openvino" and other is not None:
            yield model, f"OpenVINO over ONNX Runtime, threads {threads}: {ratio_of(row, other)}"


def _is_plain(row: Row) -> bool:
    on_onnxruntime: bool = row["backend"] == "onnxruntime"
    return on_onnxruntime and row["model"].endswith("-plain")


def _medians(row: Row) -> Any:
    """Of each block."""
    samples: Sequence[float] = row["figures"]["samples_ms"]
    return np.array([np.median(part) for part in np.array_split(np.asarray(samples), BLOCKS)])


def _drifts(row: Row, rows: Sequence[Row]) -> Iterator[str]:
    way = ("model", "backend", "device", "threads")
    for other in rows:
        if other["kind"] == "accuracy" and all(other[name] == row[name] for name in way):
            of = "unpruned " if "unpruned" in other["figures"]["reference"] else ""
            # 190, not 1.9e+02
            yield f"{of}{float(format(other['figures']['mean_mm'], '.2g')):g}"
