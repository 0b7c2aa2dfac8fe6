"""Building the graph of an operator of ONNX from plain ones; what depends on constants alone is computed at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from tinyglow.ir.graph import Array, Value
from tinyglow.ir.op import Importer, Op, SourceNode, UnsupportedError
from tinyglow.ir.types import Shape
from tinyglow.operators.axes import normalize_axis
from tinyglow.operators.batch_matmul import BatchMatMul
from tinyglow.operators.broadcast import broadcast_inputs, broadcast_shape
from tinyglow.operators.concat import Concat
from tinyglow.operators.generic.each import CastTo, Each
from tinyglow.operators.generic.floats import FLOAT_BINARY
from tinyglow.operators.generic.fold import Fold, Order, Scan
from tinyglow.operators.generic.pick import Pick
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.transpose import Transpose

_FLOATS = ("float32", "float16", "bfloat16", "float64")
_DIVISIONS = ("div", "mod", "fmod")
MOST_ELEMENTS = 2**22  # of a table of places, and of what a node of a few bytes may ask for


class TypedImporter(Importer, Protocol):
    """An importer that knows the element types of ONNX."""

    def room_elements(self) -> int:
        """Elements that one more constant may have."""

    def element(self, name: str) -> str:
        """What numpy calls the element type of a source tensor (``bfloat16`` too); "" if it is not known."""


def carrier(element: str) -> str:
    """The type of the values that stand for elements of a type: float32 for all floats."""
    return "float32" if element in _FLOATS else element


class Build:
    """One node of ONNX on its way into the graph.

    Attributes:
        node: The node.
        importer: Gives values and constants.
    """

    def __init__(self, node: SourceNode, importer: TypedImporter) -> None:
        self.node = node
        self.importer = importer
        self.edit = importer.editor

    # what the node has

    def has(self, index: int) -> bool:
        """Whether the node has an input at ``index``."""
        return len(self.node.inputs) > index and bool(self.node.inputs[index])

    def element(self, index: int) -> str:
        """The element type of an input, as ONNX has it."""
        return self.importer.element(self.node.inputs[index])

    def input(self, index: int) -> Value:
        """An input, of the type that stands for its own. Raises UnsupportedError if there is none of the kind."""
        if not self.has(index):
            raise UnsupportedError(f"has no input {index}", "that input")
        value = self.importer.value(self.node.inputs[index])
        wanted = carrier(self.element(index))
        if value.data is not None and wanted and value.type.dtype != wanted and value.type.quant is None:
            return self.constant(value.data.astype(wanted))
        if value.data is None and wanted and value.type.dtype != wanted:
            raise UnsupportedError(f"the {wanted} input {self.node.inputs[index]!r} as {value.type.dtype}", wanted)
        return value

    def optional(self, index: int) -> Value | None:
        """An input, None if it is left out."""
        return self.input(index) if self.has(index) else None

    def static(self, index: int, what: str) -> Array:
        """The data of an input. Raises UnsupportedError if it is computed at run time."""
        data = self.input(index).data
        if data is None:
            hint = "or leave that to the application: --output-name ends the network before it"
            raise UnsupportedError(f"{what} computed at run time", "a constant", hint)
        return data

    def integers(self, index: int, what: str, default: Sequence[int] | None = None) -> list[int]:
        """The numbers of a constant input; ``default`` if it is left out."""
        if default is not None and not self.has(index):
            return list(default)
        return [int(item) for item in self.static(index, what).ravel()]

    def result_dtype(self, index: int) -> str:
        """The type that stands for that of a result."""
        return carrier(self.importer.element(self.node.outputs[index])) or "float32"

    # making values

    def require(self, shape: Sequence[int]) -> None:
        """Raises UnsupportedError for a constant, or a table of places, that outgrows the model."""
        most = min(MOST_ELEMENTS, self.importer.room_elements())
        if math.prod(shape) > most:
            raise UnsupportedError(f"a constant of shape {list(shape)}", f"at most {most} elements")

    def constant(self, data: Array) -> Value:
        """A constant."""
        return self.edit.constant(f"{self.node.name}_constant", np.array(data, order="C"))

    def like(self, number: float, value: Value) -> Value:
        """A constant of one element and the type of ``value``."""
        return self.constant(np.array(number).astype(value.type.dtype))

    def add(self, op: Op, *inputs: Value) -> Value:
        """A node's first result; a constant where all inputs are."""
        data = [value.data for value in inputs]
        if all(array is not None for array in data):
            (type_, *_) = op.infer(*(value.type for value in inputs))
            self.require(type_.shape)
            result = op.run_float(*(array[np.newaxis] for array in data if array is not None))[0][0]
            return self.constant(result.astype(type_.dtype).reshape(type_.shape))
        return self.edit.add(self.node.name, op, inputs, self.node.name)

    def each(self, function: str, *inputs: Value) -> Value:
        """A function of ``kernels.generic.functions``; operands broadcast."""
        if function in FLOAT_BINARY and inputs[0].type.dtype == "float32":
            return self.float_binary(FLOAT_BINARY[function], *inputs)
        divisor = inputs[1].data if function in _DIVISIONS and inputs[1].type.dtype != "float32" else None
        if divisor is not None and not divisor.all():
            raise UnsupportedError("division of integers by zero", "another divisor")
        shape: Shape = ()
        for value in inputs:
            shape = broadcast_shape(shape, value.type.shape)
        spread = [value if value.type.elements == 1 else self.expand(value, shape) for value in inputs]
        result = self.add(Each(function), *spread)
        return self.reshape(result, shape) if result.type.elements == math.prod(shape) else self.expand(result, shape)

    def float_binary(self, op: Op, x: Value, y: Value) -> Value:
        """An operator of two float operands that has kernels of its own for what broadcasts."""
        if x.data is not None and y.data is not None:
            return self.add(op, x, y)
        return self.edit.add(self.node.name, op, broadcast_inputs(x, y, self.edit, self.node.name), self.node.name)

    def absolute(self, value: Value) -> Value:
        """The size of each number."""
        return self.each("max", value, self.each("sub", self.like(0, value), value))

    def cast(self, value: Value, dtype: str) -> Value:
        """The value as another carrier type."""
        return value if value.type.dtype == dtype else self.add(CastTo(dtype), value)

    def pick(self, value: Value, places: Array) -> Value:
        """Elements at ``places`` of the flat value."""
        self.require(places.shape)
        if places.size == 0:
            return self.constant(np.zeros(places.shape, value.type.dtype))
        if places.size == value.type.elements and np.array_equal(places.ravel(), np.arange(places.size)):
            return self.reshape(value, tuple(places.shape))
        return self.add(Pick.of(places), value)

    def places(self, value: Value) -> Array:
        """The number of each element of a value in its flat form, int64 of its shape."""
        if value.type.elements > MOST_ELEMENTS:
            raise UnsupportedError(f"a tensor of {value.type.elements} elements", f"at most {MOST_ELEMENTS}")
        return np.arange(value.type.elements).reshape(value.type.shape)

    def places_along(self, shape: Sequence[int], axis: int) -> Value:
        """The int64 number of each element along ``axis``."""
        along = [-1 if number == axis else 1 for number in range(len(shape))]
        return self.constant(np.arange(shape[axis], dtype=np.int64).reshape(along))

    def pick_of(self, values: Sequence[Value], places: Array) -> Value:
        """Elements of several values, numbered one value after the other."""
        return self.pick(self.concat([self.flat(value) for value in values], 0), places)

    def moved(self, value: Value, move: Callable[[Array], Array]) -> Value:
        """The value with its elements where ``move`` puts them."""
        return self.pick(value, move(self.places(value)))

    def filled(self, value: Value, fill: Value, places: Array) -> Value:
        """Elements at ``places`` of the flat value, and ``fill`` where a place is negative."""
        if places.size and places.min() >= 0:
            return self.pick(value, places)
        return self.pick_of(
            [value, self.cast(fill, value.type.dtype)], np.where(places < 0, value.type.elements, places)
        )

    def flat(self, value: Value) -> Value:
        """The elements in one row."""
        return self.reshape(value, (value.type.elements,))

    def reshape(self, value: Value, shape: Sequence[int]) -> Value:
        """The same elements in another shape."""
        return value if value.type.shape == tuple(shape) else self.add(Reshape(tuple(shape)), value)

    def transpose(self, value: Value, perm: Sequence[int]) -> Value:
        """Dimensions in another order."""
        return value if list(perm) == sorted(perm) else self.add(Transpose(tuple(perm)), value)

    def expand(self, value: Value, shape: Sequence[int]) -> Value:
        """The value repeated to a shape that it broadcasts to."""
        if value.type.shape == tuple(shape):
            return value
        self.require(shape)
        if broadcast_shape(value.type.shape, tuple(shape)) != tuple(shape):
            raise UnsupportedError(f"a value of shape {list(value.type.shape)}", f"one that repeats to {list(shape)}")
        return self.moved(value, lambda places: np.broadcast_to(places, tuple(shape)))

    def concat(self, values: Sequence[Value], axis: int) -> Value:
        """Values one after the other."""
        return values[0] if len(values) == 1 else self.add(Concat(axis), *values)

    # arithmetic along dimensions

    def _lines(self, value: Value, axes: Sequence[int]) -> tuple[Value, Shape]:
        """The value as [outer, length, inner] with ``axes`` in the middle, and the shape of the others."""
        shape, rank = value.type.shape, len(value.type.shape)
        kept = [axis for axis in range(rank) if axis not in axes]
        length = math.prod(shape[axis] for axis in axes)
        if list(axes) == list(range(axes[0], axes[0] + len(axes))) if axes else False:
            outer, inner = math.prod(shape[: axes[0]]), math.prod(shape[axes[-1] + 1 :])
            return self.reshape(value, (outer, length, inner)), tuple(shape[axis] for axis in kept)
        turned = self.transpose(value, [*kept, *axes])
        return self.reshape(turned, (math.prod(shape[axis] for axis in kept), length, 1)), tuple(
            shape[axis] for axis in kept
        )

    def fold(self, kind: str, value: Value, axes: Sequence[int], keepdims: bool = True) -> Value:
        """The sum, prod, max or min over ``axes``."""
        rank = len(value.type.shape)
        if not value.type.elements:
            raise UnsupportedError(f"a {kind} of no elements: shape {list(value.type.shape)}", "at least one element")
        axes = sorted({normalize_axis(axis, rank) for axis in axes})
        lines, kept = self._lines(value, axes)
        total = self.add(Fold(kind), lines) if axes else value
        shape = [1 if axis in axes else size for axis, size in enumerate(value.type.shape)]
        return self.reshape(total, shape if keepdims else kept)

    def mean(self, value: Value, axes: Sequence[int], keepdims: bool = True) -> Value:
        """The mean over ``axes``."""
        total = self.fold("sum", value, axes, keepdims)
        count = value.type.elements // max(1, total.type.elements)
        return self.each("div", total, self.like(count, total))

    def scan(self, kind: str, value: Value, axis: int, exclusive: bool = False) -> Value:
        """Running totals along ``axis``."""
        lines, _ = self._lines(value, [axis])
        return self.reshape(self.add(Scan(kind, exclusive), lines), value.type.shape)

    def order(self, value: Value, axis: int, rows: int, smallest: bool, last: bool = False) -> Value:
        """The int64 places along ``axis`` of the first ``rows`` elements in order."""
        lines, _ = self._lines(value, [axis])
        shape = [rows if number == axis else size for number, size in enumerate(value.type.shape)]
        return self.reshape(self.add(Order(rows, smallest, last), lines), shape)

    def matmul(self, x: Value, y: Value) -> Value:
        """Matrix products of stacks of matrices [..., n, k] and [..., k, m], which broadcast; numbers of any type."""
        if x.type.dtype != y.type.dtype:
            raise UnsupportedError(f"operands of types {x.type.dtype} and {y.type.dtype}", "two of the same type")
        if min(len(x.type.shape), len(y.type.shape)) < 2:
            raise UnsupportedError(f"{list(x.type.shape)} times {list(y.type.shape)}", "matrices")
        batch = broadcast_shape(x.type.shape[:-2], y.type.shape[:-2])
        (n, k), m = x.type.shape[-2:], y.type.shape[-1]
        if y.type.shape[-2] != k:
            raise UnsupportedError(f"{list(x.type.shape)} times {list(y.type.shape)}", "matrices that fit")
        count = math.prod(batch)
        if x.type.dtype == "float32":
            left = self.reshape(self.expand(x, (*batch, n, k)), (count, n, k))
            right = self.reshape(self.expand(y, (*batch, k, m)), (count, k, m))
            return self.reshape(self.add(BatchMatMul(), left, right), (*batch, n, m))
        products = self.each(
            "mul",
            self.reshape(self.expand(x, (*batch, n, k)), (*batch, n, k, 1)),
            self.reshape(self.expand(y, (*batch, k, m)), (*batch, 1, k, m)),
        )
        return self.fold("sum", products, [len(batch) + 1], keepdims=False)
