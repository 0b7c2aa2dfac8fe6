"""Masks of attention: constants as -1e9 that are added to scores, or stand in their place, before a SoftMax.

They mean "nothing of this", and any number does that lies so far below the scores that nothing of it is left. As they
come they take all of int8's range, and the scores none. So each is raised to the largest number that still does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Array, Graph, Node
from tinyglow.operators.add import Add
from tinyglow.operators.generic.each import Each
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.softmax import SoftMax
from tinyglow.operators.transpose import Transpose
from tinyglow.quant.implied import own_range
from tinyglow.quant.profile import Range

_SHARES = 512  # half a step of int8's probabilities, which are 256


def settle_masks(graph: Graph, ranges: Mapping[str, Range]) -> tuple[Graph, dict[str, Range]]:
    """The float graph with masks raised, and the ranges of its values.

    Args:
        graph: The float graph.
        ranges: Of the values that are quantized, by name.
    """
    edit, found = GraphEditor.of(graph), dict(ranges)
    for node in graph.nodes:
        if isinstance(node.op, SoftMax):
            columns = graph.type_of(node.inputs[0]).shape[-1]
            _settle(node.inputs[0], math.log(_SHARES * columns), edit, found)
    return edit.finish(), found


def _settle(value: str, depth: float, edit: GraphEditor, ranges: dict[str, Range]) -> None:
    """Raise the mask of what a SoftMax reads; depth: so far below all scores nothing is left of a mask."""
    path = [value]
    node = edit.producer(value)
    while node is not None and isinstance(node.op, Reshape | Transpose) and edit.has_one_use(node.outputs[0]):
        path.append(node.inputs[0])
        node = edit.producer(node.inputs[0])
    if node is None or not edit.has_one_use(path[-1]) or any(edit.is_output(name) for name in path):
        return
    masks = [name for name in _operands(node) if edit.value(name).data is not None]
    scores = [name for name in _operands(node) if edit.value(name).data is None]
    if len(masks) != 1 or len(scores) != 1 or scores[0] not in ranges:
        return
    own, data = ranges[scores[0]], edit.value(masks[0]).data
    assert data is not None
    if not data.size or data.dtype != np.float32:
        return
    low, raised = _raised(data, own, depth, added=isinstance(node.op, Add))
    if (raised == data).all():
        return
    mask = edit.constant(f"{masks[0]}_raised", raised)
    edit.set_inputs(node, tuple(mask.name if name == masks[0] else name for name in node.inputs))
    ranges[mask.name] = own_range(raised)
    for name in path:
        if name in ranges:
            ranges[name] = Range(low, max(ranges[name].high, low))


def _raised(data: Array, own: Range, depth: float, added: bool) -> tuple[float, Array]:
    """The low end of what the SoftMax reads, and the mask. What is lower there saturates, with nothing left of it."""
    if not added:
        low = float(np.float32(own.low - depth))
        return low, np.maximum(data, np.float32(low))
    is_mask = data < own.low - own.high - depth  # even the largest score is then below the smallest
    bias = float(data[~is_mask].min(initial=0.0))  # what is added to scores that count
    low = float(np.float32(own.low + bias - depth))
    return low, np.where(is_mask, np.float32(low - own.high), data)


def _operands(node: Node) -> tuple[str, ...]:
    """The scores and the mask, in some order; () for what is no place for a mask."""
    if isinstance(node.op, Add):
        return node.inputs
    return node.inputs[1:] if isinstance(node.op, Each) and node.op.function == "where" else ()
