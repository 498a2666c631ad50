"""What a live stream pays for low latency: errors near the newest frame of a window."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.benchmarks.accuracy.bars import COLOURS
from h2ot_edge.benchmarks.accuracy.metrics import mpjpe, root_relative
from h2ot_edge.benchmarks.accuracy.study.pieces import Document, Piece
from h2ot_edge.benchmarks.accuracy.study.setting import Study
from h2ot_edge.benchmarks.accuracy.tables import cells, labels, table
from h2ot_edge.benchmarks.motion.labelled import LabelledClip
from h2ot_edge.engine import Engine
from h2ot_edge.errors import InputError
from h2ot_edge.plot import new_figure, save_png

__all__ = ["look_ahead", "look_aheads", "pieces", "plot", "section"]

PICTURE = "lookahead.png"

_METRICS = ("mpjpe", "mpjve")
_FPS = 50.0

Array = NDArray[np.float64]


def look_aheads(frames: int) -> list[int]:
    """Frames between an output and the newest input that are tried, for windows of `frames`."""
    half = frames // 2
    return sorted({k for k in (0, 1, 2, 4, 8, 16, half) if k <= half})


def pieces(study: Study) -> list[Piece]:
    """The default model and its twin."""
    return [
        Piece(
            name=_name(model),
            inputs=study.inputs(model, stride=study.stride),
            measure=lambda model=model: look_ahead(  # type: ignore[misc]
                study.engine(model), study.clips, stride=study.stride
            ),
        )
        for model in study.pair
    ]


def look_ahead(engine: Engine, clips: Sequence[LabelledClip], *, stride: int) -> dict[str, Any]:
    """Errors at output positions near the end of a window, as a stream would take them.

    Pairs of windows that end at frames i and i + 1 are taken every `stride` frames. A window
    reaches back f frames, so none begins before its clip and clips of f frames or fewer have none:
    this is a stream that has been running for a while.

    Args:
        engine: a seq2seq model.
        clips: as for `evaluate`.
        stride: frames between pairs.

    Returns:
        `pairs`, how many windows were compared with the one after; `frames`, the k that were
        tried; and for each k `mpjpe` of output f - 1 - k in both windows, millimetres, and
        `mpjve`, millimetres a frame: how far its change from one window to the next, which is
        what a viewer sees as jitter, is from the true one.

    Raises:
        InputError: no clip is longer than a window.
    """
    tried = look_aheads(engine.card.frames)
    rows = [row for clip in clips for row in _of_clip(engine, clip, tried, stride)]
    if not rows:
        raise InputError(
            f"look-ahead: expected a clip of more than {engine.card.frames} frames, a window and "
            f"the frame after it, got {len(clips)} shorter ones; give longer ones"
        )
    figures = np.array(rows).mean(axis=0)
    return {
        "pairs": len(rows),
        "frames": tried,
        "mpjpe": figures[0].tolist(),
        "mpjve": figures[1].tolist(),
    }


def section(study: Study, found: Mapping[str, Document]) -> str:
    """The text."""
    pairs = ", ".join(f"{found[_name(model)]['pairs']} of {model}" for model in study.pair)
    prose = (
        "A stream that shows frame t as soon as it has come takes the window's last output; one "
        "that waits for k frames more takes output f - 1 - k and knows what happened next. MPJVE "
        "here is of the outputs of two windows one frame apart, at the same k, so it is the "
        "jitter a viewer sees, and not to be compared with that of `Engine.infer`, whose "
        "neighbouring frames come from the same window. Pairs of windows are taken every "
        f"{study.stride} frames ({pairs}); windows that would begin before their clip are left "
        "out, so the first moments of a stream are "
        "not in these figures. Milliseconds are those of waiting at 50 frames a second, without "
        "the model's own time.\n"
    )
    picture = f"![errors over look-ahead]({PICTURE})\n"
    return "\n".join(["## Look-ahead\n", prose, _table(study, found), picture])


def plot(study: Study, found: Mapping[str, Document], folder: Path) -> None:
    """Draw both errors over the look-ahead."""
    figure = new_figure(11, 4.5)
    for place, metric in enumerate(_METRICS, start=1):
        axes = figure.add_subplot(1, 2, place)
        for number, model in enumerate(study.pair):
            figures = found[_name(model)]
            axes.plot(figures["frames"], figures[metric], "o-", color=COLOURS[number], label=model)
        axes.set_xlabel("look-ahead, frames")
        axes.set_ylabel(labels([metric])[0])
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        axes.legend(loc="lower right")
    save_png(figure, folder / PICTURE)


def _name(model: str) -> str:
    return f"lookahead/{model}"


def _of_clip(
    engine: Engine, clip: LabelledClip, tried: Sequence[int], stride: int
) -> Iterator[Array]:
    """(2, k) MPJPE and MPJVE of each pair of windows."""
    window = engine.card.frames
    ends = np.arange(window - 1, len(clip.truth) - 1, stride)
    if not len(ends):
        return
    now, after = (_windows(engine, clip, last) for last in (ends, ends + 1))
    truth = root_relative(clip.truth)
    columns = []
    for k in tried:
        at = window - 1 - k
        true_now, true_after = truth[ends - k], truth[ends + 1 - k]
        error = (mpjpe(now[:, at], true_now) + mpjpe(after[:, at], true_after)) / 2
        jitter = mpjpe(after[:, at] - now[:, at], true_after - true_now)
        columns.append(np.stack([error.mean(axis=1), jitter.mean(axis=1)], axis=1))
    yield from np.stack(columns, axis=-1)


def _windows(engine: Engine, clip: LabelledClip, ends: NDArray[np.int64]) -> Array:
    """(n, f, 17, 3) about the root; a clip as long as a window is one window to the engine."""
    window = engine.card.frames
    frames = ends[:, None] - window + 1 + np.arange(window)
    # Nothing is filled in, as in `evaluation`.
    poses = engine.infer(clip.keypoints[frames], image_size=clip.image_size, on_missing=None)
    return root_relative(np.asarray(poses))


def _table(study: Study, found: Mapping[str, Document]) -> str:
    rows = []
    for model in study.pair:
        figures = found[_name(model)]
        for place, k in enumerate(figures["frames"]):
            values = {metric: figures[metric][place] for metric in _METRICS}
            rows.append([model, str(k), f"{1e3 * k / _FPS:.0f}", *cells(values, _METRICS)])
    head = ["model", "look-ahead, frames", "ms at 50 fps", *labels(_METRICS)]
    return table(head, rows, words=1)
