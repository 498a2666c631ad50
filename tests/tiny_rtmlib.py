"""Networks with the inputs and outputs of rtmlib's YOLOX and RTMPose, in a few nodes.

The first gives a box about what is red (over 200) in each half of the image, the second puts every
joint where the box is reddest, the last one nowhere.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE = 416  # of lightweight's person detector
WIDTH, HEIGHT = 192, 256
JOINTS = 17


class _Graph:
    def __init__(self):
        self.nodes, self.constants = [], []

    def __call__(self, operator, *inputs, **attributes):
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def constant(self, value, dtype=np.float32):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def whole(self, *value):
        return self.constant(value, np.int64)

    def save(self, path, shape, outputs):
        for name, old in outputs:
            self.nodes.append(helper.make_node("Identity", [old], [name]))
        given = [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)]
        got = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name, _ in outputs]
        graph = helper.make_graph(self.nodes, "tiny", given, got, self.constants)
        opsets = [helper.make_opsetid("", 17)]
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)


def save_person_detector(path: Path) -> None:
    """(1, 3, 416, 416), BGR from 0 to 255 -> boxes and scores (1, 2, 5)."""
    g = _Graph()
    red = g("Slice", "input", g.whole(2), g.whole(3), g.whole(1))
    bright = g("Cast", g("Greater", red, g.constant(200)), to=TensorProto.FLOAT)
    index = g.constant(np.arange(SIZE))
    boxes = []
    for half in (np.arange(SIZE) < SIZE // 2, np.arange(SIZE) >= SIZE // 2):
        there = g("Mul", bright, g.constant(half))
        ends = []
        for axis in (2, 3):
            line = g("Reshape", g("ReduceMax", there, axes=[axis]), g.whole(SIZE))
            last = g("ReduceMax", g("Mul", line, index))
            back = g("Mul", line, g("Sub", g.constant(SIZE), index))
            ends.append((g("Sub", g.constant(SIZE), g("ReduceMax", back)), last))
        (x1, x2), (y1, y2) = ends
        score = g("Reshape", g("ReduceMax", there), g.whole(1))
        boxes.append(g("Concat", x1, y1, x2, y2, score, axis=0))
    boxes = g("Reshape", g("Concat", *boxes, axis=0), g.whole(1, 2, 5))
    g.save(path, [1, 3, SIZE, SIZE], [("dets", boxes)])


def save_pose_network(path: Path) -> None:
    """(1, 3, 256, 192), BGR less a mean -> simcc (1, 17, 384) and (1, 17, 512)."""
    g = _Graph()
    red = g("Slice", "input", g.whole(2), g.whole(3), g.whole(1))
    weights = np.ones((1, JOINTS, 1))
    weights[:, -1] = 0
    outputs = []
    for name, axis, length in (("simcc_x", 2, WIDTH), ("simcc_y", 3, HEIGHT)):
        line = g("Reshape", g("ReduceMax", red, axes=[axis]), g.whole(1, 1, length))
        twice = g("Gather", line, g.constant(np.arange(2 * length) // 2, np.int64), axis=2)
        outputs.append((name, g("Mul", twice, g.constant(weights))))
    g.save(path, [1, 3, HEIGHT, WIDTH], outputs)
