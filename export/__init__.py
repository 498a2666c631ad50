"""From checkpoint to verified ONNX; the only part of h2ot_edge that needs torch.

>>> from h2ot_edge.export import ExportOptions, choose_plan, export_model
"""

from h2ot_edge._names import require

for _module in ("torch", "onnx", "onnxslim", "onnxruntime"):
    require(_module, "export")

from h2ot_edge.export.backbones import BACKBONES  # noqa: E402
from h2ot_edge.export.options import PRESETS, ExportOptions, choose_plan  # noqa: E402
from h2ot_edge.export.pipeline import export_model  # noqa: E402
from h2ot_edge.export.tokens import PRUNERS, RECOVERERS, TokenPlan, parse_schedule  # noqa: E402

__all__ = [
    "BACKBONES",
    "PRESETS",
    "PRUNERS",
    "RECOVERERS",
    "ExportOptions",
    "TokenPlan",
    "choose_plan",
    "export_model",
    "parse_schedule",
]
