"""The inspector of engines."""

import json

from stand_ins.bindings import setting, takes

NOT_KNOWN = "N/A due to dynamic shapes"
"""What is said of a tensor while nobody has said how large it is."""


class EngineInspector:
    """Tells of the layers of an engine, as much as it was built to tell."""

    def _init(self, plan):
        self._plan, self._settings = plan, {}
        return self

    execution_context = setting("execution_context", "IExecutionContext|None", None)

    @takes("LayerInformationFormat")
    def get_engine_information(self, format):
        layers = [self._layer(layer) for layer in self._plan.header["layers"]]
        names = list(self._plan.tensors)
        if format.name == "ONELINE":
            return "\n".join(["Layers:", *map(_line, layers), "", "Bindings:", *names])
        tensors = "I/O Tensors" if self._lib.version >= (11,) else "Bindings"
        return json.dumps({"Layers": layers, tensors: names}, indent=1)

    def _layer(self, layer):
        verbosity = self._plan.header["verbosity"]
        if verbosity == "NONE":
            return ""
        if verbosity != "DETAILED":
            return layer["Name"]
        told = {key: value for key, value in layer.items() if key[0].isupper()}
        if self._plan.header["profiles"] and self.execution_context is None:
            for tensor in (*told["Inputs"], *told["Outputs"]):
                tensor["Format/Datatype"] = NOT_KNOWN
        return told


def _line(layer):
    return layer if isinstance(layer, str) else layer["Name"]
