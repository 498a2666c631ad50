"""One version of TensorRT and a GPU, used by hand."""

import functools
import json
import tempfile
from pathlib import Path

import numpy as np
import onnx
from cuda_stand_in import make_cuda_runtime
from onnx import helper
from tensorrt_stand_in import make_tensorrt
from tiny_models import save_tiny, tiny_card

from stand_ins.names import rtx_names

ROUND_TRIP = ["8.6.1", "10.3.0", "11.4.0.106"]
RTX = rtx_names().versions[0]
INPUT, OUTPUT = "keypoints", "poses"


class Machine:
    """A GPU with one version of TensorRT, and what it takes to use that by hand."""

    def __init__(self, version, flavour="tensorrt", dla_cores=0, **changes):
        self.cuda = make_cuda_runtime(**changes)
        self.gpu = self.cuda.gpu
        self.trt = make_tensorrt(version, self.cuda, flavour=flavour, dla_cores=dla_cores)
        self.log = self.trt.Logger(self.trt.ILogger.WARNING)

    @property
    def errors(self):
        return [text for severity, text in self.log._lines if severity == "ERROR"]

    def network(self, model, flags=None):
        """A network, and whether the model was taken."""
        self.builder = self.trt.Builder(self.log)
        if flags is None:
            explicit = getattr(self.trt.NetworkDefinitionCreationFlag, "EXPLICIT_BATCH", None)
            flags = 0 if explicit is None else 1 << int(explicit)
        network = self.builder.create_network(flags)
        self.parser = self.trt.OnnxParser(network, self.log)
        data = model if isinstance(model, bytes) else model.SerializeToString()
        return network, self.parser.parse(data)

    def build(self, model, *flags, batch=(1, 2, 4), network=None, **settings):
        """A plan, or None."""
        if network is None:
            network, taken = self.network(model)
            assert taken, self.errors
        config = self.builder.create_builder_config()
        for name in flags:
            config.set_flag(getattr(self.trt.BuilderFlag, name))
        for name, value in settings.items():
            setattr(config, name, value)
        if batch and -1 in tuple(network.get_input(0).shape):
            profile = self.builder.create_optimization_profile()
            shapes = [(size, *tuple(network.get_input(0).shape)[1:]) for size in batch]
            profile.set_shape(network.get_input(0).name, *shapes)
            config.add_optimization_profile(profile)
        return self.builder.build_serialized_network(network, config)

    def load(self, plan):
        """A runtime and its engine."""
        runtime = self.trt.Runtime(self.log)
        return runtime, runtime.deserialize_cuda_engine(plan)

    def stream(self):
        return self.cuda.cudaStreamCreateWithFlags(1)[1]

    def memory(self, size):
        return self.cuda.cudaMalloc(size)[1]

    def see(self, address, shape):
        size = int(np.prod(shape)) * 4
        return self.gpu.memory.view(address, size, "look").view(np.float32).reshape(shape)

    def bind(self, context, windows):
        """Addresses of input and output, set in the context, the input filled."""
        assert context.set_input_shape(INPUT, windows.shape)
        addresses = [self.memory(windows.nbytes) for _ in range(2)]
        self.see(addresses[0], windows.shape)[:] = windows
        for name, address in zip((INPUT, OUTPUT), addresses, strict=True):
            assert context.set_tensor_address(name, address)
        return addresses


@functools.cache
def tiny():
    """A model that takes any number of windows."""
    with tempfile.TemporaryDirectory() as folder:
        return onnx.load(save_tiny(Path(folder) / "tiny.onnx", tiny_card()))


def windows(count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 9, 17, 3)).astype(np.float32)


def one(operator, inputs=("x",), *, constants=(), takes=1, gives=1, opset=17, **attributes):
    """A model of one node; `takes` and `gives` are element types, 1 is float32."""
    graph = helper.make_graph(
        [helper.make_node(operator, inputs, ["y"], name="only", **attributes)],
        "one",
        [helper.make_tensor_value_info("x", takes, (2, 4))],
        [helper.make_tensor_value_info("y", gives, None)],
        list(constants),
    )
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def information(machine, plan):
    """What the inspector says of a plan."""
    _runtime, engine = machine.load(plan)
    form = machine.trt.LayerInformationFormat.JSON
    inspector = engine.create_engine_inspector()
    context = engine.create_execution_context()
    # Without one it does not know the types of a free batch.
    inspector.execution_context = context
    return json.loads(inspector.get_engine_information(form))


def ready(machine):
    """An engine with a context that is bound."""
    runtime, engine = machine.load(machine.build(tiny()))
    context = engine.create_execution_context()
    return runtime, engine, context, machine.bind(context, windows(2))
