"""What a model meets: windows to calibrate on, and the ranges that its tensors take on them."""

import contextlib
import io
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import onnx

from h2ot_edge._bars import Progress
from h2ot_edge._files import sha256_of
from h2ot_edge._names import require
from h2ot_edge.benchmarks.motion.walking_windows import walking_windows
from h2ot_edge.card import ModelCard
from h2ot_edge.clips import Clip, read_clip, read_clips
from h2ot_edge.errors import InputError
from h2ot_edge.keypoints import prepare_keypoints
from h2ot_edge.spec import FloatArray
from h2ot_edge.windows import WindowPlan

__all__ = [
    "METHODS",
    "Calibration",
    "Method",
    "batches",
    "calibration_of",
    "spans",
    "tensor_ranges",
]

Method = Literal["max", "percentile", "entropy"]
METHODS: tuple[Method, ...] = get_args(Method)

FEWEST, MOST = 32, 256
OWN_WINDOWS = 64
OWN_SEED = 0


@dataclass(frozen=True, eq=False)
class Calibration:
    """Windows to calibrate on.

    Attributes:
        windows: (n, f, 17, c) float32, as the model takes them.
        source: what they are, for the card.
    """

    windows: FloatArray
    source: dict[str, Any]


def calibration_of(
    paths: Sequence[Path], card: ModelCard, image_size: tuple[float, float] | None = None
) -> Calibration:
    """Cut clips into windows; without any clips, the project's own walks.

    Args:
        paths: clips, see `h2ot_edge.clips.read_clip`, and folders of such.
        card: of the model.
        image_size: (width, height) in pixels of clips that do not say it.

    Raises:
        InputError: a clip cannot be read, is no clip of this layout, or shows people in another
            range than the card says; or there are fewer than 32 windows.
    """
    if not paths:
        own = walking_windows(OWN_WINDOWS, card.frames, card.channels, seed=OWN_SEED)
        return Calibration(own, {"clips": "walking_windows", "seed": OWN_SEED, "windows": len(own)})
    # The same file may be named twice, by itself and by its folder.
    files = {file.resolve(): file for path in paths for file in _files(path)}.values()
    cut = [_windows_of(clip, card, file, image_size) for file in files for clip in _clips(file)]
    windows = np.concatenate(cut)
    if len(windows) < FEWEST:
        raise InputError(
            f"--calibration: expected at least {FEWEST} windows of {card.frames} frames, got "
            f"{len(windows)}; give more or longer clips"
        )
    if len(windows) > MOST:
        windows = windows[np.linspace(0, len(windows) - 1, MOST).astype(int)]
    names = {sha256_of(file): file.name for file in files}
    return Calibration(windows, {"clips": names, "windows": len(windows)})


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(p for p in path.iterdir() if p.suffix.lower() in (".npz", ".json"))
    if not files:
        raise InputError(f"{path}: expected clips in the folder, .npz or .json, found none")
    return files


def _clips(file: Path) -> list[Clip]:
    """Of tracked people the strongest: the others may be missing in some frames."""
    if file.suffix.lower() == ".npz":
        return read_clips(file)
    return [read_clip(file, allow_missing=False)]


def _windows_of(
    clip: Clip, card: ModelCard, file: Path, image_size: tuple[float, float] | None
) -> FloatArray:
    """All windows of a clip side by side, (n, f, 17, c)."""
    try:
        ready, _ = prepare_keypoints(clip.keypoints, card, clip.image_size or image_size)
    except InputError as error:
        raise InputError(f"{file}: {error}") from error
    _check_range(ready, card, file)
    frames = ready.shape[1]
    plan = WindowPlan(clips=1, frames=frames, window=card.frames, batch=MOST)
    return np.concatenate([plan.cut(ready, numbers) for numbers in plan.batches()])


def _check_range(keypoints: FloatArray, card: ModelCard, file: Path) -> None:
    """Raise for people who are mostly outside the picture, or hardly to be seen in it."""
    present = np.ones(keypoints.shape[:-1], bool)
    if card.channels == 3:
        present = keypoints[..., 2] > 0
    if not present.any():
        raise InputError(f"{file}: no joint has a confidence above 0; give clips that show people")
    across = keypoints[..., 0][present]
    outside = float(np.mean(np.abs(across) > 1.0))
    spread = float(keypoints[..., :2][present].std(axis=0).max())
    if outside > 0.2 or spread < 0.01:
        raise InputError(
            f"{file}: expected x from -1 to 1 across the picture, as the model's card says "
            f"({card.input.normalisation}), and people of a size to be seen; got "
            f"{outside:.0%} of the joints outside and a spread of {spread:.4f}; check the clip's "
            "image_size"
        )


def batches(windows: FloatArray, size: int | None) -> Iterator[FloatArray]:
    """Windows in calls of `size` (1 if it is free), the last one filled up with its last window."""
    size = size or 1
    for first in range(0, len(windows), size):
        part = windows[first : first + size]
        yield np.concatenate([part, np.repeat(part[-1:], size - len(part), axis=0)])


def tensor_ranges(
    model: onnx.ModelProto,
    calibration: Calibration,
    method: Method,
    *,
    operators: Sequence[str] | None = None,
    progress: Progress = lambda done, total: None,
) -> Any:
    """Run the model on all windows and keep what its tensors' values span.

    Args:
        model: float32.
        calibration: the windows.
        method: `max` takes the extremes, `percentile` all but 0.001 % of the values, `entropy`
            the range that loses least information.
        operators: only tensors that these take or give; None for all.
        progress: told the windows done.

    Returns:
        ONNX Runtime's `TensorsData`: a mapping of name to an entry with `range_value`.
    """
    library = require("onnxruntime.quantization", "precision")
    kinds = {"max": "MinMax", "percentile": "Percentile", "entropy": "Entropy"}
    size = model.graph.input[0].type.tensor_type.shape.dim[0].dim_value or None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        onnx.save(model, path)
        calibrator = library.create_calibrator(
            path,
            operators,
            augmented_model_path=str(Path(folder) / "watched.onnx"),
            calibrate_method=library.CalibrationMethod[kinds[method]],
            extra_options={"symmetric": True},
        )
        calls = list(batches(calibration.windows, size))
        for done, batch in enumerate(calls, 1):
            # One call at a time: the library keeps every tensor of what it is given at once.
            with contextlib.redirect_stdout(io.StringIO()):  # it prints
                calibrator.collect_data(_Reader([{"keypoints": batch}]))
            progress(done, len(calls))
        with contextlib.redirect_stdout(io.StringIO()):
            return calibrator.compute_data()


class _Reader:
    """What the library reads from."""

    def __init__(self, inputs: list[dict[str, FloatArray]]) -> None:
        self._inputs = iter(inputs)

    def get_next(self) -> dict[str, FloatArray] | None:
        return next(self._inputs, None)


def spans(ranges: Any) -> dict[str, tuple[float, float]]:
    """Lowest and highest value by tensor, of what `tensor_ranges` gave."""
    found = {}
    for name, entry in ranges.items():
        low, high = (np.asarray(bound).reshape(-1) for bound in entry.range_value)
        found[name] = (float(low.min()), float(high.max()))
    return found
