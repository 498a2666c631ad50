"""What a build refuses."""

PRECISIONS = ("FP16", "BF16", "INT8", "FP8", "INT4", "FP4")
CONSTRAINTS = ("OBEY_PRECISION_CONSTRAINTS", "PREFER_PRECISION_CONSTRAINTS", "STRICT_TYPES")
REAL = ("FLOAT", "HALF", "BF16", "INT8")


class Refused(Exception):
    """A build that fails: number and kind of the error, and its text."""

    def __init__(self, code, kind, text):
        super().__init__(text)
        self.code, self.kind = code, kind


def check(library, network, config):
    """Raise `Refused` unless the network can be built like that."""
    if not network._outputs:
        raise Refused(4, "API Usage Error", "Network must have at least one output")
    if network._spoilt:
        raise Refused(4, "API Usage Error", network._spoilt)
    _check_profiles(network, config)
    if network._strong:
        _check_strong(config)
    else:
        _check_weak(network, config)
    _check_device(library, config)


def _check_profiles(network, config):
    free = [tensor for tensor in network._inputs if -1 in tuple(tensor.shape)]
    if free and not config._profiles:
        raise Refused(
            4,
            "API Usage Error",
            "Network has dynamic or shape inputs, but no optimization profile has been defined.",
        )
    for number, profile in enumerate(config._profiles):
        for tensor in free:
            _check_range(tensor, profile.get(tensor.name), number)


def _check_range(tensor, ranges, number):
    if ranges is None:
        raise Refused(
            4,
            "API Usage Error",
            f"Dynamic input tensor {tensor.name} is missing dimensions in profile {number}.",
        )
    shape = tuple(tensor.shape)
    if any(len(given) != len(shape) for given in ranges):
        text = f"Number of dimensions of tensor {tensor.name} and profile {number} differ."
        raise Refused(4, "API Usage Error", text)
    for axis, size in enumerate(shape):
        low, usual, high = (given[axis] for given in ranges)
        if not 0 <= low <= usual <= high or (size >= 0 and not low == usual == high == size):
            raise Refused(
                4,
                "API Usage Error",
                f"Dimension mismatch for tensor {tensor.name} and profile {number}. At dimension "
                f"axis {axis}, profile has min={low}, opt={usual}, max={high} but tensor has "
                f"{size}.",
            )


def _check_strong(config):
    if config._has(*PRECISIONS, *CONSTRAINTS):
        names = sorted(f.name for f in config._flags if f.name in (*PRECISIONS, *CONSTRAINTS))
        text = f"Builder flags {', '.join(names)} are not allowed with a strongly typed network."
        raise Refused(4, "API Usage Error", text)


def _check_weak(network, config):
    for layer in network._layers:
        asked = {layer.precision, *layer.output_types.values()}
        asked.update(tensor.dtype for tensor in layer.outputs)
        for name, flag in (("HALF", "FP16"), ("INT8", "INT8")):
            if any(dtype is not None and dtype.name == name for dtype in asked):
                _need(config, flag)
        _check_pins(layer)


def _need(config, flag):
    if not config._has(flag):
        precision = flag.lower()
        raise Refused(
            4,
            "API Usage Error",
            f"{precision} precision has been set for at least one layer or layer output, but "
            f"{precision} is not configured in the builder.",
        )


def _check_pins(layer):
    """What computes with whole numbers cannot be pinned to a type of real ones."""
    real = [tensor.dtype.name in REAL for tensor in layer.outputs]
    wrong = [n for n, dtype in layer.output_types.items() if (dtype.name in REAL) != real[n]]
    if wrong or (layer.precision is not None and not any(real)):
        text = f"Could not find any implementation for node {layer.name} due to its constraints."
        raise Refused(10, "Internal Error", text)


def _check_device(library, config):
    device = config._settings.get("device")
    if device is None or device.name != "DLA":
        return
    if not 0 <= config._settings.get("DLA_core", -1) < library.dla_cores:
        raise Refused(3, "API Usage Error", "DLA core is out of range.")
    if not config._has("GPU_FALLBACK"):
        raise Refused(
            4, "Internal Error", "A layer cannot run on DLA, and fallback is not enabled."
        )
