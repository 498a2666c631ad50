"""What the tests of live streams share: a clock that is set by hand, frames, and windows."""

import numpy as np
import pytest
from tiny_models import save_tiny, tiny_card

from h2ot_edge import live
from h2ot_edge.engine import Engine

FRAMES = 9


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def frames(count, seed=0, channels=3):
    made = np.random.default_rng(seed).uniform(-1, 1, (count, 17, channels))
    if channels == 3:
        made[..., 2] = 0.5 + np.abs(made[..., 2]) / 2
    return made.astype(np.float32)


def load(tmp_path, **changes):
    options = {name: changes.pop(name) for name in ("max_batch",) if name in changes}
    return Engine.load(
        save_tiny(tmp_path / "tiny.onnx", tiny_card(**changes)), threads=1, **options
    )


def window(clip, newest, length=FRAMES):
    """(f, 17, C) that ends with a frame, the first frame repeated before it."""
    return clip[np.clip(np.arange(newest - length + 1, newest + 1), 0, None)]


def run(engine, clip, newest):
    """(f, 17, 3) of that window."""
    return engine.run_windows(window(clip, newest, engine.card.frames)[None])["poses"][0]


CLIP = frames(40)


def stream(engine, **options):
    """By a clock that stands, so that a busy machine makes no gaps."""
    return live.stream(engine, **{"clock": Clock(), **options})


def answers(made, clip, **changes):
    return [made.push(frame, **changes) for frame in clip]


def refused(error, call, *args, **kwargs):
    with pytest.raises(error) as caught:
        call(*args, **kwargs)
    return str(caught.value)
