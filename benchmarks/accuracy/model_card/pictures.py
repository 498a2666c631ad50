"""Pictures of the frames that a page shows."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from h2ot_edge.benchmarks.accuracy.model_card.failures import PICTURES, Failure
from h2ot_edge.plot import plot_frame

__all__ = ["draw_failures"]


def draw_failures(failures: Sequence[Failure], folder: Path) -> None:
    """Draw keypoints, truth and answer of every frame into `folder`, one PNG each.

    Pictures of an earlier page that this one has not are removed.

    Args:
        failures: with names in `PICTURES`.
        folder: is made if it is not there.

    Raises:
        MissingExtra: if matplotlib is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in PICTURES:
        (folder / f"{name}.png").unlink(missing_ok=True)
    for failure in failures:
        lifted, frame = failure.lifted, failure.frame
        keypoints = lifted.clip.keypoints[frame]
        # What was not found has no place, and would stand at the picture's centre.
        seen = np.where(keypoints[:, 2:] > 0, keypoints, np.nan)
        plot_frame(
            seen,
            {"truth": lifted.truth[frame], "answer": lifted.poses[frame]},
            folder / f"{failure.name}.png",
            title=f"{lifted.clip.action}, frame {frame}: {failure.error_mm:.0f} mm",
        )
