"""The loops and operands of kernels that broadcast one operand.

A kernel runs over one operand element by element, and over the other with a stride along each of three loops: 0 where
that one is repeated. Glow repeats it in memory instead; the numbers are the same.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import U8, U32, In, Kernel, Out, Params
from tinyglow.ir.numbers import Numbers
from tinyglow.ir.op import Lowering, UnsupportedError
from tinyglow.ir.record import Record
from tinyglow.ir.types import QuantParams, Shape
from tinyglow.kernels.elementwise.lookup import LOOKUP, LookupParams
from tinyglow.kernels.int8 import int8_params

LOOPS = 3


class BroadcastParams(Params):
    """Trip counts of the loops, outermost first, and how far ``other`` advances in each, in elements."""

    outer: U32
    middle: U32
    inner: U32
    outer_stride: U32
    middle_stride: U32
    inner_stride: U32

    @property
    def elements(self) -> int:
        """Number of elements of the result."""
        return self.outer * self.middle * self.inner

    def spread(self, other: Array) -> Array:
        """``other`` [samples, elements] as [samples, outer * middle * inner]: what the loops read, in order."""
        outer, middle, inner = (
            np.arange(count) * stride
            for count, stride in (
                (self.outer, self.outer_stride),
                (self.middle, self.middle_stride),
                (self.inner, self.inner_stride),
            )
        )
        return other[:, (outer[:, None, None] + middle[:, None] + inner).ravel()]


def padded_shape(shape: Shape, rank: int) -> Shape:
    """``shape`` with dimensions of size 1 before it, ``rank`` dimensions in all."""
    return (1,) * (rank - len(shape)) + shape


def strides_of(shape: Shape, operand: Shape) -> list[tuple[int, int]]:
    """(count, stride of the operand) of the fewest loops, outermost first, that repeat ``operand`` to ``shape``."""
    operand = padded_shape(operand, len(shape))
    loops: list[tuple[int, int]] = []
    for axis, count in enumerate(shape):
        if count == 1:
            continue
        stride = math.prod(operand[axis + 1 :]) if operand[axis] != 1 else 0
        # Adjacent dimensions are one loop where both are repeated, or both are read one after the other.
        if loops and (loops[-1][1] == 0) == (stride == 0):
            loops[-1] = (loops[-1][0] * count, stride)
        else:
            loops.append((count, stride))
    return loops


class Operands(Record, eq=False):
    """The operands of an operator as a kernel takes them.

    ``input`` has all elements of the result, ``other`` those that the loops read; each is a buffer or a constant.
    is_reversed: ``input`` is the operator's second operand.
    """

    names: tuple[str, str, str]  # of input, other and result
    constants: tuple[Array | None, Array | None]
    loops: dict[str, int]
    is_reversed: bool

    def call(self, kernel: Kernel, params: BroadcastParams, lowering: Lowering) -> None:
        """Emit the call of ``kernel``."""
        buffers = [self._buffer(0, lowering), self._buffer(1, lowering), lowering.buffer(self.names[2])]
        lowering.call(kernel, buffers, params)

    def _buffer(self, index: int, lowering: Lowering) -> str:
        data = self.constants[index]
        return lowering.buffer(self.names[index]) if data is None else lowering.constant(self.names[index], data)


class Int8Operands(Operands, eq=False):
    """The operands of an int8 operator; ``params`` of input, other and result."""

    params: tuple[QuantParams, QuantParams, QuantParams]

    def call(self, kernel: Kernel, params: BroadcastParams, lowering: Lowering) -> None:
        """Emit the call of ``kernel``; or of a table, where the result depends on one element that is not constant."""
        table = self._table(kernel, params)
        if table is None:
            super().call(kernel, params, lowering)
            return
        buffers = [self._buffer(0, lowering), lowering.constant(f"{self.names[2]}_table", table)]
        lowering.call(LOOKUP, [*buffers, lowering.buffer(self.names[2])], LookupParams(params.elements))

    def _table(self, kernel: Kernel, params: BroadcastParams) -> Array | None:
        """The results for all int8 inputs [256]; None if they depend on more, or if the table outgrows the data."""
        constant = self.constants[1]
        one_element = self.names[0] == self.names[1] if constant is None else constant.size == 1
        if params.elements < 256 or not one_element:
            return None
        inputs = np.arange(-128, 128).astype(np.int8).reshape(1, 256)
        other = inputs if constant is None else constant.reshape(1, 1)
        table = np.empty((1, 256), np.int8)
        stride = int(constant is None)
        loops = {"outer": 1, "middle": 1, "inner": 256, "outer_stride": 0, "middle_stride": 0, "inner_stride": stride}
        kernel.run(replace(params, **loops), [inputs, other, table])
        return table[0]


def _data(name: str, lowering: Lowering) -> Array | None:
    try:
        return lowering.data_of(name)
    except UnsupportedError:
        return None


def _choose_input(whole: list[bool], constant: list[bool]) -> int | None:
    """The operand that the loops run along: a whole one, rather one that changes; else a constant to be repeated."""
    for candidates in ([w and not c for w, c in zip(whole, constant, strict=True)], whole, constant):
        if any(candidates):
            return candidates.index(True)
    return None


def lower_operands(node: Node, lowering: Lowering) -> Int8Operands:
    """The operands of an int8 operator with two. Raises UnsupportedError if three loops cannot broadcast them."""
    params = int8_params(node, lowering)
    operands = order_operands(node, lowering)
    x, y = params[1::-1] if operands.is_reversed else params[:2]
    fields = {field.name: getattr(operands, field.name) for field in dataclasses.fields(Operands)}
    return Int8Operands(**fields, params=(x, y, params[2]))


def order_operands(node: Node, lowering: Lowering) -> Operands:
    """The operands of any operator with two. Raises UnsupportedError if three loops cannot broadcast them."""
    types = [lowering.type_of(name) for name in (*node.inputs, node.outputs[0])]
    shape, shapes = types[2].shape, [type_.shape for type_ in types]
    data = [_data(name, lowering) for name in node.inputs]
    first = _choose_input([t.elements == types[2].elements for t in types[:2]], [d is not None for d in data])
    if first is None:
        found = f"operands of shapes {list(shapes[0])} and {list(shapes[1])}"
        raise UnsupportedError(found, "one that has the result's shape")
    order = (first, 1 - first)
    loops, constant = strides_of(shape, shapes[order[1]]), data[order[1]]
    if len(loops) > LOOPS and constant is None:
        found = f"an operand of shape {list(shapes[order[1]])} broadcast to {list(shape)}"
        raise UnsupportedError(found, f"at most {LOOPS} runs of dimensions that are repeated or not, in turn")
    if len(loops) > LOOPS and constant is not None:
        loops, constant = [(math.prod(shape), 1)], np.array(np.broadcast_to(constant, shape))
    whole = data[first]
    return Operands(
        names=(node.inputs[order[0]], node.inputs[order[1]], node.outputs[0]),
        constants=(None if whole is None else np.array(np.broadcast_to(whole, shape)), constant),
        loops=loop_fields(loops),
        is_reversed=first == 1,
    )


class OrderedParams(BroadcastParams):
    """An operation whose operands have an order. is_reversed: it is other - input, other / input, other ** input."""

    is_reversed: U8


def float_kernel(
    name: str,
    function: Callable[[Array, Array], Array],
    summary: str,
    params: type[BroadcastParams] = BroadcastParams,
    turns_by_data: int = 0,
) -> Kernel:
    """The kernel tg_<name>_f32, defined as ``function`` of ``input`` and ``other``, element by element.

    params: OrderedParams where it matters which operand is the first. turns_by_data: see ``Kernel``.
    """

    def reference(p: BroadcastParams, x: Array, other: Array, out: Array) -> None:
        y = p.spread(other)
        with np.errstate(all="ignore"):
            out[...] = function(y, x) if isinstance(p, OrderedParams) and p.is_reversed else function(x, y)

    return Kernel(
        symbol=f"tg_{name}_f32",
        c_file=f"elementwise/tg_{name}_f32.c",
        params=params,
        operands=(In("input", "float32"), In("other", "float32"), Out("output", "float32", may_alias="input")),
        reference=reference,
        summary=f"{summary}, in float",
        turns_by_data=turns_by_data,
    )


def lower_float(node: Node, lowering: Lowering, kernel: Kernel) -> None:
    """Emit the call of a ``float_kernel``. Raises UnsupportedError if three loops cannot broadcast the operands."""
    operands = order_operands(node, lowering)
    params = BroadcastParams(**operands.loops)
    if kernel.params is OrderedParams:
        params = OrderedParams(**operands.loops, is_reversed=int(operands.is_reversed))
    operands.call(kernel, params, lowering)


def loop_fields(loops: list[tuple[int, int]]) -> dict[str, int]:
    """The fields of BroadcastParams for loops of ``strides_of``, of which there are at most LOOPS."""
    (outer, far), (middle, further), (inner, near) = [(1, 0)] * (LOOPS - len(loops)) + loops
    counts = {"outer": outer, "middle": middle, "inner": inner}
    return {**counts, "outer_stride": far, "middle_stride": further, "inner_stride": near}


def int16_kernel(
    name: str,
    params: type[BroadcastParams],
    reference: Callable[..., None],
    summary: str,
    numbers_of: Callable[[Any], Numbers],
) -> Kernel:
    """The kernel tg_<name>_s16 of two operands."""
    return Kernel(
        symbol=f"tg_{name}_s16",
        c_file=f"elementwise/tg_{name}_s16.c",
        params=params,
        operands=(In("input", "int16"), In("other", "int16"), Out("output", "int16", may_alias="input")),
        reference=reference,
        summary=f"{summary}, in int16",
        numbers_of=numbers_of,
    )


INT8_OPERANDS = (In("input", "int8"), In("other", "int8"), Out("output", "int8", may_alias="input"))
