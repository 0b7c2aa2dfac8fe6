"""One range for what the steps of a recurrent layer have in common.

An unrolled layer does the same at each step, with the same weights. By itself each step sees as many samples as there
are sequences, and a value that it saw too little of saturates; over many steps these errors add up.
All steps together see far more, and with the same parameters they share their tables.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping

import numpy as np

from tinyglow.ir.graph import Graph, Node
from tinyglow.operators.fully_connected import FullyConnected
from tinyglow.operators.slice import Slice
from tinyglow.quant.profile import Range

_LEAST_STEPS = 3  # that make a layer a recurrent one
_DEPTH = 2  # how far values look back when they are compared


def ranges_of_steps(graph: Graph, ranges: Mapping[str, Range]) -> Mapping[str, Range]:
    """The ranges, where values with the same role in the steps of a recurrent layer have the union of theirs."""
    recurrent = _recurrent(graph)
    if not recurrent:
        return ranges
    makers = {name: node for node in graph.nodes for name in node.outputs}
    groups: dict[Hashable, list[str]] = defaultdict(list)
    for node in graph.nodes:
        if node.origin in recurrent:
            for name in node.outputs:
                if name in ranges:
                    groups[_role(name, makers, graph, _DEPTH)].append(name)
    found = dict(ranges)
    for names in groups.values():
        both = _union([ranges[name] for name in names])
        found.update(dict.fromkeys(names, both))
    return found


def _recurrent(graph: Graph) -> set[str]:
    """The model's nodes that became many layers with the same weights."""
    layers = Counter(
        (node.origin, node.inputs[1:]) for node in graph.nodes if isinstance(node.op, FullyConnected) and node.origin
    )
    return {origin for (origin, _), count in layers.items() if count >= _LEAST_STEPS}


def _role(name: str, makers: Mapping[str, Node], graph: Graph, depth: int) -> Hashable:
    """Equal for values that the same operators make of the same weights."""
    node = makers.get(name)
    if node is None:
        return name
    shape = graph.type_of(name).shape
    if not depth:
        return (node.op.kind, shape)
    op = repr(node.op)
    if isinstance(node.op, Slice):  # whose first dimension is the steps
        op = repr((node.op.starts[1:], node.op.sizes, node.op.steps))
    return (node.origin, op, shape, *(_role(source, makers, graph, depth - 1) for source in node.inputs))


def _union(some: list[Range]) -> Range:
    """A range as wide as all together, with the counts of their elements."""
    low, high = min(range_.low for range_ in some), max(range_.high for range_ in some)
    bins = {len(range_.histogram) for range_ in some}
    if len(some) == 1 or len(bins) != 1 or not high > low:
        return some[0] if len(some) == 1 else Range(low, high)
    (count,) = bins
    total = np.zeros(count)
    for range_ in some:
        width = (range_.high - range_.low) / count if count else 0.0
        for number, elements in enumerate(range_.histogram):
            middle = range_.low + (number + 0.5) * width
            total[min(count - 1, int((middle - low) / (high - low) * count))] += elements
    return Range(low, high, tuple(float(elements) for elements in total))
