"""From a network to an ONNX graph: trace, simplify, and check what was promised."""

import tempfile
import warnings
from collections.abc import Iterable
from pathlib import Path

import onnx
import onnxslim
import torch
from torch import Tensor, nn

from h2ot_edge.engines.onnx_model import check_graph
from h2ot_edge.export.network import Lifter

IR_VERSIONS = {16: 8, 17: 8, 18: 8, 19: 9, 20: 9}
"""The IR version of the onnx release that brought each operator set: older readers accept it."""


def onnx_from_torch(lifter: Lifter, *, batch: int | None, opset: int) -> onnx.ModelProto:
    """Trace a network and simplify the graph.

    Args:
        lifter: its outputs are `poses` and, if something is pruned, `kept`.
        batch: windows a call takes; None leaves it free.
        opset: ONNX operator set.

    Raises:
        ExportError: if the graph is not static, deterministic and of known shapes.
    """
    plan = lifter.backbone.plan
    # Two windows for a free batch: with one, the trace would take its size for a constant.
    example = torch.zeros(batch or 2, plan.frames, 17, lifter.backbone.channels_in)
    names = ["poses", "kept"] if plan.schedule else ["poses"]
    graph = traced(lifter.eval(), example, opset=opset, names=names, free_batch=batch is None)
    model: onnx.ModelProto = onnxslim.slim(graph)
    model.ir_version = IR_VERSIONS[opset]
    check_graph(model)
    return model


def traced(
    network: nn.Module, example: Tensor, *, opset: int, names: list[str], free_batch: bool = False
) -> onnx.ModelProto:
    """A network as PyTorch's exporter writes it.

    Args:
        network: in eval mode.
        example: keypoints (b, f, 17, c).
        opset: ONNX operator set.
        names: of the outputs.
        free_batch: whether the first axis of inputs and outputs is free.
    """
    free = {name: {0: "batch"} for name in ("keypoints", *names)} if free_batch else None
    with tempfile.TemporaryDirectory() as folder, torch.no_grad(), warnings.catch_warnings():
        # The TorchScript exporter is the one that writes opset 17, which TensorRT 8.6 needs; the
        # newer one writes 18 at the least (torch 2.13). It warns that it is the older one, and of
        # shapes taken as constants, which is what a static graph is.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        path = Path(folder) / "traced.onnx"
        torch.onnx.export(
            network,
            (example,),
            path,
            dynamo=False,
            opset_version=opset,
            input_names=["keypoints"],
            output_names=names,
            dynamic_axes=free,
        )
        return onnx.load(path)


def without_outputs(model: onnx.ModelProto, keep: Iterable[str]) -> onnx.ModelProto:
    """The part of a graph that computes the outputs in `keep`."""
    kept = list(keep)
    inputs = [value.name for value in model.graph.input]
    part = onnx.utils.Extractor(model).extract_model(inputs, kept)
    part.ir_version = model.ir_version
    return part
