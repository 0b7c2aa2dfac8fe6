"""What LiteRT computes otherwise than a float operator between conversions, by far: refused with its numerics."""

from __future__ import annotations

from collections.abc import Iterator

from tinyglow.errors import Problem
from tinyglow.ir.graph import Declared, Graph, Node
from tinyglow.numerics.names import HINT, LIKE_LITERT
from tinyglow.operators.declared import is_int16, reason_for_float
from tinyglow.operators.logic import Compare
from tinyglow.operators.neg import Neg
from tinyglow.operators.prelu import PRelu
from tinyglow.operators.resize_bilinear import ResizeBilinear
from tinyglow.operators.softmax import SoftMax


def refused_in_float(graph: Graph) -> list[Problem]:
    """The nodes with results far from LiteRT's; none with another numerics."""
    if graph.numerics not in LIKE_LITERT:
        return []
    return [
        Problem(f"node {node.origin or node.name!r}", f"{found}, with the numerics {graph.numerics}", expected, HINT)
        for node in graph.nodes
        for found, expected in (*_negations(node, graph), *_differences(node, graph))
    ]


def _negations(node: Node, graph: Graph) -> Iterator[tuple[str, str]]:
    """NEG, of which LiteRT takes the integers as they are: what is found and expected."""
    if not isinstance(node.op, Neg):
        return
    source, result = (graph.values[name].declared for name in (node.inputs[0], node.outputs[0]))
    if source is None or result is None or source.quant is None or result.quant is None:
        return
    if source.quant.scale != result.quant.scale or source.quant.offset + result.quant.offset:
        yield "NEG with another scale, or zero points that are not opposite", "the input's scale"


def _differences(node: Node, graph: Graph) -> Iterator[tuple[str, str]]:
    """Nodes of int16 that would stay float: what is found and expected."""
    if not (is_int16(node, graph) and reason_for_float(node, graph)):
        return
    inputs, results = (
        [one for name in names if (one := graph.values[name].declared) is not None]
        for names in (node.inputs, node.outputs)
    )
    if isinstance(node.op, PRelu):
        yield "PRELU of int16, whose slopes LiteRT reads as bytes", "int8"
    elif isinstance(node.op, Compare) and _have_scales(inputs):
        yield "a comparison of int16 with two scales, which LiteRT takes for one", "one scale for both"
    elif isinstance(node.op, ResizeBilinear):
        yield "RESIZE_BILINEAR of int16, whose places LiteRT rounds to 10 bits", "int8"
    elif isinstance(node.op, SoftMax) and {one.dtype for one in (*inputs, *results)} == {"int8", "int16"}:
        yield "SOFTMAX of int8 with a result of int16", "the input's type"


def _have_scales(operands: list[Declared]) -> bool:
    """Whether int16 operands have two scales."""
    return len({one.quant for one in operands}) > 1
