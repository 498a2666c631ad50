"""Which of TensorRT's names a source file touches.

Types are followed from the module: `trt.X` is a class, `X()` an object of it, and what its methods
give is in `GIVES`. What comes in as a parameter goes by its name, see `VARIABLES`.
"""

import ast
from collections import defaultdict
from dataclasses import dataclass, field

MODULE = "module"
VARIABLES = {
    "builder": "Builder",
    "config": "IBuilderConfig",
    "context": "IExecutionContext",
    "engine": "ICudaEngine",
    "inspector": "EngineInspector",
    "layer": "ILayer",
    "monitor": "IProgressMonitor",
    "network": "INetworkDefinition",
    "parser": "OnnxParser",
    "profile": "IOptimizationProfile",
    "refitter": "Refitter",
    "runtime": "Runtime",
    "tensor": "ITensor",
    "timing": "ITimingCache",
    "trt": MODULE,
}
"""What a variable, or an attribute of that name with or without a `_` before it, holds."""

GIVES = {
    "Builder.build_serialized_network": "IHostMemory",
    "Builder.create_builder_config": "IBuilderConfig",
    "Builder.create_network": "INetworkDefinition",
    "Builder.create_optimization_profile": "IOptimizationProfile",
    "IBuilderConfig.create_timing_cache": "ITimingCache",
    "IBuilderConfig.get_timing_cache": "ITimingCache",
    "ICudaEngine.create_engine_inspector": "EngineInspector",
    "ICudaEngine.create_execution_context": "IExecutionContext",
    "ICudaEngine.get_tensor_dtype": "DataType",
    "ILayer.get_input": "ITensor",
    "ILayer.get_output": "ITensor",
    "INetworkDefinition.get_input": "ITensor",
    "INetworkDefinition.get_layer": "ILayer",
    "INetworkDefinition.get_output": "ITensor",
    "ITensor.dtype": "DataType",
    "ITimingCache.serialize": "IHostMemory",
    "OnnxParser.get_error": "ParserError",
    "Runtime.deserialize_cuda_engine": "ICudaEngine",
}
PASSING = {"checked", "_checked"}
"""Functions that give back their first argument."""


@dataclass
class Use:
    """Where a name is touched, and whether each time as text, in `hasattr` or `getattr`."""

    lines: list = field(default_factory=list)
    guarded: bool = True


class Walk(ast.NodeVisitor):
    """Collects the names of a file.

    Attributes:
        uses: `Class.member` or `name` -> `Use`.
        overrides: (class, method) of subclasses of TensorRT's.
    """

    def __init__(self, variables=VARIABLES):
        self.uses = defaultdict(Use)
        self.overrides = []
        self._scopes = [dict(variables)]
        self._by_name = variables

    # scopes

    def visit_FunctionDef(self, node):
        self._scopes.append(dict(self._scopes[-1]))
        for argument in (*node.args.args, *node.args.kwonlyargs):
            self._scopes[-1][argument.arg] = self._by_name.get(argument.arg)
        self.generic_visit(node)
        self._scopes.pop()

    def visit_ClassDef(self, node):
        for base in node.bases:
            kind = self._kind(base)
            if kind and kind.startswith("class "):
                methods = [n.name for n in node.body if isinstance(n, ast.FunctionDef)]
                self.overrides += [(kind[6:], name) for name in methods if name[0] != "_"]
        self.generic_visit(node)

    def visit_Assign(self, node):
        kind = self._kind(node.value)
        self.generic_visit(node)
        for target in node.targets:
            if isinstance(target, ast.Name):
                self._scopes[-1][target.id] = kind or self._by_name.get(target.id)
            if isinstance(target, ast.Attribute) and target.attr == "__class__":
                self._scopes[-1][target.value.id] = kind.removeprefix("class ")

    def visit_For(self, node):
        self._bind(node.target, node.iter)
        self.generic_visit(node)

    def _visit_comprehension(self, node):
        self._scopes.append(dict(self._scopes[-1]))
        for loop in node.generators:
            self._bind(loop.target, loop.iter)
        self.generic_visit(node)
        self._scopes.pop()

    visit_GeneratorExp = visit_ListComp = visit_SetComp = visit_DictComp = _visit_comprehension

    def _bind(self, target, things):
        kind = self._kind(things)
        if isinstance(target, ast.Name):
            each = kind[5:] if kind and kind.startswith("each ") else None
            self._scopes[-1][target.id] = each or self._by_name.get(target.id)

    # uses

    def visit_Attribute(self, node):
        self._note(self._kind(node.value), node.attr, node.lineno, guarded=False)
        self.generic_visit(node)

    def visit_Call(self, node):
        if isinstance(node.func, ast.Name) and node.func.id in ("getattr", "hasattr"):
            name = node.args[1]
            if isinstance(name, ast.Constant):
                guarded = node.func.id == "hasattr" or len(node.args) > 2
                self._note(self._kind(node.args[0]), name.value, node.lineno, guarded)
        self.generic_visit(node)

    def _note(self, kind, member, line, guarded):
        if kind is None or member.startswith("_") or kind.startswith("each "):
            return
        owner = kind.removeprefix("class ")
        use = self.uses[member if kind == MODULE else f"{owner}.{member}"]
        use.lines.append(line)
        use.guarded = use.guarded and guarded

    # types

    def _kind(self, node):
        """`module`, `class X`, `X` for an object, `each X` for several; None for anything else."""
        if isinstance(node, ast.Name):
            return self._scopes[-1].get(node.id)
        if isinstance(node, ast.Attribute):
            return self._kind_of_attribute(node)
        if isinstance(node, ast.Call):
            return self._kind_of_call(node)
        if isinstance(node, ast.GeneratorExp | ast.ListComp):
            return self._kind_of_several(node)
        if isinstance(node, ast.BoolOp):
            return next(filter(None, map(self._kind, node.values)), None)
        return None

    def _kind_of_attribute(self, node):
        owner = self._kind(node.value)
        if owner == MODULE:
            return f"class {node.attr}"
        if owner is not None and node.attr.startswith("_"):
            return None
        if owner is not None:
            return GIVES.get(f"{owner}.{node.attr}", owner if owner.startswith("class ") else None)
        return self._by_name.get(node.attr.lstrip("_"))

    def _kind_of_several(self, node):
        self._scopes.append(dict(self._scopes[-1]))
        for loop in node.generators:
            self._bind(loop.target, loop.iter)
        kind = self._kind(node.elt)
        self._scopes.pop()
        return kind and f"each {kind}"

    def _kind_of_call(self, node):
        function = node.func
        name = getattr(function, "attr", getattr(function, "id", None))
        if name in PASSING and node.args:
            return self._kind(node.args[0])
        if name == "getattr" and isinstance(node.args[1], ast.Constant):
            owner = self._kind(node.args[0])
            return f"class {node.args[1].value}" if owner == MODULE else None
        if isinstance(function, ast.Attribute):
            owner = self._kind(function.value)
            if owner == MODULE:
                return function.attr
            return GIVES.get(f"{owner}.{function.attr}") if owner else None
        kind = self._kind(function)
        return kind[6:] if kind and kind.startswith("class ") else None


def names_in(text, variables=VARIABLES):
    """A `Walk` that has seen a source text."""
    walk = Walk(variables)
    walk.visit(ast.parse(text))
    return walk
