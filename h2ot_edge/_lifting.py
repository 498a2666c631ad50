"""From clips to poses: windows are cut, run and joined again."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from h2ot_edge._bars import Progress
from h2ot_edge._checks import check_finite, check_windows
from h2ot_edge._gaps import BoolArray, seen_in
from h2ot_edge._kept import KeptTokens, kept_of_source
from h2ot_edge._on_device import borrow_for_thread, infer_on_device
from h2ot_edge.backends import Backend
from h2ot_edge.card import ModelCard
from h2ot_edge.cuda.arrays import is_device_array
from h2ot_edge.errors import UsageError
from h2ot_edge.keypoints import as_keypoints, checked_size, prepare_keypoints
from h2ot_edge.layouts import h36m_from
from h2ot_edge.missing import MAX_GAP_S, POLICIES, Filled, blanked, fill_missing
from h2ot_edge.poses import Poses
from h2ot_edge.rates import Resampling, Times, frame_times, rate_of, same_rate, trained_fps
from h2ot_edge.spec import FloatArray
from h2ot_edge.windows import WindowPlan, checked_overlap

__all__ = ["ClipOptions", "Lifting"]


_NOTHING = np.zeros(0)
_NOWHERE = Resampling(_NOTHING, _NOTHING)


@dataclass(frozen=True, kw_only=True)
class ClipOptions:
    """What `Engine.infer` is told of clips; see there."""

    image_size: Sequence[float] | None = None
    layout: str | None = None
    fps: float | None = None
    timestamps: ArrayLike | None = None
    on_missing: str | None = "interpolate"
    max_gap_s: float | None = None

    def check_for_device(self) -> None:
        """Refuse what is done on the host only; nothing is filled in there by default either.

        Raises:
            UsageError: naming the first such option.
        """
        for field in fields(self):
            given = getattr(self, field.name)
            # Only of a string: an array of timestamps is compared element by element.
            default = given is None or (isinstance(given, str) and given == field.default)
            if field.name != "image_size" and not default:
                raise UsageError(
                    f"{field.name}: arrays on a GPU are taken as they are; leave it out, or give "
                    "numpy arrays"
                )


class Lifting:
    """How a model lifts clips; see `Engine.infer`.

    Attributes:
        overlap: frames that neighbouring windows share; 0 for seq2frame.
        least, batch: fewest and most windows of a call.
    """

    def __init__(
        self, backend: Backend, card: ModelCard, overlap: int | None, max_batch: int
    ) -> None:
        if max_batch < 1:
            raise UsageError(f"max_batch: expected at least 1, got {max_batch}")
        self.overlap = checked_overlap(card, overlap)
        self._backend = backend
        self._card = card
        self._kept = KeptTokens(card)
        self.least, most = backend.batch_range
        self.batch = max(self.least, min(max_batch, most or max_batch))

    def plan(self, clips: int, frames: int) -> WindowPlan:
        """The windows of `clips` clips of `frames` frames each."""
        return WindowPlan(
            clips=clips,
            frames=frames,
            window=self._card.frames,
            overlap=self.overlap,
            centred=self._card.mode == "seq2frame",
            batch=self.batch,
            least=self.least,
        )

    def infer(self, keypoints: Any, clip: ClipOptions, progress: Progress | None) -> Any:
        """Lift clips of the host, or windows of the GPU."""
        if is_device_array(keypoints):
            clip.check_for_device()
            lifted = infer_on_device(self._backend, self._card, keypoints, clip.image_size)
            if progress is not None:
                windows = lifted.shape[0] if lifted.ndim == 4 else 1
                progress(windows, windows)
            return lifted
        if clip.layout is not None:
            keypoints = h36m_from(keypoints, clip.layout)
        return self._infer(as_keypoints(keypoints), clip, progress)

    def _infer(self, keypoints: FloatArray, clip: ClipOptions, progress: Progress | None) -> Poses:
        times = frame_times(keypoints.shape[-3], fps=clip.fps, timestamps=clip.timestamps)
        filled = _filled(keypoints, times, clip)
        way = self._way(times, clip.fps)
        if clip.on_missing is None and not way.identity:
            _refuse_holes(keypoints)
        moved, _ = way.keypoints(_confident(filled.keypoints, way), filled.valid)
        clips, batched = prepare_keypoints(moved, self._card, clip.image_size)
        lifted, kept = self._lift(clips, progress)
        positions = way.back(lifted if batched else lifted[0])
        if kept is not None:
            kept = kept_of_source(kept, way)
        if clip.on_missing == "nan":
            positions = blanked(positions, filled.valid)
        output = self._card.output
        return Poses(
            positions=positions,
            unit=output.unit,
            axes=output.axes,
            fps=_rate(times, clip.fps),
            timestamps=times,
            valid=filled.valid,
            confidence=_confidence(filled),
            filters=() if way.identity else (f"lifted at {trained_fps(self._card):g} fps",),
            kept=kept if kept is None or batched else kept[0],
        )

    def _way(self, times: Times | None, fps: float | None) -> Resampling:
        """From the source's times to the rate of the training, as far as both are known."""
        trained = trained_fps(self._card)
        if times is None or trained is None:
            return _NOWHERE
        # Known without a look at the times, as of every window of an app.
        if fps is not None and same_rate(fps, trained):
            return _NOWHERE
        return Resampling.to(times, trained)

    def for_thread(self, keypoints: Any) -> Any:
        """What another thread gives to `infer`."""
        if is_device_array(keypoints):
            return borrow_for_thread(keypoints, self._backend)
        return keypoints

    def run(self, windows: FloatArray) -> dict[str, NDArray[Any]]:
        """Run the model once on windows of the host."""
        check_windows(self._card.input.name, windows, self._backend)
        return self._backend.run({self._card.input.name: windows})

    def _lift(
        self, clips: FloatArray, progress: Progress | None
    ) -> tuple[FloatArray, BoolArray | None]:
        """(n, t, 17, 3), and (n, t) whether a frame's token was kept, if that is known."""
        plan = self.plan(clips.shape[0], clips.shape[1])
        out = np.empty((*clips.shape[:3], 3), np.float32)
        kept = np.zeros(clips.shape[:2], np.bool_) if self._kept.known else None
        for windows in plan.batches():
            outputs = self.run(plan.cut(clips, windows))
            poses = outputs[self._card.output.name]
            check_finite(poses, int(windows[0]))
            plan.join(poses, windows, out)
            if kept is not None:
                plan.mark(self._kept.of(outputs), windows, kept)
            if progress is not None:
                progress(int(windows[-1]) + 1, len(plan))
        return out, kept


def _filled(keypoints: FloatArray, times: Times | None, clip: ClipOptions) -> Filled:
    """Keypoints with what is missing filled in, unless they are to be taken as they are."""
    if clip.on_missing is None:
        if clip.max_gap_s is not None:
            raise UsageError(
                "max_gap_s: says nothing with on_missing=None, which fills in nothing; leave one "
                "of them out"
            )
        seen = seen_in(keypoints)
        return Filled(keypoints=keypoints, seen=seen, valid=seen)
    if clip.on_missing in POLICIES and clip.max_gap_s is None and _complete(keypoints):
        seen = _all_of(keypoints)
        return Filled(keypoints=keypoints, seen=seen, valid=seen)
    longest = clip.max_gap_s
    if longest is None and times is not None:
        longest = MAX_GAP_S
    return fill_missing(
        keypoints,
        on_missing=clip.on_missing,
        max_gap_s=longest,
        times=times,
        centre=_centre(clip.image_size),
    )


def _refuse_holes(keypoints: FloatArray) -> None:
    """Between a joint and none there is nothing to resample.

    Raises:
        UsageError: a joint is missing.
    """
    if not _complete(keypoints):
        raise UsageError(
            "on_missing=None: joints are missing, and the clip has another frame rate than the "
            "training, to which they would have to be resampled; leave out fps and timestamps, or "
            "name a policy, such as on_missing='interpolate'"
        )


def _all_of(keypoints: FloatArray) -> BoolArray:
    return np.ones(keypoints.shape[:-1], np.bool_)


def _complete(keypoints: FloatArray) -> bool:
    """Whether nothing is missing, as of most clips; told without a mask as long as the clip."""
    if keypoints.shape[-1] == 3 and not keypoints[..., 2].min() > 0:
        return False
    # Any NaN or infinity is in the sum. That of absurd keypoints overflows, and fill_missing looks.
    with np.errstate(invalid="ignore", over="ignore"):
        return math.isfinite(keypoints.sum())


def _confident(keypoints: FloatArray, way: Resampling) -> FloatArray:
    """With the third channel that resampling fades."""
    if way.identity or keypoints.shape[-1] == 3:
        return keypoints
    return np.concatenate([keypoints, np.ones_like(keypoints[..., :1])], axis=-1)


def _confidence(filled: Filled) -> FloatArray:
    """Of the observations; 0 where there is none."""
    if filled.keypoints.shape[-1] == 2:
        return filled.seen.astype(np.float32)
    confidence: FloatArray = filled.keypoints[..., 2] * filled.seen  # where() takes twice as long
    return confidence


def _centre(image_size: Sequence[float] | None) -> tuple[float, float]:
    """Of the picture, in the unit of the keypoints."""
    if image_size is None:
        return 0.0, 0.0
    width, height = checked_size(image_size)
    return width / 2, height / 2


def _rate(times: Times | None, fps: float | None) -> float | None:
    if times is None or fps is not None or len(times) < 2:
        return fps
    return rate_of(times)
