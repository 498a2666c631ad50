"""Constants inside a traced network."""

from typing import Any

import numpy as np
import torch
from torch import Tensor


def constant(values: Any) -> Tensor:
    """A tensor that a trace records as its values, not as the operations that made it.

    torch.eye, torch.tril and comparisons of them become nodes of the graph, some of which
    (EyeLike of bool) ONNX Runtime's CPU provider does not have.
    """
    array = np.asarray(values)
    if array.dtype == np.float64:
        array = array.astype(np.float32)
    return torch.from_numpy(np.ascontiguousarray(array))
