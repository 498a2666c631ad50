"""How long models take for a window of a real clip."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from h2ot_edge.benchmarks.latency import Latency, in_turns
from h2ot_edge.benchmarks.motion.labelled import LabelledClip
from h2ot_edge.engine import Engine
from h2ot_edge.keypoints import prepare_keypoints
from h2ot_edge.windows import WindowPlan

__all__ = ["window_latencies"]


def window_latencies(
    models: Mapping[str, Path],
    clip: LabelledClip,
    *,
    threads: Sequence[int],
    rounds: int,
    backend: str = "auto",
    device: str = "cpu",
) -> dict[str, dict[int, Latency]]:
    """Time one call of each model on the beginning of a clip, all in turns.

    Not on noise: what a pruner does, and so what it costs, may depend on what it sees. Inside the
    clock: `Engine.run_windows`, prepared host array in to host array out, of one window, or of
    copies of it if the model takes more at a time.

    Args:
        models: ONNX files by name.
        clip: its keypoints are fed.
        threads: CPU threads, each of which makes an engine of its own.
        rounds: of timing.
        backend: as `Engine.load`.
        device: as `Engine.load`.

    Returns:
        By name and threads.

    Raises:
        ModelFileError, MissingExtra, UnknownName, DeviceUnavailable, UsageError: as `Engine.load`.
        InputError: as `Engine.infer`.
    """
    pairs = [(name, count) for name in models for count in threads]
    with ExitStack() as opened:
        calls = {}
        for name, count in pairs:
            engine = Engine.load(models[name], backend=backend, device=device, threads=count)
            calls[f"{name} {count}"] = _call(opened.enter_context(engine), clip)
        times = in_turns(calls, rounds=rounds)
    return {name: {count: times[f"{name} {count}"] for count in threads} for name in models}


def _call(engine: Engine, clip: LabelledClip) -> Callable[[], object]:
    card = engine.card
    ready, _ = prepare_keypoints(clip.keypoints, card, clip.image_size)
    batch = card.batch or 1
    plan = WindowPlan(clips=1, frames=ready.shape[1], window=card.frames, batch=batch, least=batch)
    windows = plan.cut(ready, next(plan.batches())[:1])
    return lambda: engine.run_windows(windows)
