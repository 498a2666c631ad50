"""The layers that TensorRT's parser makes of the nodes of an ONNX graph.

As TensorRT-RTX 1.7.1 does it: constants are layers when they are first used; what a node becomes
carries its name as metadata, and the name alone if it is one layer; what is put between them for
shapes and indices is called ONNXTRT_ something and carries none.
"""

from onnx import TensorProto, helper, numpy_helper

from stand_ins.trt_network import Layer

_OPERATORS = """
    ACTIVATION  Clip Elu Gelu HardSigmoid LeakyRelu Relu Selu Sigmoid Softplus Softsign Tanh
    ATTENTION_INPUT+ATTENTION_OUTPUT  Attention
    CAST  Cast
    CONCATENATION  Concat
    CONVOLUTION  Conv
    CUMULATIVE  CumSum
    DEQUANTIZE  DequantizeLinear
    EINSUM  Einsum
    ELEMENTWISE  Add And Div Equal Greater Less Max Min Mul Or Pow PRelu Sub Sum Xor
    ELEMENTWISE+ELEMENTWISE+ELEMENTWISE  GreaterOrEqual LessOrEqual
    ELEMENTWISE+REDUCE  ReduceSumSquare
    ELEMENTWISE+REDUCE+UNARY  ReduceL2
    FILL  ConstantOfShape Range
    GATHER  Gather GatherElements GatherND
    IDENTITY  Identity
    MATRIX_MULTIPLY  MatMul
    MATRIX_MULTIPLY+ELEMENTWISE  Gemm
    NON_ZERO  NonZero
    NORMALIZATION  LayerNormalization
    ONE_HOT  OneHot
    QUANTIZE  QuantizeLinear
    REDUCE  ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum
    SCALE  BatchNormalization
    SCATTER  ScatterElements ScatterND
    SELECT  Where
    SHAPE+CAST  Shape
    SHUFFLE  Flatten Reshape Transpose
    SLICE  Expand Pad Slice Split Tile
    SOFTMAX+SHUFFLE  Softmax
    SQUEEZE  Squeeze
    TOPK  TopK
    TOPK+CAST  ArgMax ArgMin
    UNARY  Abs Ceil Cos Erf Exp Floor IsInf IsNaN Log Neg Not Reciprocal Round Sign Sin Sqrt Tan
    UNSQUEEZE  Unsqueeze
"""
KINDS = {
    operator: kinds.split("+")
    for kinds, _, operators in (line.strip().partition(" ") for line in _OPERATORS.split("\n"))
    for operator in operators.split()
}
"""By operator: the layers that it becomes."""

OLDER = {
    "CAST": "IDENTITY",
    "CUMULATIVE": "LOOP_OUTPUT",
    "SQUEEZE": "SHUFFLE",
    "UNSQUEEZE": "SHUFFLE",
}
"""What a layer was before its kind was made."""

BROADCASTING = {operator for operator, kinds in KINDS.items() if kinds[0] == "ELEMENTWISE"}
BROADCASTING |= {"Gemm", "LayerNormalization", "MatMul", "Where"}
FIRST_ONLY = {operator for operator, kinds in KINDS.items() if kinds[-1] == "REDUCE"}
_FIRST_ONLY = "BatchNormalization Clip Conv Expand Pad Reshape Slice Split Tile"
FIRST_ONLY |= set(_FIRST_ONLY.split())
"""What is given by other inputs becomes part of the layer."""

NARROWED = {"Gather": [1], "GatherElements": [1], "OneHot": [0, 1]}
"""Inputs that are indices, which are 32 bits wide."""

DTYPES = {
    TensorProto.FLOAT: "FLOAT",
    TensorProto.FLOAT16: "HALF",
    TensorProto.DOUBLE: "FLOAT",
    TensorProto.INT8: "INT8",
    TensorProto.UINT8: "UINT8",
    TensorProto.INT32: "INT32",
    TensorProto.INT64: "INT64",
    TensorProto.BOOL: "BOOL",
    TensorProto.BFLOAT16: "BF16",
}


def dtype_of(library, element):
    """TensorRT's type of an ONNX element type; KeyError if it has none."""
    name = DTYPES[element]
    if name == "INT64" and library.version < (10,) and not library.rtx:
        name = "INT32"
    return library.trt.DataType._members[name]


class Expansion:
    """Layers of a network, made of nodes one by one."""

    def __init__(self, library, network, types, constants):
        """Args:
        types: ONNX element type and shape by tensor.
        constants: `TensorProto` by tensor.
        """
        self._lib, self._network = library, network
        self._types, self._constants = types, constants
        self._names = set()
        self.tensors = {}

    def input(self, name):
        """An input of the graph."""
        tensor = self._tensor(name, *self._types[name])
        self._network._inputs.append(tensor)
        self.tensors[name] = tensor

    def output(self, name):
        """An output of the graph."""
        self._network._outputs.append(self._found(name))

    def node(self, node):
        """The layers of a node."""
        if node.op_type == "Constant":
            self._constants[node.output[0]] = constant_of(node)
            return
        kinds = list(KINDS[node.op_type])
        if node.op_type == "Sum":
            kinds *= len(node.input) - 1
        if node.op_type == "Clip" and "" in node.input:
            kinds = ["ELEMENTWISE", "ELEMENTWISE"]
        inputs = self._inputs(node)
        for kind in kinds[:-1]:
            made = self._layer(kind, node, inputs, None)
            inputs = [made, *inputs[2:]] if node.op_type == "Sum" else [made]
        if node.op_type == "Split":
            for output in node.output:
                self._layer("SLICE", node, inputs, [output])
            return
        self._layer(kinds[-1], node, inputs, node.output)

    def _inputs(self, node):
        wanted = list(node.input)
        if node.op_type in FIRST_ONLY or node.op_type == "TopK":
            wanted = wanted[:1]
        found = [self._input_of(node, index) for index in range(len(wanted))]
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            found = [*found[:2], self._zero(found[1])]
        return found

    def _zero(self, scale):
        """The zero point, which is a constant of the parser's own."""
        tensor = self._like(scale, tuple(scale.shape))
        name = self._unique("tmp_weight")
        tensor._settings["name"] = f"{name}_output"
        tensor._settings["dtype"] = self._lib.trt.DataType.FLOAT
        self._network._layers.append(Layer("CONSTANT", name, "", [], [tensor]))
        return tensor

    def _layer(self, kind, node, inputs, outputs):
        """One layer; `outputs` are names, or None for one in between."""
        members = self._lib.trt.LayerType._members
        kind = kind if kind in members else OLDER[kind]
        helps = node.op_type == "Softmax" and kind == "SHUFFLE"
        name = self._unique("ONNXTRT_ShapeShuffle" if helps else node.name or _named(node))
        metadata = "" if helps else f"[ONNX Layer: {node.name or _named(node)}]"
        made = self._outputs(node, name, outputs)
        layer = Layer(kind, name, metadata, inputs, made, node)
        self._set_type(layer, node.op_type == "Cast")
        self._network._layers.append(layer)
        if node.op_type == "TopK":
            self._finish_topk(layer, node)
        return made[0]

    def _set_type(self, layer, is_cast):
        """Casts say what they cast to; before 8.6 they were identities with an output type."""
        if layer.kind == "CAST":
            layer.to_type = layer.outputs[0].dtype
        elif is_cast:
            layer.output_types[0] = layer.outputs[0].dtype

    def _finish_topk(self, layer, node):
        """K is an input that is made after the layer; indices had 32 bits before 10.14."""
        k = self._found(node.input[1])
        scalar = self._help("SHUFFLE", "ONNXTRT_convertToScalar", k, self._like(k, ()))
        layer.inputs.append(scalar)
        if not self._lib.rtx and (10,) <= self._lib.version < (10, 14):
            wide = layer.outputs[1]
            narrow = self._tensor(f"{layer.name}_indices", TensorProto.INT32, tuple(wide.shape))
            layer.outputs[1] = narrow
            self._help("CAST", "ONNXTRT_castHelper", narrow, wide)

    def _outputs(self, node, name, outputs):
        if outputs is None:
            element, shape = self._types[node.output[0]]
            element = TensorProto.INT32 if node.op_type.startswith("Arg") else element
            return [self._tensor(f"{name}_output", element, shape)]
        made = [self._tensor(output, *self._types[output]) for output in outputs if output]
        self.tensors.update(zip(filter(None, outputs), made, strict=True))
        return made

    def _input_of(self, node, index):
        name = node.input[index]
        if not name:
            return None
        tensor = self._found(name)
        if node.op_type in BROADCASTING and name in self._constants:
            return self._broadcast(node, tensor)
        if index in NARROWED.get(node.op_type, ()) and tensor.dtype.name == "INT64":
            narrow = self._tensor(None, TensorProto.INT32, tuple(tensor.shape))
            return self._help("CAST", "ONNXTRT_castHelper", tensor, narrow)
        return tensor

    def _broadcast(self, node, tensor):
        rank = len(self._types[node.output[0]][1])
        shape = tuple(tensor.shape)
        if len(shape) >= rank:
            return tensor
        wider = self._like(tensor, (1,) * (rank - len(shape)) + shape)
        return self._help("SHUFFLE", "ONNXTRT_Broadcast", tensor, wider)

    def _like(self, tensor, shape):
        made = self._tensor(None, None, shape)
        made._settings["dtype"] = tensor.dtype
        return made

    def _help(self, kind, name, given, made):
        name = self._unique(name)
        made._settings["name"] = made.name or f"{name}_output"
        layer = Layer(kind, name, "", [given], [made])
        layer.to_type = made.dtype if kind == "CAST" else None
        self._network._layers.append(layer)
        return made

    def _found(self, name):
        if name not in self.tensors:
            self.tensors[name] = self._constant(name)
        return self.tensors[name]

    def _constant(self, name):
        proto = self._constants[name]
        tensor = self._tensor(f"{name}_output", proto.data_type, tuple(proto.dims))
        layer = Layer("CONSTANT", self._unique(name), "", [], [tensor])
        layer.values = numpy_helper.to_array(proto)
        self._network._layers.append(layer)
        return tensor

    def _tensor(self, name, element, shape):
        dtype = None if element is None else dtype_of(self._lib, element)
        made = object.__new__(self._lib.trt.ITensor)
        return made._init(name or "", dtype, shape)

    def _unique(self, name):
        if name in self._names:
            name = f"{name}_{len(self._network._layers)}"
        self._names.add(name)
        return name


def constant_of(node):
    """The value of a `Constant` node."""
    (attribute,) = node.attribute
    value = helper.get_attribute_value(attribute)
    if isinstance(value, TensorProto):
        return value
    kind = TensorProto.FLOAT if "float" in attribute.name else TensorProto.INT64
    values = value if isinstance(value, list | tuple) else [value]
    shape = [len(values)] if values is value else []
    return helper.make_tensor(node.output[0], kind, shape, values)


def _named(node):
    return f"node_of_{node.output[0]}"
