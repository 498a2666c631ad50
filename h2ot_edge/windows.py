"""Cutting clips into windows and joining what comes out; numpy only.

A seq2seq model gives a pose for every frame of its window, so a clip is covered by windows that
share `overlap` frames, across which one window's poses fade linearly into the next one's. A
seq2frame model gives the pose of the window's centre frame, so every frame has its own window.
Frames before the first and after the last repeat those.

Nothing here grows with the clip but its result: windows are cut a batch at a time.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.card import ModelCard
from h2ot_edge.errors import UsageError
from h2ot_edge.spec import FloatArray

__all__ = ["WindowPlan", "checked_overlap"]

Indices = NDArray[np.int64]


def checked_overlap(card: ModelCard, overlap: int | None) -> int:
    """Frames that neighbouring windows share.

    The default is a ninth of the window: 27 frames of 243 are half a second at 50 frames a second,
    far longer than the step between two windows is visible, and cost 12.5 % more windows than
    none would. Half a window, which others use, costs 100 %.

    Raises:
        UsageError: if `overlap` is not between 0 and half the window, or given for seq2frame.
    """
    if card.mode == "seq2frame":
        if overlap is not None:
            raise UsageError(
                f"overlap: expected none, got {overlap}; a seq2frame model slides by one frame"
            )
        return 0
    if overlap is None:
        return card.frames // 9
    # Up to half a window no frame lies in three windows (but for those of the last one).
    if not 0 <= overlap <= card.frames // 2:
        raise UsageError(
            f"overlap: expected 0 to {card.frames // 2} frames, half a window, got {overlap}"
        )
    return overlap


@dataclass(frozen=True, kw_only=True)
class WindowPlan:
    """How n clips of t frames become windows of f, in batches, and poses again.

    Windows are numbered through: those of the first clip, then those of the second, ...

    A seq2seq clip shorter than a window sits in the middle of one, padded on both sides. The last
    window of a longer one ends with the clip, so it may share more than `overlap` frames.

    Attributes:
        clips: n.
        frames: t.
        window: f.
        overlap: frames that neighbouring windows share, at most half a window; seq2seq only.
        centred: a window for every frame (seq2frame) instead of covering windows (seq2seq).
        batch: most windows a call takes.
        least: fewest windows a call takes; one with fewer repeats its last window.
    """

    clips: int
    frames: int
    window: int
    overlap: int = 0
    centred: bool = False
    batch: int = 1
    least: int = 1

    @property
    def windows_per_clip(self) -> int:
        """Windows that one clip becomes."""
        if self.centred:
            return self.frames
        return -(-max(self.frames - self.window, 0) // self._stride) + 1

    def __len__(self) -> int:
        return self.clips * self.windows_per_clip

    @property
    def _stride(self) -> int:
        return 1 if self.centred else self.window - self.overlap

    def starts(self, windows: Indices) -> Indices:
        """First frame of each window, negative where a window begins before its clip."""
        numbers = windows % self.windows_per_clip
        if self.centred:
            return numbers - (self.window - 1) // 2
        if self.frames <= self.window:
            return numbers - (self.window - self.frames) // 2
        return np.minimum(numbers * self._stride, self.frames - self.window)

    def batches(self) -> Iterator[Indices]:
        """Yield the numbers of the windows of each call, never more than `batch`."""
        for first in range(0, len(self), self.batch):
            yield np.arange(first, min(first + self.batch, len(self)))

    def cut(self, keypoints: FloatArray, windows: Indices) -> FloatArray:
        """Copy windows out of clips.

        Args:
            keypoints: (n, t, j, c).
            windows: numbers from `batches`.

        Returns:
            (b, f, j, c), b the number of windows, or `least` if that is more.
        """
        windows = np.pad(windows, (0, max(self.least - len(windows), 0)), mode="edge")
        frames = self.starts(windows)[:, None] + np.arange(self.window)
        np.clip(frames, 0, self.frames - 1, out=frames)
        cut: FloatArray = keypoints[windows[:, None] // self.windows_per_clip, frames]
        return cut

    def join(self, poses: FloatArray, windows: Indices, out: FloatArray) -> None:
        """Write the poses of windows to their frames; batches must come in order.

        Args:
            poses: (b, f, j, 3), or (b, 1, j, 3) if centred; surplus windows are ignored.
            windows: numbers from `batches`.
            out: (n, t, j, 3), written to.
        """
        clips = windows // self.windows_per_clip
        if self.centred:
            out[clips, windows % self.windows_per_clip] = poses[: len(windows), 0]
            return
        starts = self.starts(windows)
        for window, clip, start, pose in zip(windows, clips, starts, poses, strict=False):
            self._fade_in(pose, int(window), int(start), out[clip])

    def mark(self, kept: Indices, windows: Indices, out: NDArray[np.bool_]) -> None:
        """Flag the frames of a clip that some window kept; what repeats an end is no frame of it.

        Args:
            kept: (b, k) or (1, k) frames of each window; surplus windows are ignored.
            windows: numbers from `batches`.
            out: (n, t), set to true there.
        """
        frames = self.starts(windows)[:, None] + kept[: len(windows)]
        clips = (windows // self.windows_per_clip)[:, None]
        if self.centred or self.frames < self.window:  # the others lie within their clips
            inside = (frames >= 0) & (frames < self.frames)
            frames, clips = frames[inside], np.broadcast_to(clips, frames.shape)[inside]
        out[clips, frames] = True

    def _fade_in(self, poses: FloatArray, window: int, start: int, out: FloatArray) -> None:
        """Write one window of `out` (t, j, 3) over what its predecessors wrote."""
        stop = min(start + self.window, self.frames)
        done = 0  # up to where the clip has been written
        if window % self.windows_per_clip:
            done = int(self.starts(np.array([window - 1]))[0]) + self.window
            shared = done - start
            rise = np.arange(1, shared + 1, dtype=np.float32)[:, None, None] / (shared + 1)
            faded = out[start:done]
            faded += (poses[:shared] - faded) * rise
        out[done:stop] = poses[done - start : stop - start]
