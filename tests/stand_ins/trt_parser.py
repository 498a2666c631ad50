"""The parser of ONNX graphs."""

import math
from pathlib import Path

import onnx
from onnx import TensorProto, numpy_helper, shape_inference
from onnx.external_data_helper import load_external_data_for_model

from stand_ins.bindings import takes
from stand_ins.trt_nodes import DTYPES, KINDS, Expansion, constant_of

IMPLICIT = (
    'Assertion failed: !_importer_ctx.network()->hasImplicitBatchDimension() && "This version of '
    "the ONNX parser only supports TensorRT INetworkDefinitions with an explicit batch dimension. "
    'Please ensure the network was created using the EXPLICIT_BATCH NetworkDefinitionCreationFlag."'
)
JUNK = "Assertion failed: model->ParseFromCodedStream(&codedInput): Failed to parse the ONNX model."
UNREGISTERED = "Assertion failed: (ctx->tensors().count(inputName)): Node input was not registered."
NO_PLUGIN = 'creator && "Plugin not found, are the plugin name, version, and namespace correct?"'
SINCE = {
    "LayerNormalization": (8, 6),
    "Gelu": (10,),
    "ReduceL2": (7,),
    "Attention": (10, 14),
    "RMSNormalization": (10, 15),
}
"""The first version that takes an operator."""

LARGEST_K = 3840


class Rejected(Exception):
    """A node that the parser does not take."""

    def __init__(self, code, text, function="parseNode"):
        super().__init__(text)
        self.code, self.function = code, function


class ParserError:
    """Why a graph was rejected."""

    def _init(self, code, text, function, number=-1, node=None):
        self._code, self._text, self._function = code, text, function
        self._number, self._node = number, node
        return self

    def code(self):
        return getattr(self._lib.trt.ErrorCode, self._code)

    def desc(self):
        return self._text

    def node(self):
        return self._number

    def node_name(self):
        return self._node.name if self._node is not None else ""

    def node_operator(self):
        return self._node.op_type if self._node is not None else ""


class OnnxParser:
    """Fills a network with the layers of a graph."""

    @takes("INetworkDefinition", "ILogger")
    def __init__(self, network, logger):
        self._network, self._logger = network, logger
        self._settings, self._errors, self._flags = {}, [], 0

    @property
    def num_errors(self):
        return len(self._errors)

    @takes("int")
    def get_error(self, index):
        return self._errors[index] if 0 <= index < len(self._errors) else None

    @takes("buffer", "str|None")
    def parse(self, model, path=None):
        try:
            proto = onnx.load_from_string(model)
        except Exception:
            return self._fail("MODEL_DESERIALIZE_FAILED", JUNK, "deserializeOnnxModel")
        if self._network._implicit:
            return self._fail("INVALID_VALUE", IMPLICIT, "importModel")
        try:
            load_external_data_for_model(proto, str(Path(path or "").parent))
        except Exception as error:
            return self._fail("INVALID_VALUE", f"Failed to open file: {error}", "importModel")
        return self._fill(proto)

    def _fill(self, proto):
        graph = proto.graph
        self._wrong = _wrong_shapes(proto)
        types, constants = _types_of(proto)
        made = Expansion(self._lib, self._network, types, constants)
        for value in graph.input:
            if value.name in constants:
                continue
            if types[value.name][0] not in DTYPES:
                return self._fail(
                    "UNSUPPORTED_NODE_DATATYPE", _no_type(types[value.name]), "importInput"
                )
            made.input(value.name)
        known = {value.name for value in graph.input} | set(constants) | {""}
        for number, node in enumerate(graph.node):
            try:
                self._check(node, known, types, constants)
                made.node(node)
            except Rejected as error:
                return self._fail(error.code, str(error), error.function, number, node)
            known.update(node.output)
        for value in graph.output:
            made.output(value.name)
        self._network._model = proto
        return True

    # what is not taken

    def _is_known(self, operator):
        since = SINCE.get(operator, (0,))
        return self._lib.rtx or self._lib.version >= since

    def _check(self, node, known, types, constants):
        if node.op_type == "Constant":
            return
        if node.domain not in ("", "ai.onnx") or node.op_type not in KINDS:
            raise Rejected("INVALID_NODE", NO_PLUGIN, "checkFallbackPluginImporter")
        if not self._is_known(node.op_type):
            raise Rejected("UNSUPPORTED_NODE", NO_PLUGIN, "importFallbackPluginImporter")
        if not known.issuperset(node.input):
            raise Rejected("INVALID_GRAPH", UNREGISTERED)
        if node.name and f"node name: {node.name})" in self._wrong:
            raise Rejected("INVALID_NODE", f"Invalid Node - {node.name}\n{self._wrong}")
        for name in node.output:
            self._check_type(node, name, types)
        check = getattr(self, f"_check_{node.op_type}", None)
        if check is not None:
            check(node, types, constants)

    def _check_type(self, node, name, types):
        if not name:
            return
        if name not in types:
            raise Rejected("INVALID_NODE", f"Invalid Node - {node.name}\nShape Error")
        if types[name][0] not in DTYPES:
            raise Rejected("UNSUPPORTED_NODE_DATATYPE", _no_type(types[name]))

    def _check_TopK(self, node, types, constants):
        k = constants.get(node.input[1])
        if k is not None and int(numpy_helper.to_array(k).reshape(-1)[0]) > LARGEST_K:
            text = f"K not less than or equal to {LARGEST_K} is not supported."
            raise Rejected("UNSUPPORTED_NODE", text, "importTopK")

    def _check_Reshape(self, node, types, constants):
        before, after = types[node.input[0]][1], types[node.output[0]][1]
        known = -1 not in (*before, *after)
        if known and math.prod(before) != math.prod(after):
            told = " to ".join(f"[{','.join(map(str, shape))}]" for shape in (before, after))
            text = f"Shape Error (reshape changes volume. Reshaping {told}.)"
            raise Rejected("INVALID_NODE", f"Invalid Node - {node.name}\n{text}")

    def _check_ScatterElements(self, node, types, constants):
        reduction = [a.s for a in node.attribute if a.name == "reduction" and a.s != b"none"]
        if reduction and (self._lib.rtx or self._lib.version < (10,)):
            raise Rejected(
                "UNSUPPORTED_NODE", "Unsupported reduction type", "importScatterElements"
            )

    def _check_Einsum(self, node, types, constants):
        (equation,) = (a.s.decode() for a in node.attribute if a.name == "equation")
        plain = "..." not in equation and len(node.input) <= 2
        if not plain and not self._lib.rtx and self._lib.version < (10, 12):
            raise Rejected("UNSUPPORTED_NODE", f"Unsupported equation {equation}", "importEinsum")

    def _check_QuantizeLinear(self, node, types, constants):
        self._check_scale(node, types, constants)

    def _check_DequantizeLinear(self, node, types, constants):
        self._check_scale(node, types, constants)
        element = types[node.input[0]][0]
        if element == TensorProto.INT32:
            text = "input has type Int32 but must have type FP8, FP4, Int4, Int8, or UInt8"
            raise Rejected("UNSUPPORTED_NODE", text, "QuantDequantLinearHelper")

    def _check_scale(self, node, types, constants):
        old = self._lib.version < (10,) and not self._lib.rtx
        if old and types[node.input[1]][0] == TensorProto.FLOAT16:
            text = "Assertion failed: scale must be of type float32"
            raise Rejected("INVALID_NODE", text, "QuantDequantLinearHelper")
        if len(node.input) > 2 and node.input[2]:
            self._check_zero(constants.get(node.input[2]))

    def _check_zero(self, zero):
        if zero is None:
            return
        if zero.data_type == TensorProto.UINT8 or numpy_helper.to_array(zero).any():
            text = (
                "Assertion failed: shiftIsAllZeros(zeroPoint): TRT only supports symmetric "
                "quantization - zero point must be zero"
            )
            raise Rejected("INVALID_NODE", text, "QuantDequantLinearHelper")

    def _fail(self, code, text, function, number=-1, node=None):
        error = object.__new__(self._lib.trt.ParserError)
        self._errors.append(error._init(code, text, function, number, node))
        if node is not None:
            what = f'{node.op_type} -> "{node.output[0]}"'
            line = f"ModelImporter.cpp:140: While parsing node number {number} [{what}]:"
            self._lib.log(self._logger, "ERROR", line)
        self._lib.log(self._logger, "ERROR", f"({function}): {code}: {text}")
        return False


def _no_type(kind):
    return f"Unsupported ONNX data type: {TensorProto.DataType.Name(kind[0])}"


def _wrong_shapes(proto):
    """What ONNX finds wrong with shapes and types."""
    try:
        shape_inference.infer_shapes(proto, data_prop=True, strict_mode=True)
    except shape_inference.InferenceError as error:
        return str(error)
    return ""


def _types_of(proto):
    """Element type and shape by tensor, and the constants; free sizes are -1."""
    graph = shape_inference.infer_shapes(proto, data_prop=True).graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    types = {name: (t.data_type, tuple(t.dims)) for name, t in constants.items()}
    for node in graph.node:
        if node.op_type == "Constant":
            value = constant_of(node)
            constants[node.output[0]] = value
            types[node.output[0]] = (value.data_type, tuple(value.dims))
    for value in (*graph.input, *graph.value_info, *graph.output):
        kind = value.type.tensor_type
        if value.name not in constants and kind.elem_type:
            types[value.name] = (kind.elem_type, _shape(kind.shape))
    return types, constants


def _shape(shape):
    return tuple(d.dim_value if d.HasField("dim_value") else -1 for d in shape.dim)
