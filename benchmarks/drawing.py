"""What drawing a frame costs: `taskset -c 0 python -m h2ot_edge.benchmarks.drawing`.

Inside the clock: all that `draw_keypoints` and `draw_caption`, or `SideBySide.draw` with the
caption, do for a frame of 1920 x 1080, on one thread of OpenCV. Of the overlay that is a copy of
the frame, too, as every frame is a new one; of side by side it is making it smaller. Outside:
decoding, and `SideBySide` itself, which is made once.

People are of the sample walk, one or two of them as high as the frame, 50 in five rows, their
skeletons as high as a row. Every seventh joint is uncertain, and faint.
"""

import argparse
import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.benchmarks.accuracy.tables import table
from h2ot_edge.benchmarks.latency import Call, Latency, in_blocks
from h2ot_edge.drawing import SideBySide, draw_caption, draw_keypoints
from h2ot_edge.sample import sample_clip
from h2ot_edge.video.opencv import require_cv2

__all__ = ["PEOPLE", "calls_of", "crowd", "main", "measure"]

LIMIT_MS = 15.0
"""A frame of 1080p on one core."""

PEOPLE = (1, 2, 50)

_SIZE = 1920, 1080
_CAPTION = "frame 123   4.10 s   motionbert-s"

Array = NDArray[np.float32]


def crowd(people: int) -> tuple[Array, Array]:
    """Walkers side by side, up to four in a row that is as high as the frame, more in rows.

    Returns:
        (n, 17, 3) keypoints, pixels and confidence, and (n, 17, 3) poses about the hip, metres.
    """
    clip = sample_clip()
    chosen = np.linspace(0, len(clip.poses) - 1, people).round().astype(int)
    keypoints, poses = clip.keypoints[chosen].copy(), clip.poses[chosen]
    columns = people if people < 5 else round(np.sqrt(2 * people))
    rows = -(-people // columns)
    cell = np.array([_SIZE[0] / columns, _SIZE[1] / rows])
    places = np.stack([np.arange(people) % columns, np.arange(people) // columns], axis=-1)
    flat = keypoints[..., :2]
    low, high = flat.min(axis=1, keepdims=True), flat.max(axis=1, keepdims=True)
    zoom = 0.9 * cell[1] / (high - low)[..., 1:]
    keypoints[..., :2] = (flat - (low + high) / 2) * zoom + ((places + 0.5) * cell)[:, None]
    keypoints[..., 2] = np.where(np.arange(people * 17).reshape(people, 17) % 7, 0.9, 0.1)
    return keypoints, poses - poses[:, :1]


def measure(people: Sequence[int], seconds: float) -> dict[str, Latency]:
    """Time overlay and side by side for each number of people, each for about so many seconds."""
    calls: dict[str, Call] = {}
    for count in people:
        calls |= calls_of(count)
    return {
        name: Latency.of(timed.samples_ns)
        for name, timed in in_blocks(calls, seconds=seconds).items()
    }


def calls_of(people: int) -> dict[str, Call]:
    """What is timed for so many people, by name."""
    keypoints, poses = crowd(people)
    image = np.random.default_rng(0).integers(0, 256, (*_SIZE[::-1], 3), np.uint8)
    ids, side_by_side = list(range(1, people + 1)), SideBySide(_SIZE)

    def overlay() -> None:
        frame = image.copy()
        draw_keypoints(frame, keypoints, ids)
        draw_caption(frame, _CAPTION)

    def beside() -> None:
        side_by_side.draw(image, keypoints, poses, ids, _CAPTION)

    words = "1 person" if people == 1 else f"{people} people"
    return {f"overlay, {words}": overlay, f"side by side, {words}": beside}


def main(argv: Sequence[str] | None = None) -> int:
    """Print a table; 1 if a median is over the limit."""
    parser = argparse.ArgumentParser(description="Time drawing a frame of 1080p on one thread.")
    parser.add_argument("--seconds", type=float, default=5.0, help="about how long each is timed")
    seconds = parser.parse_args(argv).seconds
    require_cv2().setNumThreads(1)
    times = measure(PEOPLE, seconds)
    rows = [[n, f"{t.median_ms:.2f}", f"{t.p99_ms:.2f}", str(t.calls)] for n, t in times.items()]
    sys.stdout.write(table(["1080p", "p50, ms", "p99, ms", "frames"], rows, words=1))
    slow = [name for name, time in times.items() if not time.median_ms <= LIMIT_MS]
    sys.stdout.write(f"over {LIMIT_MS:g} ms: {'; '.join(slow) or 'none'}\n")
    return bool(slow)


if __name__ == "__main__":
    sys.exit(main())
