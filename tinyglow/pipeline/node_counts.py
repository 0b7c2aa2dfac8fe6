"""How many nodes of each kind Glow's quantized graph has, counted in ours: some operators here are several nodes there.

Facts from pytorch/glow, lib/Optimizer/Lower/Lower.cpp (lowerPadNode, lowerTileNode, lowerPReluNode), and of the passes
that change what these make: SinkCode and CSE (GraphOptimizer.cpp).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping

from tinyglow.ir.graph import Graph, Node
from tinyglow.ir.op import Op
from tinyglow.operators.inserted import InsertedPad, InsertedTile
from tinyglow.operators.prelu import PRelu
from tinyglow.operators.transpose import Transpose
from tinyglow.pipeline.golden import Golden

# What is no node of a computation: memory, and what writes the outputs.
_STORAGE = frozenset(("Save", "Placeholder", "Constant", "Storage"))

# A kind of node, and what it is equal in to another one, so that CSE leaves one of both.
Part = tuple[str, Hashable]


def _of_pad(node: Node, graph: Graph) -> Iterator[Part]:
    """The Splat into which the tensor is put."""
    assert isinstance(node.op, InsertedPad)
    yield "Splat", (node.op.value, graph.type_of(node.outputs[0]))


def _of_tile(node: Node, graph: Graph) -> Iterator[Part]:
    """The memory that it fills, which CSE does not share. A quantized one is a constant by then."""
    if graph.type_of(node.outputs[0]).quant is None:
        yield "Touch", node.name


def _of_prelu(node: Node, graph: Graph) -> Iterator[Part]:
    """The comparison with zero. A transpose of x sinks below it, and no further: a Select stops it."""
    x = node.inputs[0]
    before = next((other for other in graph.nodes if x in other.outputs), None)
    if before is not None and isinstance(before.op, Transpose):
        yield "Transpose", ("CmpLTE", x)
        x = before.inputs[0]
    zero = (0.0, graph.type_of(x)) if x is not node.inputs[0] else (0.0, "zero", graph.type_of(x).shape)
    yield "Splat", zero
    yield "CmpLTE", x


# What else than the node of its own kind each operator is in Glow.
PARTS: Mapping[type[Op], Callable[[Node, Graph], Iterator[Part]]] = {
    InsertedPad: _of_pad,
    InsertedTile: _of_tile,
    PRelu: _of_prelu,
}


def kinds_in_glow(graph: Graph) -> Counter[str]:
    """How many nodes of each kind Glow has for a quantized graph like its own."""
    parts = {part for node in graph.nodes if type(node.op) in PARTS for part in PARTS[type(node.op)](node, graph)}
    return Counter([*(node.op.kind_in_glow for node in graph.nodes), *(kind for kind, _ in parts)])


def recorded_kinds(golden: Golden) -> Counter[str]:
    """How many nodes of each kind a recorded graph has."""
    return Counter(node.kind for node in golden.nodes.values() if node.kind not in _STORAGE)


def differing_kinds(graph: Graph, golden: Golden) -> dict[str, tuple[int, int]]:
    """(Glow's number, ours) of each kind of node that a recorded graph and ours have not equally many of."""
    theirs, ours = recorded_kinds(golden), kinds_in_glow(graph)
    return {kind: (theirs[kind], ours[kind]) for kind in sorted({*theirs, *ours}) if theirs[kind] != ours[kind]}
