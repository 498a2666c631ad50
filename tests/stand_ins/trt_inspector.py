"""The inspector of engines, and the configuration of runs."""

import json

from stand_ins.bindings import setting, takes


class EngineInspector:
    """Tells of the layers of an engine, as much as it was built to tell."""

    def _init(self, plan):
        self._plan, self._settings = plan, {}
        return self

    execution_context = setting("execution_context", "IExecutionContext|None", None)
    error_recorder = setting("error_recorder", "any", None)

    @takes("LayerInformationFormat")
    def get_engine_information(self, format):
        layers = [self._layer(layer) for layer in self._plan.header["layers"]]
        names = list(self._plan.tensors)
        if format.name == "ONELINE":
            return "\n".join(["Layers:", *map(_line, layers), "", "Bindings:", *names])
        tensors = "I/O Tensors" if self._lib.version >= (11,) else "Bindings"
        return json.dumps({"Layers": layers, tensors: names}, indent=1)

    @takes("size", "LayerInformationFormat")
    def get_layer_information(self, layer_index, format):
        layer = self._layer(self._plan.header["layers"][layer_index])
        return _line(layer) if format.name == "ONELINE" else json.dumps(layer, indent=1)

    def _layer(self, layer):
        verbosity = self._plan.header["verbosity"]
        if verbosity == "NONE":
            return ""
        if verbosity != "DETAILED":
            return layer["Name"]
        return {key: value for key, value in layer.items() if key[0].isupper()}


class IRuntimeConfig:
    """How contexts are made."""

    def _init(self):
        self._settings = {}
        return self

    cuda_graph_strategy = setting("cuda_graph_strategy", "CudaGraphStrategy", None)


def _line(layer):
    return layer if isinstance(layer, str) else layer["Name"]
