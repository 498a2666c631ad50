"""Bare ONNX Runtime sessions for calibration and profiling, as the backend sets them up."""

from pathlib import Path
from typing import Any

from h2ot_edge._names import require
from h2ot_edge.backends.ort_options import OnnxRuntimeOptions, cuda_arguments, session_options
from h2ot_edge.backends.ort_providers import PROVIDER_NAMES, check_in_build, preload_cuda

__all__ = ["bare_session", "place_of"]


def bare_session(
    model: Path | bytes, *, device: str, threads: int | None, profile: Path | None = None
) -> Any:
    """Open a session.

    Args:
        model: a file, or what is in one.
        device: `cpu` or `cuda:N`; nothing runs anywhere else.
        threads: for one call; None leaves it to ONNX Runtime.
        profile: beginning of the name of a file for times of operators, None for none.

    Raises:
        MissingExtra: onnxruntime is not installed.
        DeviceUnavailable: this ONNX Runtime has no provider for the device.
    """
    ort = require("onnxruntime", "ort")
    kind, index = place_of(device)
    provider = PROVIDER_NAMES[kind]
    options = session_options(ort, device, threads)
    if profile is not None:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile)
    told: dict[str, str] = {}
    if kind != "cpu":
        check_in_build(provider, device, ort.get_available_providers())
        preload_cuda(ort)
        told = cuda_arguments(OnnxRuntimeOptions(), index)
    given = model if isinstance(model, bytes) else str(model)
    return ort.InferenceSession(given, options, providers=[(provider, told)], enable_fallback=0)


def place_of(device: str) -> tuple[str, int]:
    """`cpu` or `cuda`, and its number."""
    kind, _, number = device.partition(":")
    return kind, int(number or 0)
