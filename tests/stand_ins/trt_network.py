"""Networks, layers and tensors."""

from dataclasses import dataclass, field

from stand_ins.bindings import setting, takes


@dataclass(eq=False)
class Layer:
    """What a layer is; `ILayer` objects come and go, as pybind11's do."""

    kind: str
    name: str
    metadata: str
    inputs: list
    outputs: list
    node: object = None
    to_type: object = None
    values: object = None
    precision: object = None
    output_types: dict = field(default_factory=dict)


class ITensor:
    """A tensor of a network."""

    def _init(self, name, dtype, shape):
        self._settings = {"name": name, "dtype": dtype, "shape": self._lib.dims(tuple(shape))}
        return self

    name = setting("name", "str", "")
    shape = setting("shape", "shape", ())
    dtype = setting("dtype", "DataType", None)


class RigidITensor(ITensor):
    """Where types come from the graph only, they cannot be set."""

    dtype = setting("dtype", "DataType", None, read_only=True)


class ILayer:
    """A layer, as the base class that `get_layer` gives; set `__class__` to see more of it."""

    def _init(self, network, layer):
        self._network, self._layer = network, layer
        return self

    @property
    def name(self):
        return self._layer.name

    @name.setter
    @takes("str")
    def name(self, value):
        self._layer.name = value

    @property
    def metadata(self):
        return self._layer.metadata

    @metadata.setter
    @takes("str")
    def metadata(self, value):
        self._layer.metadata = value

    @property
    def type(self):
        return getattr(self._lib.trt.LayerType, self._layer.kind)

    @property
    def num_inputs(self):
        return len(self._layer.inputs)

    @property
    def num_outputs(self):
        return len(self._layer.outputs)

    @takes("int")
    def get_input(self, index):
        return _at(self, self._layer.inputs, index, "ILayer::getInput")

    @takes("int")
    def get_output(self, index):
        return _at(self, self._layer.outputs, index, "ILayer::getOutput")

    @takes("int")
    def get_output_type(self, index):
        return self._layer.output_types.get(index, self._layer.outputs[index].dtype)

    # precision, of weakly typed networks only

    @property
    def precision(self):
        return self._layer.precision or self._lib.trt.DataType.FLOAT

    @precision.setter
    @takes("DataType")
    def precision(self, value):
        self._refuse_if_strong("ILayer::setPrecision")
        self._layer.precision = value

    @property
    def precision_is_set(self):
        return self._layer.precision is not None

    @takes("int", "DataType")
    def set_output_type(self, index, dtype):
        self._refuse_if_strong("ILayer::setOutputType")
        if index >= len(self._layer.outputs):
            self._lib.gpu.misuse.append(f"{self.name}: set_output_type of output {index}")
            return
        self._layer.output_types[index] = dtype

    @takes("int")
    def output_type_is_set(self, index):
        return index in self._layer.output_types

    def _refuse_if_strong(self, method):
        if self._network._strong:
            text = "Type constraints are not allowed in a strongly typed network."
            self._lib.complain(self._network._logger, method, 3, "API Usage Error", text)
            self._network._spoilt = text

    def _as(self, kind):
        if self._layer.kind != kind:
            self._lib.gpu.misuse.append(f"{self.name} is used as {kind}, it is {self._layer.kind}")


class ICastLayer(ILayer):
    """A change of type."""

    @property
    def to_type(self):
        self._as("CAST")
        return self._layer.to_type or self._lib.trt.DataType.FLOAT

    @to_type.setter
    @takes("DataType")
    def to_type(self, value):
        self._as("CAST")
        self._layer.to_type = value


class IConstantLayer(ILayer):
    """A constant."""

    @property
    def weights(self):
        self._as("CONSTANT")
        return self._layer.values


class INetworkDefinition:
    """A network, filled by a parser."""

    def _init(self, builder, logger, flags):
        self._builder, self._logger, self._flags = builder, logger, flags
        self._settings, self._spoilt, self._model = {}, None, None
        self._layers, self._inputs, self._outputs = [], [], []
        return self

    @property
    def _strong(self):
        flags = self._lib.trt.NetworkDefinitionCreationFlag
        strong = getattr(flags, "STRONGLY_TYPED", None)
        return self._lib.strong_only or (strong is not None and self._has(strong))

    name = setting("name", "str", "Unnamed Network 0")

    def _has(self, flag):
        return bool(self._flags >> flag.value & 1)

    @property
    def _implicit(self):
        if self._lib.rtx or self._lib.version >= (10,):
            return False
        return not self._has(self._lib.trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH)

    @property
    def num_layers(self):
        return len(self._layers)

    @property
    def num_inputs(self):
        return len(self._inputs)

    @property
    def num_outputs(self):
        return len(self._outputs)

    @takes("int")
    def get_layer(self, index):
        found = _at(self, self._layers, index, "INetworkDefinition::getLayer")
        return found and object.__new__(self._lib.trt.ILayer)._init(self, found)

    @takes("int")
    def get_input(self, index):
        return _at(self, self._inputs, index, "INetworkDefinition::getInput")

    @takes("int")
    def get_output(self, index):
        return _at(self, self._outputs, index, "INetworkDefinition::getOutput")


def _at(owner, things, index, method):
    if 0 <= index < len(things):
        return things[index]
    logger = getattr(owner, "_logger", None) or owner._network._logger
    text = f"Parameter check failed, condition: 0 <= {index} && {index} < {len(things)}."
    owner._lib.complain(logger, method, 3, "API Usage Error", text)
    return None
