"""How long models in several precisions take, beside each other."""

from collections.abc import Mapping
from functools import partial

import numpy as np
import onnx

from h2ot_edge.benchmarks.latency import Latency, in_turns
from h2ot_edge.engines.onnx_model import open_session
from h2ot_edge.spec import FloatArray

__all__ = ["times_in_turns"]


def times_in_turns(
    models: Mapping[str, onnx.ModelProto],
    windows: FloatArray,
    *,
    rounds: int,
    threads: int | None = None,
) -> dict[str, Latency]:
    """Times of the smallest call of each model on the CPU, host arrays in to host arrays out.

    Args:
        models: of one network, by name.
        windows: (n, f, 17, C) float32, of which the first are taken.
        rounds: calls of each.
        threads: of a call; None leaves their number to ONNX Runtime.
    """
    calls = {}
    for name, model in models.items():
        size = model.graph.input[0].type.tensor_type.shape.dim[0].dim_value or 1
        feed = {"keypoints": np.ascontiguousarray(windows[:size])}
        calls[name] = partial(open_session(model, threads).run, None, feed)
    return in_turns(calls, rounds=rounds)
