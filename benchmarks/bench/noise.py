"""Whether the machine was quiet enough for its figures to be believed."""

import os
from collections.abc import Mapping
from typing import Any

from h2ot_edge.benchmarks.bench.results import NOISE_LIMIT

__all__ = ["judged"]

_BUSY = 0.5
"""Load before the run, over the number of cores, from which others are in the way."""


def judged(document: Mapping[str, Any]) -> dict[str, Any]:
    """`noise` of a document, from its rows of single windows and the load before the run."""
    spreads = [
        row["figures"]["spread"]
        for row in document["rows"]
        if row["kind"] == "latency" and row["scenario"] == "single"
    ]
    spread, load = max(spreads, default=None), document["machine"]["load_before"]
    reasons = []
    if spread is not None and spread > NOISE_LIMIT:
        reasons.append(f"medians of fifths of one series of calls lie {spread:.0%} apart")
    if load is not None and load > _BUSY * (os.cpu_count() or 1):
        reasons.append(f"the load was {load:g} before the run; let nothing else run")
    return {"spread": spread, "limit": NOISE_LIMIT, "noisy": bool(reasons), "reasons": reasons}
