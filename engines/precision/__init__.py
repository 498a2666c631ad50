"""FP16 and INT8 that the graph itself carries, and a verdict on every model made so.

>>> from h2ot_edge.engines.precision import PrecisionOptions, lower_precision

Brings onnx; the runtime does not need it.
"""

from h2ot_edge.engines.precision.lowering import PRECISIONS, PrecisionOptions, lower_precision

__all__ = ["PRECISIONS", "PrecisionOptions", "lower_precision"]
