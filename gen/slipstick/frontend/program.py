"""An exported program, call by call, to the float graph."""

import re
from typing import Any

import torch
from torch import fx

import slipstick.frontend.elementwise
import slipstick.frontend.matmuls
import slipstick.frontend.pools
import slipstick.frontend.reshapes
import slipstick.frontend.trained_layers  # noqa: F401  these modules register translators
from slipstick.errors import SlipstickError
from slipstick.frontend.call import PASSING, TRANSLATORS, Call, image_shape, operator_name
from slipstick.frontend.float_graph import FloatGraph
from slipstick.frontend.nodes import FloatArgmax, FloatInput, FloatMatmul, FloatNode

INPUT = "input"
"""Name of the node through which images enter."""

IN_PLACE = {
    torch.ops.aten.relu_.default: torch.ops.aten.relu.default,
    torch.ops.aten.add_.Tensor: torch.ops.aten.add.Tensor,
    torch.ops.aten.hardtanh_.default: torch.ops.aten.hardtanh.default,
    torch.ops.aten.relu6_.default: torch.ops.aten.relu6.default,
    torch.ops.aten.clamp_.default: torch.ops.aten.clamp.default,
    torch.ops.aten.clamp_min_.default: torch.ops.aten.clamp_min.default,
    torch.ops.aten.clamp_max_.default: torch.ops.aten.clamp_max.default,
    torch.ops.aten.dropout_.default: torch.ops.aten.dropout.default,
}
"""Operators that overwrite their input; exported values are never read again under that name."""


def import_program(program: torch.export.ExportedProgram) -> FloatGraph:
    """The float graph of ``program``, which must be exported in eval mode.

    Raises `SlipstickError`, naming the layer and the operator, for whatever cannot be imported.
    """
    constants = _constants(program)
    image = _image(program, constants)
    reader = _Reader(program, constants)
    reader.read_input(image)
    for node in program.graph.nodes:
        if node.op == "call_function":
            reader.read(node)
    graph = FloatGraph(tuple(reader.nodes), reader.output(program))
    if not any(isinstance(node, FloatMatmul) for node in graph.nodes):
        raise SlipstickError(
            "Model", "has no layer with weights", "export a network with at least one layer"
        )
    return graph


def _constants(program: torch.export.ExportedProgram) -> dict[fx.Node, torch.Tensor]:
    """Parameters, buffers and constants by their placeholder."""
    tensors = {**program.state_dict, **program.constants}
    targets = {
        spec.arg.name: spec.target
        for spec in program.graph_signature.input_specs
        if spec.target is not None
    }
    return {
        node: tensors[targets[node.name]]
        for node in program.graph.nodes
        if node.op == "placeholder" and targets.get(node.name) in tensors
    }


def _image(
    program: torch.export.ExportedProgram, constants: dict[fx.Node, torch.Tensor]
) -> fx.Node:
    inputs = [
        node
        for node in program.graph.nodes
        if node.op == "placeholder" and node not in constants
    ]
    if len(inputs) != 1:
        raise SlipstickError(
            "Model",
            f"takes {len(inputs)} inputs, {', '.join(node.name for node in inputs)}",
            "supported is one input, the image",
        )
    value = inputs[0].meta["val"]
    if not isinstance(value, torch.Tensor) or not value.dtype.is_floating_point:
        raise SlipstickError(
            "Model", "takes an input that is no float tensor", "export it with float32 images"
        )
    return inputs[0]


class _Reader:
    """The float graph under construction."""

    def __init__(
        self,
        program: torch.export.ExportedProgram,
        constants: dict[fx.Node, torch.Tensor],
    ) -> None:
        self.nodes: list[FloatNode] = []
        self._names: set[str] = set()
        self._sources: dict[fx.Node, str] = {}
        self._constants = constants
        self._calls = _calls_per_module(program.graph)

    def read_input(self, node: fx.Node) -> None:
        shape = image_shape(INPUT, node)
        self._names.add(INPUT)
        self.nodes.append(FloatInput(INPUT, (), shape, len(node.meta["val"].shape) == 2))
        self._sources[node] = INPUT

    def read(self, node: fx.Node) -> None:
        """Translates one call."""
        if _computes_no_tensor(node):
            return
        if getattr(node.target, "__name__", "") == "getitem":
            self._pick(node)
            return
        target = IN_PLACE.get(node.target, node.target)
        name = self._name(node)
        if target not in TRANSLATORS:
            raise _unknown(name, node)
        if self._folds(node):
            self._constants[node] = node.target(
                *(self._value(a) for a in node.args),
                **{k: self._value(a) for k, a in node.kwargs.items()},
            )
            return
        call = Call(node, name, _arguments(node, target), self._sources, self._constants)
        made = TRANSLATORS[target](call)
        if isinstance(made, str):
            self._sources[node] = made
            return
        for each in made if isinstance(made, tuple) else (made,):
            self.nodes.append(each)
            self._names.add(each.name)
        self._sources[node] = self.nodes[-1].name

    def _pick(self, node: fx.Node) -> None:
        source, index = node.args
        if index != 0 or source not in self._sources:
            raise SlipstickError(
                f"Layer '{self._name(node)}'",
                f"uses output {index} of operator {operator_name(source.target)}",
                "supported is the first output",
            )
        self._sources[node] = self._sources[source]

    def _folds(self, node: fx.Node) -> bool:
        """Whether the call works on constants alone."""
        inputs = node.all_input_nodes
        return bool(inputs) and all(source in self._constants for source in inputs)

    def _value(self, argument: Any) -> Any:
        return self._constants[argument] if isinstance(argument, fx.Node) else argument

    def _name(self, node: fx.Node) -> str:
        """The path of the module the call stands for, or that module's and the operator's."""
        path = _module_path(node)
        # A module of one computing call is that call; others give their name to several.
        alone = path and self._calls.get(path, 0) == 1 and node.target not in PASSING
        operator = operator_name(node.target).split(".")
        short = operator[1].strip("_") if len(operator) > 1 else operator[0]
        name = path if alone else f"{path}.{short}" if path else short
        unique, number = name, 0
        while unique in self._names:
            number += 1
            unique = f"{name}_{number}"
        return unique

    def output(self, program: torch.export.ExportedProgram) -> str:
        """Name of the tensor that leaves the model."""
        (node,) = (node for node in program.graph.nodes if node.op == "output")
        results = [r for r in torch.utils._pytree.tree_leaves(node.args[0]) if r is not None]
        if len(results) != 1 or results[0] not in self._sources:
            raise SlipstickError(
                "Model",
                f"returns {len(results)} tensors"
                if len(results) != 1
                else "returns something that does not depend on the image",
                "supported is one output, the result",
            )
        return self._sources[results[0]]


def _computes_no_tensor(node: fx.Node) -> bool:
    """Assertions and sizes, which a network of fixed size does not need."""
    name = operator_name(node.target)
    return "_assert" in name or "sym_" in name or not isinstance(
        node.meta.get("val"), torch.Tensor | tuple | list
    )


def _calls_per_module(graph: fx.Graph) -> dict[str, int]:
    counts: dict[str, int] = {}
    for node in graph.nodes:
        if node.op == "call_function" and node.target not in PASSING:
            path = _module_path(node)
            counts[path] = counts.get(path, 0) + 1
    return counts


def _module_path(node: fx.Node) -> str:
    stack = node.meta.get("nn_module_stack") or {}
    paths = [path for path, _ in stack.values()]
    innermost = paths[-1] if paths else ""
    # A module that is called twice has "@1" behind the path of its second call.
    return re.sub(r"@\d+", "", innermost.removeprefix("L['self']").lstrip("."))


def _arguments(node: fx.Node, target: Any) -> dict[str, Any]:
    """Arguments by their schema's names, defaults filled in."""
    values = {}
    for position, argument in enumerate(target._schema.arguments):
        if position < len(node.args):
            values[argument.name] = node.args[position]
        elif argument.name in node.kwargs:
            values[argument.name] = node.kwargs[argument.name]
        else:
            values[argument.name] = argument.default_value
    return values


def _unknown(name: str, node: fx.Node) -> SlipstickError:
    known = sorted({operator_name(target).rsplit(".", 1)[0] for target in TRANSLATORS})
    return SlipstickError(
        f"Layer '{name}'",
        f"operator {operator_name(node.target)} is not supported",
        f"supported are {', '.join(known)}",
    )
