"""An independent simulation of int8: every value is quantized and dequantized, in float64, with its own parameters.

Nothing here is shared with the quantizer: ranges are those of the float graph as it was read, before any pass.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tinyglow.ir.graph import Array, Graph, Node
from tinyglow.operators.add import Add
from tinyglow.operators.avg_pool import AvgPool
from tinyglow.operators.batch_norm import BatchNormalization
from tinyglow.operators.clip import Clip
from tinyglow.operators.concat import Concat
from tinyglow.operators.conv2d import Conv2D
from tinyglow.operators.element_function import BoundedFunction
from tinyglow.operators.fully_connected import FullyConnected
from tinyglow.operators.matmul import MatMul
from tinyglow.operators.max import Max
from tinyglow.operators.max_pool import MaxPool
from tinyglow.operators.min import Min
from tinyglow.operators.relu import Relu
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.slice import Slice
from tinyglow.operators.softmax import SoftMax
from tinyglow.operators.sub import Sub
from tinyglow.operators.transpose import Transpose
from tinyglow.quant.schema import INT16_HEADROOM, Schema
from tinyglow.quant.scheme import Scheme
from tinyglow.testing.oracle.evaluate import Evaluator, apply

Bounds = tuple[float, float]


def _nearest(array: Array) -> Array:
    """The nearest integers, of two the larger, as in requantization: where scales are multiples, ties are common."""
    result: Array = np.floor(array + (0.5 + 1e-9))
    return result


@dataclass(frozen=True)
class Grid:
    """Integers from ``lowest`` to ``highest`` stand for scale * (q - offset)."""

    scale: float
    offset: int = 0
    lowest: int = -128
    highest: int = 127

    @classmethod
    def of(cls, bounds: Bounds, scheme: Scheme, stretch: float = 1.0, symmetric: bool = False) -> Grid:
        """The int8 grid over a range; stretch: so many times as wide; symmetric: even where the scheme is not."""
        low, high = min(bounds[0], 0.0) * stretch, max(bounds[1], 0.0) * stretch
        schema = scheme.schema
        unsigned = schema is Schema.SYMMETRIC_WITH_UINT8 and low >= 0
        if unsigned or (schema is Schema.ASYMMETRIC and not symmetric):
            scale = (high - low) / 255 or 0.1
            return cls(scale, int(np.clip(round(-128 - low / scale), -128, 127)))
        return cls(cls._scale(max(-low / 128, high / 127), schema))

    @classmethod
    def of_int16(cls, bounds: Bounds, scheme: Scheme, stretch: float = 1.0) -> Grid:
        """The int16 grid over a range: symmetric."""
        return cls(cls._scale(max(-bounds[0], bounds[1], 0.0) * stretch / 32767, scheme.schema), 0, -32768, 32767)

    @staticmethod
    def _scale(scale: float, schema: Schema) -> float:
        scale = scale or 0.1
        return 2.0 ** math.ceil(math.log2(scale)) if schema is Schema.SYMMETRIC_WITH_POWER2_SCALE else scale

    def __call__(self, array: Array) -> Array:
        """``array`` rounded to the grid, within its ends."""
        steps = np.clip(_nearest(array / self.scale), self.lowest - self.offset, self.highest - self.offset)
        return steps * self.scale

    def up_to(self, other: Grid) -> Grid:
        """This grid, with the ends of ``other`` where those are farther."""
        low, high = ((end - other.offset) * other.scale / self.scale for end in (other.lowest, other.highest))
        lowest, highest = math.floor(low) + self.offset, math.ceil(high) + self.offset
        return replace(self, lowest=min(self.lowest, lowest), highest=max(self.highest, highest))

    def steps(self, array: Array) -> Array:
        """``array`` rounded to multiples of the scale, however large."""
        return _nearest(array / self.scale) * self.scale


def bounds_of(array: Array) -> Bounds:
    """Smallest and largest element."""
    return (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)


def becomes_integer(node: Node, scheme: Scheme) -> bool:
    """Whether a node is computed on integers; a normalization is, as the layer that it becomes a part of."""
    normalizes = isinstance(node.op, BatchNormalization) and node.origin not in scheme.float_nodes
    return scheme.quantizes(node) or normalizes


def grid_of(bounds: Bounds, scheme: Scheme, stretch: float = 1.0) -> Grid:
    """The grid of a computed value: int16 has room for twice its range."""
    return Grid.of_int16(bounds, scheme, stretch * INT16_HEADROOM) if scheme.int16 else Grid.of(bounds, scheme, stretch)


def rounded_constant(
    node: Node, index: int, operands: Sequence[Array], ranges: Sequence[Bounds], result: Bounds, scheme: Scheme
) -> Array:
    """A constant operand as the integer network holds it.

    A bias has the steps of the sums, those of the input times those of the weights, unless it is int8. What must have
    the result's parameters (of a Concat) has them. Filters may have a grid for each output channel, and weights of
    int16 layers do.

    Args:
        node: The node.
        index: Which operand it is.
        operands: All of them, a constant [1, *shape].
        ranges: Their ranges.
        result: The range of the node's result.
        scheme: How the network is quantized.

    Returns:
        [1, *shape].
    """
    array, own = operands[index], bounds_of(operands[index])
    if array.dtype.kind != "f":
        return array
    if index == node.op.bias_operand and scheme.bias_dtype == "int32":
        steps = grid_of(ranges[0], scheme).scale * _weight_scales(node, operands[1], scheme)
        return _nearest(array / steps) * steps
    axis = _unit_axis(node, array, scheme) if index == 1 else None
    if axis is not None:
        return np.moveaxis(np.stack([grid(unit) for grid, unit in _by_unit(array, axis, scheme)]), 0, axis)
    if node.op.inputs_match_output:
        return grid_of(result, scheme)(array)
    return Grid.of_int16(own, scheme)(array) if scheme.int16 else Grid.of(own, scheme)(array)


def _mean_of_rounded_sum(pool: AvgPool, mean: Array, image: Array, grid: Grid) -> Array:
    """The mean as Glow has it where padding does not count: the sum in the result's steps, rounded, over its terms.

    Both roundings go away from zero where two steps are equally near.
    """
    terms = np.maximum(pool.window.taps_inside(*image.shape[2:4]), 1)
    total = _nearest(mean * terms / grid.scale)
    result: Array = np.sign(total) * _nearest(np.abs(total) / terms) * grid.scale
    return result


def _unit_axis(node: Node, weights: Array, scheme: Scheme) -> int | None:
    """The dimension of a layer's weights [1, *shape] along which each has a grid of its own; None if all share one."""
    channelwise = scheme.channelwise or node.origin in scheme.channelwise_nodes
    if isinstance(node.op, Conv2D) and (channelwise or scheme.int16):
        return 1
    return weights.ndim - 1 if isinstance(node.op, FullyConnected | MatMul) and scheme.int16 else None


def _by_unit(weights: Array, axis: int, scheme: Scheme) -> list[tuple[Grid, Array]]:
    """The weights of each output unit (along ``axis``), with their symmetric int8 grid."""
    units = np.moveaxis(weights, axis, 0)
    return [(Grid.of(bounds_of(unit), scheme, symmetric=True), unit) for unit in units]


def _weight_scales(node: Node, weights: Array, scheme: Scheme) -> Array:
    """The scale of a layer's weights, or of those of each output unit."""
    axis = _unit_axis(node, weights, scheme)
    if axis is None:
        return np.array(Grid.of(bounds_of(weights), scheme).scale)
    return np.array([grid.scale for grid, _ in _by_unit(weights, axis, scheme)])


@dataclass
class Simulation:
    """A simulation of int8 on a float graph.

    Attributes:
        graph: The float graph.
        exact: Its values in float, which give the grids their ranges.
        scheme: How it is quantized.
        evaluator: Computes in real numbers.
        round_constants: Whether constants are rounded too, or only what is computed.
        stretch: Up to how much wider each range is, to vary the grids.
        seed: Of that variation.
        vary_tables: Whether the fixed ranges of tables are varied too.
        float_ends: Whether what a float operator reads of the inputs, or makes of the outputs, is not rounded.
    """

    graph: Graph
    exact: Mapping[str, Array]
    scheme: Scheme
    evaluator: Evaluator
    round_constants: bool = True
    stretch: float = 0.0
    seed: int = 0
    vary_tables: bool = False
    float_ends: bool = False
    _real: dict[str, Array] = field(default_factory=dict)
    _int8: dict[str, Array] = field(default_factory=dict)
    _grids: dict[str, Grid] = field(default_factory=dict)

    def outputs(self) -> dict[str, Array]:
        """The outputs by their placeholders' names, [samples, elements], in real numbers."""
        self.rng = np.random.default_rng(self.seed)
        for name in self.graph.inputs:
            shape = self.graph.type_of(name).shape
            self._real[name] = self.evaluator.inputs[name].reshape(-1, *shape)
            if any(becomes_integer(node, self.scheme) for node in self.graph.nodes if name in node.inputs):
                self._int8[name] = self._grid(name)(self._real[name])
                if not self.float_ends:  # an input that is int8 for one reader may be for float ones too
                    self._real[name] = self._int8[name]
        for name, value in self.graph.values.items():
            if value.data is not None:
                self._real[name] = self.evaluator.constant(value.data, value.type)
        for node in self.graph.nodes:
            self._run(node)
        rows = self.evaluator.rows
        return {output.name: rows(self._result(output.value)) for output in self.graph.outputs}

    def _result(self, name: str) -> Array:
        """An output's values. A float operator's are rounded where a transpose sank below it, unless ``float_ends``."""
        if name in self._int8 or self._real[name].dtype.kind != "f" or self.float_ends:
            return self._int8.get(name, self._real[name])
        return self._grid(name)(self._real[name])

    def _grid(self, name: str) -> Grid:
        if name not in self._grids:
            self._grids[name] = self._stretched(self.exact[name])
        return self._grids[name]

    def _stretched(self, exact: Array) -> Grid:
        return grid_of(bounds_of(exact), self.scheme, 1 + self.stretch * float(self.rng.random()))

    def _grid_of_table(self, name: str, bounds: Bounds) -> Grid:
        """The grid of a table's input or result ``name``, which has a fixed range."""
        key = f"{name} in a table of {bounds}"
        if key not in self._grids:
            stretch = self.stretch if self.vary_tables else 0.0
            self._grids[key] = Grid.of(bounds, self.scheme, 1 + stretch * float(self.rng.random()))
        return self._grids[key]

    def _as_int8(self, node: Node, index: int) -> Array:
        name = node.inputs[index]
        array = self._real[name]
        if self.graph.values[name].data is not None:
            if not self.round_constants or isinstance(node.op, BatchNormalization):
                return array
            operands = [self._real[operand] for operand in node.inputs]
            ranges = [bounds_of(self.exact[operand]) for operand in node.inputs]
            result = bounds_of(self.exact[node.outputs[0]])
            return rounded_constant(node, index, operands, ranges, result, self.scheme)
        if name not in self._int8:
            self._int8[name] = self._grid(name)(array)
        return self._int8[name]

    def _run(self, node: Node) -> None:
        integer = becomes_integer(node, self.scheme) and self.graph.type_of(node.inputs[0]).dtype == "float32"
        if not integer:
            results = apply(node.op, [self._real[name] for name in node.inputs])
            self._real.update(zip(node.outputs, results, strict=True))
            return
        operands = [self._as_int8(node, index) for index in range(len(node.inputs))]
        result = node.outputs[0]
        if self.graph.type_of(result).dtype != "float32":
            self._real[result] = apply(node.op, operands)[0]
            return
        grid = self._grid(result)
        if isinstance(node.op, BatchNormalization) and not self._folds(node):
            self._int8[result] = self._real[result] = self._spelled_out(node, operands, grid)
            return
        if isinstance(node.op, Add | Sub | Max | Min):
            sums = self._grid_of_sums(result)
            operands = [sums.steps(operand) for operand in operands]  # Glow brings each to the result's scale first
        op = node.op
        table = isinstance(op, BoundedFunction) and not self.scheme.int16
        if isinstance(op, BoundedFunction) and table:  # Glow's tables have fixed ranges
            operands = [self._grid_of_table(node.inputs[0], op.domain)(operands[0])]
        if isinstance(op, Clip):  # Glow's bounds are steps of the input
            grid_of_bounds, ends = self._grid_of_bounds(node), np.array([op.low, op.high])
            low, high = grid_of_bounds(ends) if self.scheme.like_glow else grid_of_bounds.steps(ends)
            op = Clip(float(low), float(high))
        (array,) = apply(op, operands)
        if isinstance(op, AvgPool) and not op.count_include_pads:
            array = _mean_of_rounded_sum(op, array, operands[0], grid)
        if isinstance(op, BoundedFunction) and table:
            array = self._grid_of_table(result, op.image)(array)
        if isinstance(op, SoftMax):  # Glow's fixed point is cut off
            array = np.floor(array / grid.scale) * grid.scale
        self._int8[result] = self._real[result] = grid.up_to(self._grid_of_sums(result))(array)

    def _only_reader(self, name: str) -> Node | None:
        """The node that reads a value, if it is one, and the value no output."""
        readers = [node for node in self.graph.nodes for operand in node.inputs if operand == name]
        is_output = any(output.value == name for output in self.graph.outputs)
        return readers[0] if len(readers) == 1 and not is_output else None

    def _grid_of_sums(self, name: str) -> Grid:
        """What an addition rounds its operands to: its result's grid, or a coarser one that comes next.

        So far reaches the result too: what int8 is rescaled to next takes the place of its own range.
        """
        grid, result = self._grid(name), name
        reader = self._only_reader(name)
        while reader is not None and isinstance(reader.op, Transpose | Reshape | Slice | MaxPool | Concat):
            result = reader.outputs[0]
            grid = max(grid, self._grid(result), key=lambda item: item.scale)
            reader = self._only_reader(result)
        if reader is not None and isinstance(reader.op, BoundedFunction) and not self.scheme.int16:
            grid = max(grid, self._grid_of_table(result, reader.op.domain), key=lambda item: item.scale)
        return grid

    def _grid_of_bounds(self, node: Node) -> Grid:
        """What a Clip rounds its bounds to: its input's grid, or that in front of the bounds that it is merged with.

        Glow merges bounds across transposes, which sink, and not across reshapes.
        """
        made = {name: source for source in self.graph.nodes for name in source.outputs}
        grid, source = self._grid(node.inputs[0]), made.get(node.inputs[0])
        merged = (Clip, Relu, Transpose) if self.scheme.like_glow else (Clip, Relu, Transpose, Reshape)
        while source is not None and isinstance(source.op, merged):
            grid = max(grid, self._grid(source.inputs[0]), key=lambda item: item.scale)
            source = made.get(source.inputs[0])
        return grid

    def _folds(self, node: Node) -> bool:
        """Whether a normalization becomes a part of the layer in front of it."""
        made = {name: source for source in self.graph.nodes for name in source.outputs}
        source = made.get(node.inputs[0])
        while source is not None and self._only_reader(source.outputs[0]) is not None:
            if isinstance(source.op, Conv2D | FullyConnected | MatMul):
                return True
            passes_on = isinstance(source.op, Transpose | Reshape | BatchNormalization)
            source = made.get(source.inputs[0]) if passes_on else None
        return False

    def _spelled_out(self, node: Node, operands: list[Array], grid: Grid) -> Array:
        """A normalization as the product and the sum that int8 makes of it."""
        assert isinstance(node.op, BatchNormalization)
        shape = [1] * operands[0].ndim
        shape[node.op.axis + 1] = -1
        factor, term = (part.reshape(shape) for part in node.op.affine(*(array[0] for array in operands[1:])))
        product = self._stretched(self.exact[node.inputs[0]] * factor)(operands[0] * factor)
        sums = self._grid_of_sums(node.outputs[0])
        result: Array = grid(sums.steps(product) + sums.steps(term))
        return result
