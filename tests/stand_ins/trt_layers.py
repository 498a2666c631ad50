"""The layers of an engine: those of a network, fused, with the type that each computes in."""

REAL = ("FLOAT", "HALF", "BF16", "INT8")
FORMATS = {
    "FLOAT": "Row major linear FP32",
    "HALF": "Row major linear FP16 format",
    "INT8": "Row major Int8 format",
    "INT32": "Row major linear Int32 format",
    "INT64": "Row major Int64 format",
    "BOOL": "Row major linear BOOL",
}


def engine_layers(library, network, config):
    """What the inspector tells of each layer, and its `kind` and `shapes`."""
    weak_half = not network._strong and config._has("FP16")
    made = []
    for group in _groups(network._layers):
        last = group[-1]
        made.append(
            {
                "Name": _name(group),
                "LayerType": _kind(group),
                "Inputs": [_tensor(t, weak_half and _is_free(group)) for t in _inputs(group)],
                "Outputs": [_tensor(t, weak_half and _is_free(group)) for t in last.outputs],
                "TacticName": f"{_kind(group)}_tactic",
                "StreamId": 0,
                "Metadata": "\x1e".join(dict.fromkeys(x.metadata for x in group if x.metadata)),
                "kind": _kind(group),
                "shapes": str([list(t.shape) for t in _inputs(group)]),
            }
        )
    return made


def _groups(layers):
    """Layers that run as one: attention. Constants do not run."""
    groups, started, attention = [], {}, _attentions(layers)
    for layer in layers:
        if layer.kind == "CONSTANT":
            continue
        softmax = attention.get(id(layer))
        if softmax in started:
            started[softmax].append(layer)
            continue
        groups.append([layer])
        if softmax is not None:
            started[softmax] = groups[-1]
    return groups


def _attentions(layers):
    """By layer of an attention: its softmax."""
    maker = {id(tensor): layer for layer in layers for tensor in layer.outputs}
    found = {}
    for layer in layers:
        if layer.kind != "SOFTMAX":
            continue
        before = maker.get(id(layer.inputs[0]))
        after = [other for other in layers if _feeds(layer, other, maker)]
        if before is not None and before.kind == "MATRIX_MULTIPLY" and after:
            found.update({id(member): id(layer) for member in (before, layer, *after)})
    return found


def _feeds(softmax, layer, maker):
    if layer.kind != "MATRIX_MULTIPLY":
        return False
    given = maker.get(id(layer.inputs[0]))
    while given is not None and given is not softmax and given.kind == "SHUFFLE":
        given = maker.get(id(given.inputs[0]))
    return given is softmax


def _name(group):
    names = [layer.name for layer in group]
    return names[0] if len(names) == 1 else "{ForeignNode[" + f"{names[0]}...{names[-1]}" + "]}"


def _kind(group):
    return "Myelin" if len(group) > 1 else group[0].kind.replace("_", " ").title().replace(" ", "")


def _inputs(group):
    made = {id(tensor) for layer in group for tensor in layer.outputs}
    return [t for layer in group for t in layer.inputs if t is not None and id(t) not in made]


def _is_free(group):
    """Whether a weakly typed build may run it in half precision, which it then does."""
    return not any(layer.precision is not None or layer.output_types for layer in group)


def _tensor(tensor, half):
    dtype = tensor.dtype.name
    if half and dtype == "FLOAT":
        dtype = "HALF"
    return {
        "Name": tensor.name,
        "Location": "Device",
        "Dimensions": list(tensor.shape),
        "Format/Datatype": FORMATS.get(dtype, dtype),
    }
