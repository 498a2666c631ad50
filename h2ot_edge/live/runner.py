"""Running windows of many streams in one call of the model."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from h2ot_edge._checks import check_finite
from h2ot_edge.live.options import LiveOptions
from h2ot_edge.spec import FloatArray

if TYPE_CHECKING:
    from h2ot_edge._inference import Inference

__all__ = ["Runner"]


class Runner:
    """Takes windows as they are due and gives the poses that are wanted of them.

    Attributes:
        batch: most windows of a call.
    """

    def __init__(self, engine: "Inference", options: LiveOptions) -> None:
        card = engine.card
        options.check(card)
        self._engine = engine
        self._least, self.batch = engine.batch_range
        # The oldest of the wanted ones is `delay` frames before the last of the window.
        first = 0 if card.mode == "seq2frame" else card.frames - 1 - options.delay
        self._wanted = slice(first, first + options.hop)

    def run(self, windows: Sequence[FloatArray]) -> FloatArray:
        """Run 1 to `batch` windows (f, 17, C).

        Returns:
            (b, hop, 17, 3) float32, the poses that are handed out.

        Raises:
            OutputError: the model gave NaN or infinity.
            DeviceError: the device failed.
            EngineClosed: the engine was closed.
        """
        fed = windows[0][None] if len(windows) == 1 else np.stack(windows)
        if len(windows) < self._least:
            fed = np.concatenate([fed, np.repeat(fed[-1:], self._least - len(windows), axis=0)])
        outputs = self._engine.run_windows(fed)
        poses: FloatArray = outputs[self._engine.card.output.name][: len(windows), self._wanted]
        check_finite(poses, 0)
        return poses
