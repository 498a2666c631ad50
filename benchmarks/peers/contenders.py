"""What is timed: ways to run a network, from a numpy array of keypoints to one of poses."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from h2ot_edge._names import require
from h2ot_edge.benchmarks.ort_session import bare_session
from h2ot_edge.benchmarks.peers.networks import Networks
from h2ot_edge.engine import Engine
from h2ot_edge.errors import UsageError
from h2ot_edge.spec import FloatArray

__all__ = ["THREADS_SET_BY", "Contender", "Run", "contenders_on", "eager"]

Network = Callable[[Tensor], Tensor]

Run = Callable[[FloatArray], Any]
"""(1, f, 17, 3) -> (1, f, 17, 3)."""

Open = Callable[[ExitStack, int | None], Run]
"""Make it ready for so many threads; None on a GPU."""

THREADS_SET_BY = {
    "pytorch": "torch.set_num_threads",
    "torch.compile": "torch.set_num_threads before compiling",
    "onnxruntime": "intra_op_num_threads of its SessionOptions",
    "openvino": "INFERENCE_NUM_THREADS, ENABLE_CPU_PINNING off as the others do not pin either; "
    "PERFORMANCE_HINT LATENCY, INFERENCE_PRECISION_HINT f32",
}


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One way to run a network.

    Attributes:
        model: key of the model: `pytorch`, or one of `Networks.files`.
        backend: a key of `THREADS_SET_BY`, or with what else is asked of it.
        inside: what is inside the clock.
        open: makes it ready.
        ours: whether it is this project's way, which has to work.
    """

    model: str
    backend: str
    inside: str
    open: Open
    ours: bool = False

    @property
    def pruned(self) -> bool:
        """Whether it runs the pruned network."""
        return self.model.startswith("pruned")

    @property
    def exact(self) -> bool:
        """Whether it computes in float32."""
        return not self.model.endswith("int8-cpu")


def contenders_on(networks: Networks, device: str) -> list[Contender]:
    """All there are for a device, PyTorch eager first.

    Args:
        networks: what they run.
        device: `cpu` or `cuda:N`; what was written for CUDA has not yet been run on a GPU.
    """
    plain = _plain(networks, device)
    return [*plain, *(_on_cpu(networks) if device == "cpu" else _on_cuda(networks, device))]


def eager(module: nn.Module, device: str) -> Run:
    """A network in PyTorch."""
    return _in_torch(module.to(device), device)


def _in_torch(network: Network, device: str) -> Run:
    def run(windows: FloatArray) -> Any:
        with torch.inference_mode():
            return network(torch.from_numpy(windows).to(device)).cpu().numpy()

    return run


def _plain(networks: Networks, device: str) -> Iterator[Contender]:
    """What one would have without this project."""
    inside = "torch.from_numpy, the network in inference mode, numpy() of the poses"
    yield Contender(
        model="pytorch",
        backend="pytorch",
        inside=inside,
        open=lambda stack, threads: eager(networks.plain, device),
    )
    yield Contender(
        model="pytorch",
        backend="torch.compile",
        inside=inside,
        open=partial(_compiled, networks.plain, device, None),
    )
    yield Contender(
        model="plain",
        backend="onnxruntime",
        inside="InferenceSession.run, numpy arrays in and out",
        open=partial(_session, networks.files["plain"], device),
    )


def _on_cpu(networks: Networks) -> Iterator[Contender]:
    files = networks.files
    for name in ("fp32", "int8-cpu", "pruned", "pruned-int8-cpu"):
        yield _ours(name, files[name], "cpu", cuda_graph=False)
    for name, path in files.items():
        yield Contender(
            model=name,
            backend="openvino",
            inside="InferRequest.infer, numpy arrays in and out, its copies included",
            open=partial(_openvino, path),
        )


def _on_cuda(networks: Networks, device: str) -> Iterator[Contender]:
    yield Contender(
        model="pytorch",
        backend="torch.compile with CUDA graphs",
        inside="torch.from_numpy, the network in inference mode, numpy() of the poses",
        open=partial(_compiled, networks.plain, device, "reduce-overhead"),
    )
    for name in ("fp32", "pruned"):
        for cuda_graph in (False, True):
            yield _ours(name, networks.files[name], device, cuda_graph=cuda_graph)


def _ours(name: str, path: Path, device: str, *, cuda_graph: bool) -> Contender:
    def open_engine(stack: ExitStack, threads: int | None) -> Run:
        options: dict[str, Any] = {"cuda_graph": True} if cuda_graph else {}
        loaded = Engine.load(path, device=device, threads=threads, **options)
        engine = stack.enter_context(loaded)
        return lambda windows: engine.run_windows(windows)["poses"]

    return Contender(
        model=name,
        backend="onnxruntime with CUDA graphs" if cuda_graph else "onnxruntime",
        inside="Engine.run_windows, numpy arrays in and out, checks included",
        open=open_engine,
        ours=True,
    )


def _compiled(
    module: nn.Module, device: str, mode: str | None, stack: ExitStack, threads: int | None
) -> Run:
    compiler = os.environ.get("CXX", "g++")
    if device == "cpu" and shutil.which(compiler) is None:
        raise UsageError(
            f"it needs a C++ compiler and there is no {compiler!r}; install one, or name it in $CXX"
        )
    return _in_torch(torch.compile(module.to(device), mode=mode), device)


def _session(path: Path, device: str, stack: ExitStack, threads: int | None) -> Run:
    session = bare_session(path, device=device, threads=threads)
    return lambda windows: session.run(None, {"keypoints": windows})[0]


def _openvino(path: Path, stack: ExitStack, threads: int | None) -> Run:
    openvino = require("openvino", "bench-peers")
    told: dict[str, Any] = {
        "INFERENCE_NUM_THREADS": threads,
        "ENABLE_CPU_PINNING": False,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
    }
    compiled = openvino.Core().compile_model(str(path), "CPU", told)
    taken = compiled.get_property("INFERENCE_NUM_THREADS")
    if taken != threads:
        raise UsageError(f"OpenVINO was asked for {threads} threads and takes {taken}")
    request = compiled.create_infer_request()
    return lambda windows: request.infer({0: windows})[0]
