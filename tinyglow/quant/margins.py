"""Margins for ranges of few samples: how far their ends would reach if there were more samples.

The largest element of a sample is itself the largest of many, and so has about a Gumbel distribution, as the largest
of N samples has. Of that distribution the samples at hand tell mean and standard deviation (Gumbel, Statistics of
Extremes, 1958: the method of moments); the largest of N samples is expected ln(N) * sqrt(6) / pi standard deviations
above the mean.

What cannot be gets no margin: an end that several samples share is a bound; a value keeps its sign; and the range of a
result lies within what the widened ranges of the operands imply.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from tinyglow.ir.graph import Array, Graph, Node
from tinyglow.ir.record import Record
from tinyglow.quant.implied import Implied, implied_range, own_range
from tinyglow.quant.profile import Range
from tinyglow.quant.witness import Joins, points_of

# As many samples as ranges are made for. Of 16, 32, 64 and 128, this one was best over the recorded networks.
ENOUGH_SAMPLES = 64
_FEWEST_FOR_A_SPREAD = 2
_DEVIATIONS = math.log(ENOUGH_SAMPLES) * math.sqrt(6) / math.pi
_SAME = 1e-6  # of an end: float32 sums in another order differ by less


class Ends(Record):
    """The smallest and the largest element of each sample, [samples] each."""

    low: Array
    high: Array

    @property
    def range(self) -> Range:
        """Of all samples."""
        return Range(float(self.low.min()), float(self.high.max()))


def ends_of(samples: Array) -> Ends:
    """The ends of an array [samples, *shape] of floats."""
    rows = samples.reshape(len(samples), -1).astype(np.float64)
    return Ends(rows.min(axis=1), rows.max(axis=1))


def joined(parts: Sequence[Ends]) -> Ends:
    """The ends of all samples, from those of one part after the other."""
    return Ends(np.concatenate([part.low for part in parts]), np.concatenate([part.high for part in parts]))


def widens(samples: int) -> bool:
    """Whether ranges of so many samples get margins: one sample has no spread, and 64 need none."""
    return _FEWEST_FOR_A_SPREAD <= samples < ENOUGH_SAMPLES


def expected_largest(largest: Array) -> float:
    """What the largest of 64 samples is expected to be, from the largest element of each of a few, [samples].

    It is never below the largest of these, and no larger where several share it.
    """
    top = float(largest.max())
    is_bound = int((largest >= top - _SAME * abs(top)).sum()) > 1
    if is_bound or not widens(len(largest)):
        return top
    return max(top, float(largest.mean() + _DEVIATIONS * largest.std(ddof=1)))


def widened_ranges(graph: Graph, ends: Mapping[str, Ends]) -> dict[str, Range]:
    """The range of each value with its margins.

    Args:
        graph: A float graph.
        ends: Of the values that depend on an input, by name.

    Returns:
        Low and high for each name in ``ends``; both are float32 and finite, and hold what the samples had.
    """
    ranges: dict[str, Range] = {}
    joins = Joins(graph)
    for name in graph.inputs:
        if name in ends:
            ranges[name] = ends[name].range if name in graph.pixels else _widened(ends[name])
    for node in graph.nodes:
        for name in node.outputs:
            if name in ends:
                implied = joins.implied(node, ranges) or _implied(graph, node, ranges)
                ranges[name] = _within(ends[name].range, _widened(ends[name]), implied)
    return ranges


def _widened(ends: Ends) -> Range:
    """With margins on both sides, which do not cross zero."""
    own = ends.range
    low, high = -expected_largest(-ends.low), expected_largest(ends.high)
    low = max(low, 0.0) if own.low >= 0 else low
    high = min(high, 0.0) if own.high <= 0 else high
    return _as_float32(low, high, own)


def _as_float32(low: float, high: float, own: Range) -> Range:
    limit = float(np.finfo(np.float32).max) / 2  # so that the width is a float32 too
    return Range(min(own.low, float(np.float32(max(low, -limit)))), max(own.high, float(np.float32(min(high, limit)))))


def _within(own: Range, widened: Range, implied: Implied | None) -> Range:
    """The widened range, cut to what is implied; that itself where it is exact."""
    if implied is None:
        return widened
    if implied.exact:
        return _as_float32(implied.low, implied.high, own)
    return _as_float32(max(widened.low, implied.low), min(widened.high, implied.high), own)


def _implied(graph: Graph, node: Node, ranges: Mapping[str, Range]) -> Implied | None:
    """What a node's operands' ranges say of its result's; None where nothing is known."""
    operands = [_operand(graph, name, ranges) for name in node.inputs]
    known = [operand for operand in operands if operand is not None]
    if not known or len(known) < len(operands):
        return None
    found = implied_range(node, known, [graph.values[name].data for name in node.inputs])
    if found is not None:
        return found
    if node.op.gives_probabilities:
        return Implied(0.0, 1.0)
    return _of_one_element(node, known)


def _operand(graph: Graph, name: str, ranges: Mapping[str, Range]) -> Range | None:
    data = graph.values[name].data
    if data is not None:
        return own_range(data)
    return ranges.get(name)


def _of_one_element(node: Node, operands: Sequence[Range]) -> Implied | None:
    """What a function of single elements makes of its operand's range."""
    if not node.op.elementwise or len(operands) != 1:
        return None
    with np.errstate(all="ignore"):
        (results,) = node.op.run_float(points_of(operands[0])[np.newaxis])
    if results.dtype.kind != "f" or not np.isfinite(results).all():
        return None
    return Implied(float(results.min()), float(results.max()))
