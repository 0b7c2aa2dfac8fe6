"""The values of single samples: what each layer computes in float and in integers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tinyglow.interp import sample_count
from tinyglow.ir.graph import Array, Graph
from tinyglow.ir.types import TensorType
from tinyglow.operators.transpose import Transpose
from tinyglow.pipeline.fidelity import float_values, real_inputs
from tinyglow.pipeline.layers import producers
from tinyglow.pipeline.trace import Traced, run_traced, trace

# Elements of all values of all samples together: what a page can carry.
MOST_ELEMENTS = 150_000


@dataclass(frozen=True, eq=False)
class Tensor:
    """A value of the network for some samples.

    Attributes:
        value: Its name in the float graph.
        node: Name of the quantized graph's node that computes it; "" for an input.
        type: Its type in the quantized graph.
        real: float32 [samples, *shape]: what the float network computes.
        actual: float32 of the same shape: what the integers stand for.
        channels_first: Whether it lies with its channels before height and width.
    """

    value: str
    node: str
    type: TensorType
    real: Array
    actual: Array
    channels_first: bool = False

    def integers(self) -> Array:
        """The integers themselves, [samples, *shape]; the real numbers of a float value."""
        if self.type.quant is None:
            return self.actual
        steps = np.rint(self.actual.astype(np.float64) / self.type.quant.scale) + self.type.quant.offset
        result: Array = steps.astype(self.type.dtype)
        return result


def samples_shown(graph: Graph, given: int, most: int) -> int:
    """How many samples a page can show: at least one, at most ``most`` of those ``given``."""
    elements = sum(value.type.elements for value in graph.values.values() if value.data is None)
    return max(1, min(most, given, MOST_ELEMENTS // max(1, elements)))


_TO_CHANNELS_LAST, _TO_CHANNELS_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)


def _with_channels_first(graph: Graph) -> set[str]:
    """The values that a Transpose moves from [N, C, H, W] to [N, H, W, C], and those that it moves back."""
    found: set[str] = set()
    for node in graph.nodes:
        if isinstance(node.op, Transpose) and node.op.perm == _TO_CHANNELS_LAST:
            found.update(node.inputs)
        elif isinstance(node.op, Transpose) and node.op.perm == _TO_CHANNELS_FIRST:
            found.update(node.outputs)
    return found


def tensors_of(graph: Graph, quantized: Graph, inputs: Mapping[str, Array]) -> tuple[Tensor, ...]:
    """Every value that both networks have, for all samples of ``inputs``, in the float graph's order.

    Args:
        graph: The float graph; or one that came quantized, whose integers then stand for the real numbers.
        quantized: What it was quantized to.
        inputs: Arrays [samples, *shape] by input name.

    Returns:
        The values, inputs first. Where one value of the float graph is several of the quantized one, the last.

    Raises:
        InputError: An input does not fit.
    """
    traced: Traced = trace(graph, quantized, inputs)
    given = real_inputs(traced.program, inputs)
    with np.errstate(all="ignore"):
        real, actual = float_values(traced.graph, given), run_traced(traced.program, quantized, given)
    made, by_value = producers(quantized), {name: value for value, name in traced.stands_for.items()}
    order = [*graph.inputs, *(name for node in graph.nodes for name in node.outputs)]
    first = _with_channels_first(graph)
    found = []
    for name in order:
        value = by_value.get(name)
        if value is None or value not in actual:
            continue
        type_ = quantized.type_of(value)
        node = made[value].name if value in made else ""
        both = (array[name].astype(np.float32) for array in (real, {name: actual[value]}))
        reference, integers = (array.reshape(sample_count(given), *type_.shape) for array in both)
        found.append(Tensor(name, node, type_, reference, integers, name in first))
    return tuple(found)
