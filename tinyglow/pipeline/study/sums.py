"""How large the sums of each layer can get, proved from its weights: the room that is left in int32."""

from __future__ import annotations

from dataclasses import dataclass

from tinyglow.ir.graph import Graph
from tinyglow.numerics.glow import INT32_MAX
from tinyglow.passes.channel_ranges import channel_ranges, linear_of, sums_of, unknown


@dataclass(frozen=True)
class SumBound:
    """The sums of one layer over all inputs that int8 can hold.

    Attributes:
        layer: Name of the node.
        low: The least sum of any unit, bias included.
        high: The largest.
        channels: Units of the layer.
        constant: Units whose result is the same for every input.
    """

    layer: str
    low: int
    high: int
    channels: int
    constant: int

    @property
    def margin(self) -> float:
        """How many times the largest sum fits into int32."""
        return INT32_MAX / max(1, -self.low, self.high)


def sum_bounds(quantized: Graph) -> tuple[SumBound, ...]:
    """The bounds of all int8 convolutions and fully connected layers of a graph, by interval arithmetic.

    Args:
        quantized: What ``quantize`` made.

    Returns:
        One a layer, in the graph's order.
    """
    ranges = channel_ranges(quantized)
    found = []
    for node in quantized.nodes:
        linear = linear_of(quantized, node)
        if linear is None:
            continue
        source = quantized.values[node.inputs[0]]
        low, high = sums_of(linear, ranges.get(source.name) or unknown(source), source.type.elements)
        result = ranges.get(node.outputs[0])
        constant = 0 if result is None else int(result.is_constant().sum())
        found.append(SumBound(node.name, int(low.min()), int(high.max()), len(low), constant))
    return tuple(found)
