"""Inputs that come a few rows at a time, as a camera or a microphone gives them (``Target.push_rows``)."""

from __future__ import annotations

from dataclasses import replace

from tinyglow.errors import ModelError, Problem
from tinyglow.ir.graph import Graph, Node, Value
from tinyglow.ir.namer import numbered
from tinyglow.operators.hand_in import HandIn
from tinyglow.operators.reshape import Reshape

_TITLE = "the input cannot be handed in by rows"


def hand_in_rows(graph: Graph) -> Graph:
    """A network whose layers read a copy of its input, which is made row by row.

    Args:
        graph: The network.

    Returns:
        The network, with a ``HandIn`` before the first layer.

    Raises:
        ModelError: It has several inputs, or none that a layer reads.
    """
    if len(graph.given) != 1:
        problem = Problem("--push-rows", f"the network has {len(graph.given)} inputs", "one input")
        raise ModelError(_TITLE, [problem])
    source = _behind_reshapes(graph, *graph.given)
    if source in _results(graph) or not any(source in node.inputs for node in graph.nodes):
        raise ModelError(_TITLE, [Problem(source, "is a result itself, or is read by no layer", "layers that read it")])
    taken = {*graph.values, *(node.name for node in graph.nodes), *(output.name for output in graph.outputs)}
    name = next(text for text in numbered(f"{graph.given[0]}_handed_in") if text not in taken)
    made = Node(name, HandIn(), (source,), (name,), graph.given[0])
    nodes = []
    for node in graph.nodes:
        if source in node.inputs and made not in nodes:
            nodes.append(made)
        nodes.append(replace(node, inputs=tuple(name if value == source else value for value in node.inputs)))
    values = {**graph.values, name: Value(name, graph.type_of(source))}
    return replace(graph, nodes=tuple(nodes), values=values)


def _behind_reshapes(graph: Graph, value: str) -> str:
    """The value, or the same data in another shape, where nothing reads it in the first one."""
    while True:
        readers = [node for node in graph.nodes if value in node.inputs]
        if len(readers) != 1 or not isinstance(readers[0].op, Reshape) or value in _results(graph):
            return value
        value = readers[0].outputs[0]


def _results(graph: Graph) -> set[str]:
    return {output.value for output in graph.outputs}


def handed_in(graph: Graph) -> Node | None:
    """The node that takes the rows of the input; None if the input is there as a whole."""
    return next((node for node in graph.nodes if isinstance(node.op, HandIn)), None)


def refused(graph: Graph, first: Node) -> ModelError:
    """Why no chain of layers begins with the node that takes the rows."""
    readers = [node for node in graph.nodes if first.outputs[0] in node.inputs]
    shape = " x ".join(map(str, graph.type_of(first.inputs[0]).shape))
    found = f"{graph.given[0]} [{shape}] is first read by {', '.join(node.op.kind for node in readers)[:100]}"
    expected = "images [1, h, w, c] of which a chain of convolutions, pools and operators on elements reads some rows"
    hint = "give images as NHWC; rows must take a multiple of 4 bytes"
    return ModelError(_TITLE, [Problem(readers[0].origin or readers[0].name, found, expected, hint)])
