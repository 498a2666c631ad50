"""Two results of `h2ot-bench`: what changed, and whether that breaks a rule."""

from h2ot_edge.benchmarks.compare.changes import Change
from h2ot_edge.benchmarks.compare.comparison import (
    Comparison,
    check_in_common,
    compare,
    compared,
)

__all__ = ["Change", "Comparison", "check_in_common", "compare", "compared"]
