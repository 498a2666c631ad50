"""From clips to poses: windows are cut, run and joined again."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge._bars import Progress
from h2ot_edge._checks import check_finite, check_windows
from h2ot_edge._on_device import borrow_for_thread, infer_on_device
from h2ot_edge.backends import Backend
from h2ot_edge.card import ModelCard
from h2ot_edge.cuda.arrays import is_device_array
from h2ot_edge.errors import UsageError
from h2ot_edge.keypoints import prepare_keypoints
from h2ot_edge.spec import FloatArray
from h2ot_edge.windows import WindowPlan, checked_overlap

__all__ = ["Lifting"]


class Lifting:
    """How a model lifts clips; see `Engine.infer`.

    Attributes:
        overlap: frames that neighbouring windows share; 0 for seq2frame.
        batch: most windows of a call.
    """

    def __init__(
        self, backend: Backend, card: ModelCard, overlap: int | None, max_batch: int
    ) -> None:
        if max_batch < 1:
            raise UsageError(f"max_batch: expected at least 1, got {max_batch}")
        self.overlap = checked_overlap(card, overlap)
        self._backend = backend
        self._card = card
        self._least, most = backend.batch_range
        self.batch = max(self._least, min(max_batch, most or max_batch))

    def plan(self, clips: int, frames: int) -> WindowPlan:
        """The windows of `clips` clips of `frames` frames each."""
        return WindowPlan(
            clips=clips,
            frames=frames,
            window=self._card.frames,
            overlap=self.overlap,
            centred=self._card.mode == "seq2frame",
            batch=self.batch,
            least=self._least,
        )

    def infer(
        self, keypoints: Any, image_size: Sequence[float] | None, progress: Progress | None
    ) -> Any:
        """Lift clips of the host, or windows of the GPU."""
        if is_device_array(keypoints):
            lifted = infer_on_device(self._backend, self._card, keypoints, image_size)
            if progress is not None:
                windows = lifted.shape[0] if lifted.ndim == 4 else 1
                progress(windows, windows)
            return lifted
        clips, batched = prepare_keypoints(keypoints, self._card, image_size)
        poses = self._lift(clips, progress)
        return poses if batched else poses[0]

    def for_thread(self, keypoints: Any) -> Any:
        """What another thread gives to `infer`."""
        if is_device_array(keypoints):
            return borrow_for_thread(keypoints, self._backend)
        return keypoints

    def run(self, windows: FloatArray) -> dict[str, NDArray[Any]]:
        """Run the model once on windows of the host."""
        check_windows(self._card.input.name, windows, self._backend)
        return self._backend.run({self._card.input.name: windows})

    def _lift(self, clips: FloatArray, progress: Progress | None) -> FloatArray:
        plan = self.plan(clips.shape[0], clips.shape[1])
        out = np.empty((*clips.shape[:3], 3), np.float32)
        for windows in plan.batches():
            poses = self.run(plan.cut(clips, windows))[self._card.output.name]
            check_finite(poses, int(windows[0]))
            plan.join(poses, windows, out)
            if progress is not None:
                progress(int(windows[-1]) + 1, len(plan))
        return out
