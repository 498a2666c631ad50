"""Engines of TensorRT and TensorRT-RTX, and models of lower precision for them.

>>> from h2ot_edge.engines import BuildOptions, build_engine
"""

from h2ot_edge.engines.build import build_engine, cached_engine
from h2ot_edge.engines.options import BuildOptions
from h2ot_edge.engines.plan import plan_from_onnx

__all__ = ["BuildOptions", "build_engine", "cached_engine", "plan_from_onnx"]
