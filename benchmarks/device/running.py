"""Steps that run engines on the GPU."""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.benchmarks.device.setting import CLIP, Found, NotPossible, Setting, command
from h2ot_edge.benchmarks.inputs import copied_to_device, windows_of
from h2ot_edge.benchmarks.latency import in_turns
from h2ot_edge.benchmarks.millimetres import millimetres_per_unit
from h2ot_edge.clips import Clip, read_clip
from h2ot_edge.cuda import Cuda, open_cuda
from h2ot_edge.engine import Engine
from h2ot_edge.spec import FloatArray

__all__ = ["agree", "bench", "bindings", "device_arrays", "latency", "memory", "threads"]

THREADS = 4
LOADS = 20

MOST_MM: Mapping[str, float] = {"fp32": 0.5, "fp16": 1.0, "int8": 3.0}
"""How far a joint may be from ONNX Runtime's float32 on average. Float16 as emulated on a CPU
drifts by 0.23 mm and int8 by 0.72 (docs/precision.md); TensorRT multiplies float32 as TF32, which
has the digits of float16. Two to four times that is allowed."""

MOST_MIB = 32.0
"""What may go: a call that keeps 4 kB takes 39 MiB in 10 000 calls; other processes take some."""


def agree(target: str, precision: str, setting: Setting) -> Found:
    """Poses of an engine against ONNX Runtime's, in millimetres; frames that it keeps."""
    clip = read_clip(CLIP)
    with _opened(setting, target, precision) as engine, _reference(setting) as reference:
        expected = _lifted(reference, clip)
        far = np.linalg.norm(_lifted(engine, clip) - expected, axis=-1)
        far *= millimetres_per_unit(expected, engine.card.output.unit)
        kept, differ = _kept(engine, reference, clip)
    figures = {"mean_mm": float(far.mean()), "worst_mm": float(far.max())}
    figures |= {"kept": kept, "kept_differ": differ, "most_mm": MOST_MM[precision]}
    line = f"mean {far.mean():.3g} mm, worst {far.max():.3g} mm from float32 on the CPU"
    line += f"; {differ} of {kept} kept frames differ" if kept else ""
    # Not `>`: poses that are NaN are not close.
    if not far.mean() <= MOST_MM[precision]:
        raise AssertionError(f"{line}; expected {MOST_MM[precision]} mm on average or less")
    return Found(line, figures)


def latency(target: str, setting: Setting) -> Found:
    """All engines in turns, with and without a CUDA graph: host array in to host arrays out."""
    with ExitStack() as stack:
        calls: dict[str, Callable[[], object]] = {}
        for precision in setting.built(target):
            for graph in (False, True):
                engine = _opened(setting, target, precision, cuda_graph=graph)
                stack.enter_context(engine)
                name = f"{precision} {'with' if graph else 'without'} graph"
                calls[name] = partial(engine.run_windows, _windows(engine, 1)[0])
        times = in_turns(calls, rounds=setting.rounds, warmup=20, pause_s=0.0)
    told = (f"{name} {time.median_ms:.3f} ({time.p99_ms:.3f})" for name, time in times.items())
    return Found(
        f"median (p99) in ms: {', '.join(told)}", {name: asdict(t) for name, t in times.items()}
    )


def bench(target: str, setting: Setting) -> Found:
    """`h2ot-bench` on all engines: its document, as `h2ot-bench report` and `submit` read it."""
    engines = [str(path) for path in setting.built(target).values()]
    options = ["--device", setting.device, "--seconds", f"{setting.seconds:g}", "--no-report"]
    out = str(setting.folder / f"bench.{target}")
    document = command("bench", *engines, *options, "--out", out)
    del document["files"]  # which are not there any more when this is read
    told = [
        f"{row['model']} {row['figures']['median_ms']:.3f} ({row['figures']['p99_ms']:.3f})"
        for row in document["rows"]
        if (row["scenario"], row["boundary"]) == ("single", "host")
    ]
    return Found(f"median (p99) in ms: {', '.join(told)}", document)


def bindings(target: str, setting: Setting) -> Found:
    """The same bits through cuda-python and through PyCUDA."""
    answers: dict[str, NDArray[Any]] = {}
    for name in ("cuda-python", "pycuda"):
        with _opened(setting, target, cuda=name) as engine:
            answers[name] = _poses(engine, _windows(engine, 1)[0])
    np.testing.assert_array_equal(answers["pycuda"], answers["cuda-python"])
    return Found("cuda-python and pycuda give the same bits", {"bindings": list(answers)})


def device_arrays(target: str, setting: Setting) -> Found:
    """Windows that are on the GPU already, poses that stay there: the same bits."""
    cuda = open_cuda("cuda-python", setting.number)
    with _opened(setting, target, cuda="cuda-python") as engine:
        window = _windows(engine, 1)[0]
        given = copied_to_device(cuda, window)
        for poses in (engine.run_windows_on_device(given)["poses"], engine.infer(given)):
            np.testing.assert_array_equal(poses.to_numpy(), _poses(engine, window))
    return Found("device arrays give the same bits as host arrays", {"shape": list(window.shape)})


def threads(target: str, setting: Setting) -> Found:
    """Several threads on two contexts of one engine: each gets its own window's answer.

    So do calls that wait in the background.
    """
    with _opened(setting, target, contexts=2) as engine:
        windows = _windows(engine, THREADS)
        expected = [_poses(engine, window) for window in windows]

        def wrong_of(number: int) -> int:
            given = (_poses(engine, windows[number]) for _ in range(setting.rounds))
            return sum(not np.array_equal(poses, expected[number]) for poses in given)

        with ThreadPoolExecutor(THREADS) as pool:
            wrong = sum(pool.map(wrong_of, range(THREADS)))
        clip = read_clip(CLIP)
        pending = engine.infer_async(clip.keypoints, image_size=clip.image_size)
        np.testing.assert_array_equal(pending.result(), _lifted(engine, clip).astype(np.float32))
    answers = THREADS * setting.rounds
    if wrong:
        raise AssertionError(f"{wrong} of {answers} answers were not those of one thread")
    figures = {"threads": THREADS, "contexts": 2, "answers": answers}
    return Found(f"{answers} answers in {THREADS} threads are those of one thread", figures)


def memory(target: str, setting: Setting) -> Found:
    """Memory stays as it is over many calls, and over loading again and again."""
    cuda = open_cuda("auto", setting.number)
    with _opened(setting, target) as engine:
        call = partial(engine.run_windows, _windows(engine, 1)[0])
        by_calls = _lost_mib(cuda, call, setting.calls)
    by_loads = _lost_mib(cuda, lambda: _opened(setting, target).close(), LOADS)
    line = f"MiB of GPU and host: {by_calls} by {setting.calls} calls, {by_loads} by {LOADS} loads"
    figures: dict[str, Any] = {"calls": setting.calls, "loads": LOADS, "most_mib": MOST_MIB}
    figures |= {"by_calls_mib": by_calls, "by_loads_mib": by_loads}
    if not max(*by_calls, *by_loads) <= MOST_MIB:
        raise AssertionError(f"{line}; expected {MOST_MIB:g} each or less")
    return Found(line, figures)


def _opened(setting: Setting, target: str, precision: str | None = None, **options: Any) -> Engine:
    """An engine that was built: that of a precision, or any."""
    built = setting.built(target)
    if precision is not None and precision not in built:
        raise NotPossible(f"no {precision} engine of {target} was built")
    path: Path = built[precision or next(iter(built))]
    return Engine.load(path, backend=target, device=setting.device, **options)


def _reference(setting: Setting) -> Engine:
    return Engine.load(setting.model("fp32"), backend="onnxruntime", device="cpu")


def _lifted(engine: Engine, clip: Clip) -> NDArray[np.float64]:
    return engine.infer(clip.keypoints, image_size=clip.image_size).astype(np.float64)


def _windows(engine: Engine, count: int) -> list[FloatArray]:
    """Inputs (b, f, 17, C) of calls, from other places of the clip."""
    inputs = windows_of(engine.card, read_clip(CLIP), count * (engine.card.batch or 1))
    return [np.ascontiguousarray(part) for part in np.split(inputs, count)]


def _poses(engine: Engine, window: FloatArray) -> NDArray[Any]:
    return np.asarray(engine.run_windows(window)["poses"])


def _kept(engine: Engine, reference: Engine, clip: Clip) -> tuple[int, int]:
    """Frames that the reference keeps, and how many of them the engine does not."""
    if not engine.card.with_kept:
        return 0, 0
    kept = differ = 0
    for window in _windows(engine, 8):
        for one, other in zip(
            engine.run_windows(window)["kept"], reference.run_windows(window)["kept"], strict=True
        ):
            kept += len(other)
            differ += len(set(other.tolist()) - set(one.tolist()))
    return kept, differ


def _lost_mib(cuda: Cuda, call: Callable[[], object], times: int) -> tuple[float, float]:
    """Memory of the GPU and of this process that calls took and did not give back, in MiB.

    The least of three rounds: a leak comes again, another process's allocation does not.
    """
    lost = []
    before = _used(cuda, call, min(times, 20))  # to warm up
    for _ in range(3):
        after = _used(cuda, call, times)
        lost.append(after - before)
        before = after
    gpu, host = np.min(lost, axis=0).round(1)
    return float(gpu), float(host)


def _used(cuda: Cuda, call: Callable[[], object], times: int) -> NDArray[np.float64]:
    """MiB of the GPU and of this process that are in use after calls."""
    for _ in range(times):
        call()
    with cuda.current():
        free, total = cuda.memory()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return np.array([total - free, pages * os.sysconf("SC_PAGESIZE")]) / 2**20
