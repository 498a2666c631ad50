"""Engines of the tiny models, built and run on the stand-ins for CUDA and TensorRT."""

import gc
import json
import sys
from contextlib import contextmanager

import numpy as np
from cuda_stand_in import make_cuda_runtime
from stand_ins.names import rtx_names
from tensorrt_stand_in import make_tensorrt
from tiny_models import save_tiny

from h2ot_edge._tensorrt import tensorrt_library
from h2ot_edge.cuda.cuda_python import CudaPython
from h2ot_edge.engine import Engine
from h2ot_edge.engine_file import sidecar_of
from h2ot_edge.engines.build import build_engine
from h2ot_edge.engines.options import BuildOptions

RTX = rtx_names().versions[-1]
VERSIONS = ("8.6.1", "10.3.0", "11.4.0.106", RTX)


class Machine:
    """GPUs, and one version of TensorRT or TensorRT-RTX.

    Attributes:
        cuda: the stand-in for CUDA.
        trt: that for TensorRT.
        gpu: what both do their work on.
        target: `tensorrt` or `tensorrt-rtx`.
    """

    def __init__(self, monkeypatch, folder, version, **gpu):
        self.folder = folder
        self.target = "tensorrt-rtx" if version == RTX else "tensorrt"
        self.cuda = make_cuda_runtime(**{"gpu_name": "Orin", **gpu})
        self.gpu = self.cuda.gpu
        self.trt = make_tensorrt(version, self.cuda, flavour=self.target)
        module = self.target.replace("-", "_")
        monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", self.cuda)
        monkeypatch.setitem(sys.modules, module, self.trt)
        monkeypatch.delitem(sys.modules, "pycuda.driver", raising=False)
        monkeypatch.setenv("H2OT_HOME", str(folder / "home"))

    @property
    def said(self):
        """The last error in the log of TensorRT."""
        return tensorrt_library(self.target).log.errors[-1]

    def onnx(self, card=None, name="tiny", **options):
        """A model of `tiny_models`."""
        return save_tiny(self.folder / f"{name}.onnx", card, **options)

    def engine(self, card=None, name="tiny", *, bias=None, device=0, **options):
        """An engine of one."""
        path = self.folder / f"{name}.engine"
        build = BuildOptions(target=self.target, **options)
        build_engine(self.onnx(card, name, bias=bias), path, build, cuda=CudaPython(device))
        return path

    def load(self, card=None, *, build=None, **options):
        """An engine of one, loaded."""
        return Engine.load(self.engine(card, **(build or {})), **options)


@contextmanager
def machine_of(monkeypatch, folder, version="10.3.0", **gpu):
    """A machine on which nothing was done wrong and nothing is left, at the end."""
    tensorrt_library.cache_clear()
    machine = Machine(monkeypatch, folder, version, **gpu)
    yield machine
    if machine.gpu.leaks():
        gc.collect()  # exceptions that were caught keep objects
    assert machine.gpu.misuse == []
    assert machine.gpu.leaks() == []
    tensorrt_library.cache_clear()


def rewrite(path, **changes):
    """Change the sidecar of an engine."""
    sidecar = sidecar_of(path)
    document = json.loads(sidecar.read_text())
    sidecar.write_text(json.dumps({**document, **changes}))


def windows(count, card, seed=0):
    """(count, f, 17, C) float32."""
    shape = (count, card.frames, 17, card.channels)
    made = np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)
    made[..., 2:] = np.abs(made[..., 2:])  # confidences
    return made
