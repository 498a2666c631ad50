"""Keypoints of a detector to Human3.6M's joints, a frame at a time."""

import numpy as np

from h2ot_edge._names import look_up
from h2ot_edge.layouts import LAYOUTS, Layout
from h2ot_edge.skeleton import JOINTS
from h2ot_edge.spec import FloatArray

__all__ = ["Converter", "converter_of"]


class Converter:
    """`h2ot_edge.layouts.h36m_from` for one frame, all joints at once.

    Joints that are missing there are so here, but hold other numbers: a confidence of 0, or NaN or
    infinity somewhere.

    Attributes:
        layout: where the joints come from.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        rules = [layout.sources[joint] for joint in JOINTS]
        sources = [[layout.joints.index(source) for source in rule] for rule in rules]
        self._first = np.array([found[0] for found in sources])
        self._mixed = np.array([joint for joint in range(len(JOINTS)) if len(rules[joint]) > 1])
        most = max(len(rule) for rule in rules)
        # Rules that are shorter than the longest repeat their first source, which weighs nothing.
        self._sources = np.array(
            [sources[j] + sources[j][:1] * (most - len(rules[j])) for j in self._mixed], np.int64
        )
        self._weights = np.array(
            [[*rules[j].values()] + [0.0] * (most - len(rules[j])) for j in self._mixed], np.float32
        )[..., None]

    def __call__(self, frame: FloatArray) -> FloatArray:
        """(n, 2|3) -> a new (17, 2|3)."""
        taken: FloatArray = frame[self._first]
        if not len(self._mixed):
            return taken
        sources = frame[self._sources]
        with np.errstate(invalid="ignore"):
            taken[self._mixed, :2] = np.add.reduce(sources[..., :2] * self._weights, axis=1)
            if frame.shape[1] == 3:
                least = np.minimum.reduce(sources[..., 2], axis=1)
                taken[self._mixed, 2] = np.maximum(least, 0)
        return taken


def converter_of(layout: str | None) -> Converter | None:
    """That of a layout by its name; None where there is nothing to convert.

    Raises:
        UnknownName: no such layout.
    """
    found = None if layout is None else look_up("layout", layout, LAYOUTS)
    return None if found is None or found.joints == JOINTS else Converter(found)
