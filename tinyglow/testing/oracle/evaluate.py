"""What a graph means: every value in real numbers, nothing rounded, integers saturated at their type's ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from tinyglow.interp import sample_count
from tinyglow.ir.graph import Array, Graph, Node
from tinyglow.ir.op import Op
from tinyglow.ir.types import TensorType
from tinyglow.operators.element_function import BoundedFunction

_ENDS = {"int8": (-128, 127), "int16": (-(2**15), 2**15 - 1), "int32": (-(2**31), 2**31 - 1)}

# Changes an operand of a node, or its result, before anything else sees it: (node, value name, array) -> array.
Change = Callable[[Node, str, Array], Array]


def real(data: Array, type_: TensorType) -> Array:
    """float64: the numbers that a constant stands for; integers without parameters (indices) as they are."""
    if type_.quant is not None:
        return (data.astype(np.float64) - type_.quant.offset) * type_.quant.scale
    if type_.channel_quant is not None:
        along = [-1 if axis == type_.channel_quant.axis else 1 for axis in range(data.ndim)]
        offsets = np.array(type_.channel_quant.offsets).reshape(along)
        return (data.astype(np.float64) - offsets) * np.array(type_.channel_quant.scales).reshape(along)
    return data.astype(np.float64) if data.dtype.kind == "f" else data


def saturated(array: Array, type_: TensorType) -> Array:
    """``array`` within what a quantized type can hold; the same object if all of it is."""
    if type_.quant is None:
        return array
    low, high = (type_.quant.scale * (end - type_.quant.offset) for end in _ENDS[type_.dtype])
    if array.size and low <= array.min() and array.max() <= high:
        return array
    return np.clip(array, low, high)


def apply(op: Op, operands: list[Array], bounded: bool = False) -> tuple[Array, ...]:
    """The operator's results.

    bounded: whether inputs stay within the fixed ranges of Glow's tables of Sigmoid and Tanh.
    """
    if bounded and isinstance(op, BoundedFunction):
        operands = [np.clip(operands[0], *op.domain), *operands[1:]]
    with np.errstate(all="ignore"):
        return op.run_float(*operands)


@dataclass
class Evaluator:
    """Evaluates graphs of one network on the same inputs; what several of them compute alike is computed once.

    inputs: [samples, *shape] by the placeholders' names.
    """

    inputs: Mapping[str, Array]
    _known: dict[tuple[object, ...], tuple[Array, ...]] = field(default_factory=dict)
    _constants: dict[tuple[int, TensorType], tuple[Array, Array]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.inputs = {name: array.astype(np.float64) for name, array in self.inputs.items()}
        self.samples = sample_count(self.inputs)

    def constant(self, data: Array, type_: TensorType) -> Array:
        """[1, *shape] float64; the same object for the same data."""
        key = id(data), type_
        if key not in self._constants:
            self._constants[key] = (data, real(data, type_)[np.newaxis])  # data is kept, so that its id stays its own
        return self._constants[key][1]

    def values(
        self, graph: Graph, constants: Mapping[str, Array] | None = None, bounded: bool = False
    ) -> dict[str, Array]:
        """Compute every value of a graph in real numbers.

        Args:
            graph: The graph.
            constants: Real numbers [1, *shape] in the place of some constants.
            bounded: See ``apply``.

        Returns:
            Arrays [samples, *shape] by name, or [1, *shape] where a value is constant.
        """
        values = {
            name: self.constant(value.data, value.type)
            for name, value in graph.values.items()
            if value.data is not None
        }
        values |= constants or {}
        for name in graph.inputs:
            type_ = graph.type_of(name)
            values[name] = saturated(self.inputs[name].reshape(self.samples, *type_.shape), type_)
        for node in graph.nodes:
            operands = [values[name] for name in node.inputs]
            types = tuple(graph.type_of(name) for name in node.outputs)
            key = (node.op, tuple(map(id, operands)), tuple((type_.quant, type_.dtype) for type_ in types), bounded)
            if key not in self._known:
                results = apply(node.op, operands, bounded)
                self._known[key] = (*map(saturated, results, types), *operands)  # operands are kept for their ids
            for name, array in zip(node.outputs, self._known[key], strict=False):
                values[name] = array
        return values

    def outputs(
        self, graph: Graph, constants: Mapping[str, Array] | None = None, bounded: bool = False
    ) -> dict[str, Array]:
        """The outputs by their placeholders' names, [samples, elements]."""
        values = self.values(graph, constants, bounded)
        return {output.name: self.rows(values[output.value]) for output in graph.outputs}

    def rows(self, array: Array) -> Array:
        """One row of elements for each sample."""
        return np.broadcast_to(array, (self.samples, *array.shape[1:])).reshape(self.samples, -1)
