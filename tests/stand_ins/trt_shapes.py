"""Shapes and addresses of the tensors of an execution context."""

from stand_ins.bindings import takes


class Shapes:
    """The part of a context that is told what it will run on."""

    def _others_with(self, profile):
        """Before 10, contexts of one engine could not share a profile unless asked to."""
        shared = self._plan.header["previews"].get("PROFILE_SHARING_0806")
        if self._lib.version >= (10,) or self._lib.rtx or shared or not self._plan.free:
            return []
        others = self._lib.lives.dependants(self._engine())
        return [other for other in others if other is not self and other._profile == profile]

    @takes("size", "int")
    def set_optimization_profile_async(self, profile_index, stream_handle):
        if profile_index >= max(1, len(self._plan.header["profiles"])):
            self._complain("setOptimizationProfileAsync", f"there is no profile {profile_index}.")
            return False
        if self._others_with(profile_index):
            text = (
                f"Profile {profile_index} has been chosen by another IExecutionContext. Use "
                "another profileIndex or destroy the IExecutionContext that use this profile."
            )
            self._complain("setOptimizationProfileInternal", text, "Internal Error")
            return False
        if profile_index != self._profile:
            self._profile, self._warm = profile_index, False
            self._shapes.clear()
        return True

    @takes("str", "shape")
    def set_input_shape(self, name, shape):
        self._touch()
        tensor, wanted = self._plan.tensors.get(name), tuple(shape)
        if tensor is None or not tensor["input"]:
            self._complain("setInputShape", f"{name} is no input tensor.")
            return False
        if not self._fits(tensor, wanted):
            return False
        if self._shapes.get(name) != wanted:
            self._warm = False
        self._shapes[name] = wanted
        return True

    def _fits(self, tensor, wanted):
        fixed = tensor["shape"]
        same = len(fixed) == len(wanted)
        if not same or any(f not in (-1, size) for f, size in zip(fixed, wanted, strict=True)):
            text = (
                "Parameter check failed, condition: engineDims.d[i] == dims.d[i]. Static dimension "
                f"mismatch while setting input shape for {tensor['name']}. Set dimensions are "
                f"{_text(wanted)}. Expected dimensions are {_text(fixed)}."
            )
            self._complain("setInputShape", text)
            return False
        profiles = self._plan.header["profiles"]
        if not profiles or -1 not in fixed:
            return True
        low, _, high = profiles[max(0, self._profile)][tensor["name"]]
        inside = all(a <= size <= b for a, size, b in zip(low, wanted, high, strict=True))
        if inside and self._profile >= 0:
            return True
        text = (
            f"Parameter check failed, condition: satisfyProfile. Set dimension {_text(wanted)} for "
            f"tensor {tensor['name']} does not satisfy any optimization profiles. Valid range for "
            f"profile 0: {_text(low)}..{_text(high)}."
        )
        self._complain("setInputShape", text)
        return False

    @takes("str")
    def get_tensor_shape(self, name):
        tensor = self._plan.tensors.get(name)
        if tensor is None:
            self._complain("getTensorShape", f"{name} is no tensor of the engine.")
            return self._lib.dims([])
        return self._lib.dims(list(self._shape_of(tensor)))

    def _shape_of(self, tensor):
        if tensor["input"]:
            return self._shapes.get(tensor["name"], tuple(tensor["shape"]))
        if -1 not in tensor["shape"] or self._unset():
            return tuple(tensor["shape"])
        return self._plan.output_shapes(self._input_shapes())[tensor["name"]]

    def _input_shapes(self):
        inputs = [tensor for tensor in self._plan.tensors.values() if tensor["input"]]
        return {tensor["name"]: self._shape_of(tensor) for tensor in inputs}

    def _unset(self):
        return [name for name, shape in self._input_shapes().items() if -1 in shape]

    def infer_shapes(self):
        return self._unset()

    # addresses

    @takes("str", "int")
    def set_tensor_address(self, name, memory):
        self._touch()
        if name not in self._plan.tensors:
            self._complain("setTensorAddress", f"{name} is no tensor of the engine.")
            return False
        if memory % 256:
            self._lib.gpu.misuse.append(f"{name}: address {memory:#x} is not aligned to 256 bytes")
        self._addresses[name] = memory
        return True

    @takes("str")
    def get_tensor_address(self, name):
        return self._addresses.get(name, 0)


def _text(shape):
    return f"[{','.join(map(str, shape))}]"
