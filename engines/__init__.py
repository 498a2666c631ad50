"""Engines of the TensorRT family, built from exported graphs.

One module per library; each imports its library when it is first called.

>>> from h2ot_edge.engines.rtx import plan_from_onnx
"""

from h2ot_edge.engines.rtx import plan_from_onnx

__all__ = ["plan_from_onnx"]
