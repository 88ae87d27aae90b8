"""An exported program, call by call, to the float graph."""

import warnings
from typing import Any

import torch
from torch import fx
from torch.export import ExportedProgram

from slipstick.errors import SlipstickError
from slipstick.frontend.call import TRANSLATORS, Call, image_shape, operator_name
from slipstick.frontend.float_graph import FloatGraph
from slipstick.frontend.folding import fold, foldable
from slipstick.frontend.naming import INPUT, layer_names
from slipstick.frontend.nodes import FloatInput, FloatMatmul, FloatNode
from slipstick.frontend.operators import check_operator, is_call, is_pick, overwrites


def import_program(program: ExportedProgram) -> FloatGraph:
    """The float graph of ``program``, which must be exported in eval mode.

    Raises `SlipstickError`, naming layer and operator, for whatever cannot be imported.
    """
    for node, name in _named_calls(program).items():
        check_operator(node, name)
    if any(overwrites(node) for node in _named_calls(program)):
        program = _functional(program)
    reader = _Reader(program)
    for node, name in _named_calls(program).items():
        reader.read(node, name)
    output = reader.output()
    graph = FloatGraph(_needed(reader.nodes, output), output)
    if not any(isinstance(node, FloatMatmul) for node in graph.nodes):
        raise SlipstickError(
            "Model", "has no layer with weights", "export a network with at least one layer"
        )
    return graph


def _needed(nodes: list[FloatNode], output: str) -> tuple[FloatNode, ...]:
    """The input and the nodes that ``output`` depends on, in the same order."""
    wanted = {INPUT, output}
    for node in reversed(nodes):
        if node.name in wanted:
            wanted.update(node.inputs)
    return tuple(node for node in nodes if node.name in wanted)


def _functional(program: ExportedProgram) -> ExportedProgram:
    """The same program, in which no call overwrites a value that another one reads."""
    with warnings.catch_warnings():
        # torch 2.13 warns of its own use of a class that it deprecates.
        warnings.simplefilter("ignore", FutureWarning)
        return program.run_decompositions({})


def _named_calls(program: ExportedProgram) -> dict[fx.Node, str]:
    """The calls that make tensors, and the names of their layers."""
    return layer_names(node for node in program.graph.nodes if is_call(node) and not is_pick(node))


class _Reader:
    """The float graph under construction.

    Attributes
    ----------
    nodes : what was read so far.
    """

    def __init__(self, program: ExportedProgram) -> None:
        self._program = program
        self._constants = _constants(program)
        image = _image(program, self._constants)
        shape = image_shape(INPUT, image)
        self._sources = {image: INPUT}
        self.nodes: list[FloatNode] = [FloatInput(INPUT, (), shape, image.meta["val"].dim() == 2)]

    def read(self, node: fx.Node, name: str) -> None:
        """Translates one call."""
        if foldable(node, self._constants):
            self._constants[node] = fold(node, self._constants)
            return
        check_operator(node, name)
        call = Call(node, name, _arguments(node), self._sources, self._constants)
        if node.target not in TRANSLATORS:
            call.refuse(
                f"operator {operator_name(node.target)} is supported on weights only",
                "use a layer in its place",
            )
        made = TRANSLATORS[node.target](call)
        if isinstance(made, str):
            self._pass(node, made)
            return
        self.nodes.extend(made if isinstance(made, tuple) else (made,))
        self._pass(node, self.nodes[-1].name)

    def _pass(self, node: fx.Node, source: str) -> None:
        """``source`` is the value of ``node``, and of its first result where it has several."""
        self._sources[node] = source
        self._sources.update(
            {user: source for user in node.users if is_pick(user) and user.args[1] == 0}
        )

    def output(self) -> str:
        """Name of the tensor that leaves the model."""
        names = self._program.graph_signature.user_outputs
        if len(names) != 1:
            raise SlipstickError(
                "Model", f"returns {len(names)} results", "supported is one tensor"
            )
        by_name: dict[Any, str] = {node.name: name for node, name in self._sources.items()}
        if names[0] not in by_name:
            raise SlipstickError(
                "Model",
                "returns something that does not depend on the image",
                "return the last layer's result",
            )
        return by_name[names[0]]


def _constants(program: ExportedProgram) -> dict[fx.Node, torch.Tensor]:
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


def _image(program: ExportedProgram, constants: dict[fx.Node, torch.Tensor]) -> fx.Node:
    inputs = [
        node for node in program.graph.nodes if node.op == "placeholder" and node not in constants
    ]
    if len(inputs) != 1:
        names = ", ".join(node.name for node in inputs) or "none"
        raise SlipstickError(
            "Model", f"takes {len(inputs)} inputs ({names})", "supported is one input, the image"
        )
    value = inputs[0].meta["val"]
    if not isinstance(value, torch.Tensor) or value.dtype != torch.float32:
        found = value.dtype if isinstance(value, torch.Tensor) else type(value).__name__
        raise SlipstickError(
            "Model", f"takes an input of type {found}", "export it with float32 images"
        )
    return inputs[0]


def _arguments(node: fx.Node) -> dict[str, Any]:
    """Arguments by their schema's names, defaults filled in."""
    values = {}
    assert isinstance(node.target, torch._ops.OpOverload)
    for position, argument in enumerate(node.target._schema.arguments):
        if position < len(node.args):
            values[argument.name] = node.args[position]
        else:
            values[argument.name] = node.kwargs.get(argument.name, argument.default_value)
    return values
