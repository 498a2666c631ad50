"""ONNX models of two or three nodes whose answer is known, with a model card.

poses = [x, y, x + y + c / 2] + bias, where c is the confidence of a 3-channel model and `bias`
(f, 1, 3) defaults to [0, 0, i / 100] in frame i of the window. A seq2frame model gives that of the
centre frame only.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from h2ot_edge.card import METADATA_KEY, InputConvention, ModelCard, OutputConvention
from h2ot_edge.skeleton import JOINTS


def tiny_card(*, channels=3, **changes) -> ModelCard:
    """A card of a 9-frame model that takes any number of windows."""
    names = ("x", "y", "confidence")[:channels]
    values = {
        "backbone": "tiny",
        "variant": "linear",
        "frames": 9,
        "mode": "seq2seq",
        "preset": "none",
        "prune": "none",
        "recover": "none",
        "schedule": {},
        "flip_tta": False,
        "with_kept": False,
        "batch": None,
        "opset": 17,
        "joints": JOINTS,
        "input": InputConvention(channels=names),
        "output": OutputConvention(),
        "weights": {"source": "random", "seed": 0},
        "parameters": 9,
        "flops": {"graph": {"linear": 2754, "total": 2754}},
    }
    return ModelCard(**{**values, **changes})


def ramp(frames: int) -> np.ndarray:
    """The default bias."""
    bias = np.zeros((frames, 1, 3), np.float32)
    bias[:, 0, 2] = np.arange(frames) / 100
    return bias


def answer(windows: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """What a seq2seq model gives for (b, f, 17, C)."""
    windows = windows.astype(np.float64)
    x, y = windows[..., 0], windows[..., 1]
    c = windows[..., 2] if windows.shape[-1] == 3 else 0
    return np.stack([x, y, x + y + c / 2], axis=-1) + (
        ramp(windows.shape[1]) if bias is None else bias
    )


def save_tiny(
    path: Path,
    card: ModelCard | None = None,
    *,
    bias: np.ndarray | None = None,
    graph_of: ModelCard | None = None,
    centre: int | None = None,
    metadata: dict[str, str] | None = None,
) -> Path:
    """Write the model of `card`; `graph_of` builds the graph of another card under it.

    `centre` is the frame that a seq2frame model gives, if not the right one.
    """
    card = card or tiny_card()
    model = _model(graph_of or card, bias, centre)
    if metadata is None:
        metadata = {METADATA_KEY: card.to_json()}
    helper.set_model_props(model, metadata)
    onnx.save(model, path)
    return path


def _model(card: ModelCard, bias: np.ndarray | None, centre: int | None) -> onnx.ModelProto:
    batch = card.batch or "batch"
    weight = np.array([[1, 0, 1], [0, 1, 1], [0, 0, 0.5]], np.float32)[: card.channels]
    constants = {"weight": weight, "bias": ramp(card.frames) if bias is None else bias}
    lifted = "poses" if card.mode == "seq2seq" else "all"
    nodes = [
        helper.make_node("MatMul", ["keypoints", "weight"], ["product"]),
        helper.make_node("Add", ["product", "bias"], [lifted]),
    ]
    outputs = [_value("poses", TensorProto.FLOAT, [batch, card.frames_out, 17, 3])]
    if card.mode == "seq2frame":
        constants["centre"] = np.array(
            [(card.frames - 1) // 2 if centre is None else centre], np.int64
        )
        nodes.append(helper.make_node("Gather", ["all", "centre"], ["poses"], axis=1))
    if card.with_kept:
        constants["frames"] = np.tile(np.arange(card.kept), (card.batch, 1))
        nodes.append(helper.make_node("Identity", ["frames"], ["kept"]))
        outputs.append(_value("kept", TensorProto.INT64, [batch, card.kept]))
    graph = helper.make_graph(
        nodes,
        "tiny",
        [_value("keypoints", TensorProto.FLOAT, [batch, card.frames, 17, card.channels])],
        outputs,
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opset = helper.make_opsetid("", card.opset)
    return helper.make_model(graph, opset_imports=[opset], ir_version=8)


def _value(name: str, dtype: int, shape: list[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)
