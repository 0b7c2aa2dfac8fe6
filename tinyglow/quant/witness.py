"""Values that must have occurred when a profile was recorded, whatever the samples were.

The ends of a value's range occurred in some element. What is computed from that element alone, on several ways that
join again, as x * sigmoid(x), then had the value there that it has at that end; its own range must hold it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from tinyglow.ir.graph import Array, Graph, Node
from tinyglow.ir.record import Record
from tinyglow.quant.element_sources import ElementSources
from tinyglow.quant.implied import Implied
from tinyglow.quant.profile import Range

_POINTS = 257
_TOLERANCE = 1e-4
# What is missing from a range is told from so much of its width on; below, little is lost.
_MISSING = 0.25

RangeOf = Callable[[str], Range | None]


class Contradiction(Record):
    """A range that cannot be its value's.

    Attributes:
        node: The node that makes the value.
        recorded: The range.
        source: The value that the result is a function of.
        at: An end of that value's range.
        value: What the node computes there.
    """

    node: Node
    recorded: Range
    source: str
    at: float
    value: float


def contradictions(graph: Graph, range_of: RangeOf) -> Iterator[Contradiction]:
    """Find the nodes of two computed operands whose recorded range a witness proves wrong.

    Args:
        graph: A float graph.
        range_of: The recorded range of a value; None where it is unknown or in doubt.
    """
    joins = Joins(graph)
    for node in graph.nodes:
        source = joins.source(node)
        if source is None:
            continue
        own, recorded = range_of(source), range_of(node.outputs[0])
        # A range about zero may be tuned, and reach farther on one side than the value did.
        if own is None or recorded is None or own.low >= own.high or own.low == -own.high:
            continue
        points, results = points_of(own), joins.results(node, source, own)
        if results is None or _is_tuned(recorded, results):
            continue
        value, at = max(
            ((float(results[end]), float(points[end])) for end in (0, -1)), key=lambda p: _beyond(recorded, p[0])
        )
        if _beyond(recorded, value) > _MISSING * (recorded.high - recorded.low):
            yield Contradiction(node, recorded, source, at, value)


def points_of(range_: Range) -> Array:
    """float32 [257] from end to end of a range."""
    return np.linspace(range_.low, range_.high, _POINTS, dtype=np.float32)


class Joins:
    """The nodes of a graph that join two ways from one value, as x * sigmoid(x) does."""

    def __init__(self, graph: Graph) -> None:
        """All of them in ``graph``."""
        self._graph = graph
        self._made = {name: node for node in graph.nodes for name in node.outputs}
        self._sources = ElementSources(graph)

    def source(self, node: Node) -> str | None:
        """The value that the node's result is a function of; None for any other node."""
        source = self._sources.source.get(node.outputs[0])
        return source if source is not None and len(self._sources.computed(node)) == 2 else None

    def results(self, node: Node, source: str, own: Range) -> Array | None:
        """What the node gives at float32 [257] points of its source's range, from end to end; None if not finite."""
        known = {source: points_of(own)[np.newaxis]}
        results = _values(self._graph, self._made, node.outputs[0], known)[0]
        return results if np.isfinite(results).all() else None

    def implied(self, node: Node, ranges: Mapping[str, Range]) -> Implied | None:
        """The result's range, which is exact, by its source's; None where that says nothing."""
        source = self.source(node)
        if source is None or source not in ranges:
            return None
        results = self.results(node, source, ranges[source])
        return None if results is None else Implied(float(results.min()), float(results.max()), exact=True)


def _beyond(range_: Range, value: float) -> float:
    """How far a value lies outside a range; negative inside."""
    return max(range_.low - value, value - range_.high)


def _is_tuned(recorded: Range, results: Array) -> bool:
    """Whether a range is a half, a quarter ... of what a value of ``results`` may have had, as tuning leaves it.

    The largest such range is that of all results; the smallest holds those of both ends.
    """
    ends = results[[0, -1]]
    width, around_zero = recorded.high - recorded.low, recorded.low == -recorded.high
    if width <= 0:
        return False
    if around_zero:
        least, most = 2 * float(np.abs(ends).max()), 2 * float(np.abs(results).max())
    else:
        least, most = float(np.ptp(ends)), float(np.ptp(results))
    halvings = max(1, round(math.log2(max(most / width, 1))))
    return any(
        least * (1 - _TOLERANCE) <= width * 2**number <= most * (1 + _TOLERANCE)
        for number in range(max(1, halvings - 1), halvings + 2)
    )


def _values(graph: Graph, made: Mapping[str, Node], name: str, known: dict[str, Array]) -> Array:
    """A value where its source has the elements of ``known``: [1, elements]."""
    if name not in known:
        data = graph.values[name].data
        if data is not None:
            known[name] = data.reshape(1, -1)[:, :1]
        else:
            node = made[name]
            operands = [_values(graph, made, operand, known) for operand in node.inputs]
            with np.errstate(all="ignore"):
                (known[name],) = node.op.run_float(*operands)
    return known[name]
