"""Exchange of the weights of an engine."""

from pathlib import Path

import onnx
from onnx import numpy_helper

from stand_ins.bindings import takes


class Refitter:
    """Puts weights into an engine that was built for it."""

    @takes("ICudaEngine", "ILogger")
    def __init__(self, engine, logger):
        self._plan, self._logger, self._given = engine._plan, logger, {}
        if not engine.refittable:
            text = "The engine is not refittable."
            self._lib.complain(logger, "IRefitter::create", 3, "API Usage Error", text)
            raise TypeError("pybind11::init(): factory function returned nullptr")

    def get_all_weights(self):
        return [tensor.name for tensor in self._plan.model.graph.initializer]

    def get_missing_weights(self):
        return sorted(self._plan.missing - set(self._given))

    def refit_cuda_engine(self):
        missing = self.get_missing_weights()
        if missing:
            self._complain("refitCudaEngine", f"Weights are missing: {', '.join(missing)}")
            return False
        self._plan.refit(self._given)
        return True

    def _complain(self, method, text):
        self._lib.complain(self._logger, f"IRefitter::{method}", 3, "API Usage Error", text)


class OnnxParserRefitter:
    """Reads the weights from an ONNX file."""

    @takes("Refitter", "ILogger")
    def __init__(self, refitter, logger):
        self._refitter, self._logger = refitter, logger

    @takes("buffer", "str|None")
    def refit_from_bytes(self, model, path=None):
        try:
            graph = onnx.load_from_string(model).graph
        except Exception as error:
            self._lib.log(self._logger, "ERROR", f"Failed to parse the ONNX model: {error}")
            return False
        known = set(self._refitter.get_all_weights())
        for tensor in graph.initializer:
            if tensor.name in known:
                self._refitter._given[tensor.name] = numpy_helper.to_array(tensor)
        return True

    @takes("str")
    def refit_from_file(self, model):
        try:
            return self.refit_from_bytes(Path(model).read_bytes(), model)
        except OSError as error:
            self._lib.log(self._logger, "ERROR", f"Failed to open file: {error}")
            return False
