"""Which products suffer from int8: `python -m h2ot_edge.benchmarks.studies.sensitivity MODEL`.

Each product with weights is quantised alone and the drift measured, which is what the int8 rules
in `engines/precision/islands.py` were chosen by.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import onnx

from h2ot_edge._bars import progress_bar
from h2ot_edge.benchmarks.accuracy.tables import table
from h2ot_edge.card import ModelCard
from h2ot_edge.engines.precision.calibration import Method, calibration_of, tensor_ranges
from h2ot_edge.engines.precision.drift import compare, outputs_of, verification_windows
from h2ot_edge.engines.precision.graph import PRODUCTS, Graph, with_named_nodes
from h2ot_edge.engines.precision.int8 import products, to_int8
from h2ot_edge.engines.precision.int8_cpu import to_int8_cpu
from h2ot_edge.errors import H2OTError
from h2ot_edge.zoo import resolve

__all__ = ["main", "sensitivities"]

EVERY = 4
"""Of the verification windows every fourth: there are as many runs as products."""

Scales = Literal["call", "fixed"]


def sensitivities(
    path: Path, scales: Scales, *, method: Method = "max"
) -> Iterator[tuple[str, float, int]]:
    """Mean drift in mm of every product quantised alone.

    Args:
        path: a float32 model.
        scales: `call` as in int8-cpu, `fixed` as in int8.
        method: how fixed ranges are found.

    Yields:
        Name of the product, its drift, and how many products there are.
    """
    card, model = ModelCard.from_onnx(path), with_named_nodes(onnx.load(path))
    graph = Graph.of(model)
    windows = verification_windows(card)[::EVERY]
    expected = outputs_of(model, windows)
    ranges = None
    if scales == "fixed":
        calibration = calibration_of([], card)
        ranges = tensor_ranges(model, calibration, method, operators=PRODUCTS)
    chosen = products(graph, (), attention=False)
    for name in chosen:
        if ranges is None:
            quantised = to_int8_cpu(model, graph.node.keys() - {name})
        else:
            quantised = to_int8(model, ranges, [name])
        yield name, compare(outputs_of(quantised, windows), expected, card).mean, len(chosen)


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, measure, report; the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", metavar="MODEL", help="float32, a file or a name")
    parser.add_argument(
        "--scales", choices=("call", "fixed"), default="call", help="as in int8-cpu or in int8"
    )
    parser.add_argument("--most", type=int, default=20, metavar="N", help="rows that are shown")
    args = parser.parse_args(argv)
    found: dict[str, float] = {}
    try:
        with progress_bar("product", shown=True) as progress:
            for name, drift, count in sensitivities(resolve(args.model), args.scales):
                found[name] = drift
                if progress is not None:
                    progress(len(found), count)
    except H2OTError as error:
        sys.stderr.write(f"sensitivity: error: {error}\n")
        return error.exit_status
    worst = sorted(found, key=lambda name: -found[name])[: args.most]
    rows = [[name, f"{found[name]:.2f}"] for name in worst]
    sys.stdout.write(table(["product", "drift, mm"], rows, words=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
