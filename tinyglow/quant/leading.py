"""Normalization that a network begins with: into the first layer where that is exact, in float where int8 loses it.

Features of other sizes than each other, or far from zero, share one scale as they come in; after their normalization
they do not. A chain of + - * / by constants that an input goes through first is y = A * x + B, element by element. If
one step of x, times A, is more than two steps of y, int8 cannot hold x as well as y: the input and the chain stay
float, and y is what is quantized. Otherwise A and B go into the filters or weights of the layer after the chain, if
nothing is lost there: padding stands for x = 0, not for y = 0. Glow has neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Array, Graph, Node
from tinyglow.ir.op import Op
from tinyglow.ir.record import Record
from tinyglow.ir.types import QuantParams
from tinyglow.kernels.window import Window
from tinyglow.operators.add import Add
from tinyglow.operators.conv2d import Conv2D
from tinyglow.operators.div import Div
from tinyglow.operators.fully_connected import FullyConnected
from tinyglow.operators.mul import Mul
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.sub import Sub
from tinyglow.operators.transpose import Transpose
from tinyglow.quant.implied import own_range
from tinyglow.quant.profile import Range

# Steps of y that one step of x may be. At 2, an error of x adds as much again as one bit less for y.
_MOST_STEPS = 2.0
# How different A's elements may be in a layer whose weights share a scale.
_MOST_SPREAD = 2.0


class Leading(Record):
    """The chain of arithmetic that an input goes through first: ``end`` = scale * moved(source) + shift.

    Attributes:
        source: The input.
        end: Where the chain ends.
        nodes: The chain's nodes in order; ``moves`` are those without arithmetic.
        scale: float32, of ``end``'s shape.
        shift: float32, of ``end``'s shape.
    """

    source: str
    end: str
    nodes: tuple[Node, ...]
    scale: Array
    shift: Array

    @property
    def arithmetic(self) -> tuple[Node, ...]:
        """The nodes without the moves behind the last of the arithmetic."""
        last = max(i for i, node in enumerate(self.nodes) if not isinstance(node.op, Reshape | Transpose))
        return self.nodes[: last + 1]

    @property
    def moves(self) -> list[Node]:
        """The nodes that only move elements."""
        return [node for node in self.nodes if isinstance(node.op, Reshape | Transpose)]


def _is_affine(node: Node, value: str, graph: Graph) -> bool:
    """Whether each element of the result is a * x + b of an element of ``value``."""
    if isinstance(node.op, Reshape | Transpose):
        return True
    others = [graph.values[name] for name in node.inputs if name != value]
    if any(other.data is None for other in others) or node.inputs.count(value) != 1:
        return False
    if isinstance(node.op, Conv2D):
        channels = graph.type_of(value).shape[-1]
        alone = node.op.window == Window((1, 1)) and node.op.group == channels == others[0].type.shape[0]
        return alone and node.inputs[0] == value
    if not isinstance(node.op, Add | Sub | Mul | Div) or (isinstance(node.op, Div) and node.inputs[0] != value):
        return False
    return graph.type_of(node.outputs[0]).elements == graph.type_of(value).elements


def _evaluate(nodes: list[Node], source: str, number: float, graph: Graph) -> Array:
    """The end of a chain with ``number`` everywhere in ``source``, float64."""
    values = {source: np.full((1, *graph.type_of(source).shape), number, np.float64)}
    for node in nodes:
        inputs = [
            values[name] if (data := graph.values[name].data) is None else data[np.newaxis].astype(np.float64)
            for name in node.inputs
        ]
        values[node.outputs[0]] = node.op.run_float(*inputs)[0]
    result: Array = values[nodes[-1].outputs[0]][0]
    return result


def leading_chains(graph: Graph) -> list[Leading]:
    """The chains of all float inputs that have one, with arithmetic in it."""
    users: dict[str, list[Node]] = {}
    for node in graph.nodes:
        for name in dict.fromkeys(node.inputs):
            users.setdefault(name, []).append(node)
    outputs = {output.value for output in graph.outputs}
    found = []
    for source in graph.inputs:
        nodes: list[Node] = []
        value = source
        while len(users.get(value, ())) == 1 and value not in outputs and _is_affine(users[value][0], value, graph):
            nodes.append(users[value][0])
            value = nodes[-1].outputs[0]
        if not all(isinstance(node.op, Reshape | Transpose) for node in nodes):
            shift = _evaluate(nodes, source, 0.0, graph)
            scale = _evaluate(nodes, source, 1.0, graph) - shift
            found.append(Leading(source, nodes[-1].outputs[0], tuple(nodes), scale, shift))
    return found


def _into_dense(chain: Leading, layer: Node, edit: GraphEditor) -> tuple[Array, Array] | None:
    """Weights and bias of a layer on the moved input instead."""
    weights, bias = (edit.value(name).data for name in layer.inputs[1:])
    if layer.inputs[0] != chain.end or weights is None or bias is None or chain.scale.shape[0] != 1:
        return None
    return chain.scale[0][:, np.newaxis] * weights, chain.shift[0] @ weights + bias


def _into_convolution(chain: Leading, layer: Node, edit: GraphEditor) -> tuple[Array, Array] | None:
    """Filters and bias of a convolution on the moved input instead."""
    assert isinstance(layer.op, Conv2D)
    filters, bias = (edit.value(name).data for name in layer.inputs[1:])
    if (
        layer.inputs[0] != chain.end
        or filters is None
        or bias is None
        or (any(layer.op.window.pads) and chain.shift.any())
    ):
        return None
    scale, shift = (array.reshape(-1, array.shape[-1]) for array in (chain.scale, chain.shift))
    if (scale != scale[0]).any() or (shift != shift[0]).any():
        return None
    # Filters of a group see that group's channels.
    groups = np.repeat(np.arange(layer.op.group), len(bias) // layer.op.group)
    own_scale, own_shift = (array[0].reshape(layer.op.group, 1, 1, -1)[groups] for array in (scale, shift))
    return filters * own_scale, bias + (filters * own_shift).sum(axis=(1, 2, 3))


_INTO: dict[type[Op], Callable[[Leading, Node, GraphEditor], tuple[Array, Array] | None]] = {
    FullyConnected: _into_dense,
    Conv2D: _into_convolution,
}


def _fold(chain: Leading, edit: GraphEditor) -> bool:
    """Let the layer after the chain do its arithmetic, if it can; False if not."""
    users, sizes = edit.users(chain.end), np.abs(chain.scale)
    if len(users) != 1 or not edit.has_one_use(chain.end) or type(users[0].op) not in _INTO:
        return False
    if not sizes.min() > 0 or sizes.max() > _MOST_SPREAD * sizes.min():
        return False
    layer = users[0]
    constants = _INTO[type(layer.op)](chain, layer, edit)
    if constants is None or not all(np.isfinite(data.astype(np.float32)).all() for data in constants):
        return False
    value = edit.value(chain.source)
    for node in chain.moves:
        value = edit.add(node.name, node.op, [value], node.origin)
    names = [
        edit.constant(f"{name}_normalized", data.astype(np.float32)).name
        for name, data in zip(layer.inputs[1:], constants, strict=True)
    ]
    edit.set_inputs(layer, (value.name, *names))
    return True


def settle_leading(
    graph: Graph,
    ranges: Mapping[str, Range],
    quantizes: Callable[[Node], bool],
    choose: Callable[[Range], QuantParams],
) -> tuple[Graph, dict[str, Range], frozenset[str]]:
    """(graph, ranges, names of nodes that stay float): every leading chain folded, or kept float, or as it was.

    ranges: of the values of ``graph`` that are quantized. quantizes: whether a node is, as the user has it; what
    stays float anyway is not folded. choose: the parameters that a range gets. Inputs that are
    pixels are integers as they come in, and stay so.
    """
    edit, found = GraphEditor.of(graph), dict(ranges)
    kept: set[str] = set()
    for chain in leading_chains(graph):
        result = chain.arithmetic[-1].outputs[0]
        if chain.source not in ranges or result not in ranges:
            continue
        step, own = choose(ranges[chain.source]).scale, choose(ranges[result]).scale
        loses = float(np.abs(chain.scale).max()) * step > _MOST_STEPS * own
        if loses and chain.source not in graph.pixels:
            kept.update(node.name for node in chain.arithmetic)
        elif all(map(quantizes, chain.nodes)):
            _fold(chain, edit)
    settled = edit.finish()
    moved = {node.outputs[0]: node.inputs[0] for node in settled.nodes if isinstance(node.op, Reshape | Transpose)}
    for name, value in settled.values.items():
        if name not in found and value.data is not None:
            found[name] = own_range(value.data)
        elif name not in found and moved.get(name) in found:
            found[name] = found[moved[name]]
    return settled, found, frozenset(kept)
