"""Broadcasting of two operands: shapes, what the importer makes of it, and the loops of the kernels.

A kernel runs over one operand element by element, and over the other with a stride along each of three loops: 0 where
that one is repeated. Glow repeats it in memory instead; the numbers are the same.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Array, Node, Value
from tinyglow.ir.kernel import U8, U32, In, Kernel, Out, Params
from tinyglow.ir.op import Lowering, ShapeError, UnsupportedError
from tinyglow.ir.types import QuantParams, Shape
from tinyglow.ops.int8 import int8_params
from tinyglow.ops.lookup_table import LOOKUP, LookupParams
from tinyglow.ops.tile import Tile

LOOPS = 3


@dataclass(frozen=True)
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


def broadcast_shape(x: Shape, y: Shape) -> Shape:
    """The shape of an elementwise result (ONNX, Broadcasting.md, multidirectional). Raises ShapeError."""
    try:
        return np.broadcast_shapes(x, y)
    except ValueError as error:
        raise ShapeError(f"operands of shapes {list(x)} and {list(y)}", "shapes that broadcast") from error


def align_ranks(x: Array, y: Array) -> tuple[Array, Array]:
    """Insert dimensions of size 1 behind the sample axis, so that numpy broadcasts as ONNX does per sample."""
    rank = max(x.ndim, y.ndim)
    x, y = (a.reshape(a.shape[0], *(1,) * (rank - a.ndim), *a.shape[1:]) for a in (x, y))
    return x, y


def _padded(shape: Shape, rank: int) -> Shape:
    return (1,) * (rank - len(shape)) + shape


def strides_of(shape: Shape, operand: Shape) -> list[tuple[int, int]]:
    """(count, stride of the operand) of the fewest loops, outermost first, that repeat ``operand`` to ``shape``."""
    operand = _padded(operand, len(shape))
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


def _folded_constant(value: Value, data: Array, shape: Shape, edit: GraphEditor) -> Value:
    """A constant with as many dimensions as ``shape``, still one wide where it is repeated.

    It is called what Glow calls the constant that it folds its Broadcast into, for that is in its profiles: a Broadcast
    is lowered to a Reshape and Tiles (lib/Optimizer/Lower/Lower.cpp), and the result named after the last of them
    (ConstantFolding.cpp). Equal ones are one.
    """
    data = data.reshape(_padded(data.shape, len(shape)))
    repeated = [axis for axis, count in enumerate(shape) if data.shape[axis] != count]
    stem = f"broadcast_{value.name}" if repeated else value.name
    edit.namer.unique(f"broadcast_{value.name}")
    for known in edit.values.values():
        ours = known.name.startswith(stem) and known.name.endswith("_constfold")
        if ours and known.data is not None and np.array_equal(known.data, data):
            return known
    # A Tile becomes an InsertTensor of its name, numbered; so is the constant that a Reshape alone is merged into.
    last = f"{stem}_tile{repeated[-1]}__1" if repeated else edit.namer.unique(value.name)
    return edit.constant(f"{last}_constfold", data, value.type.reshaped(data.shape))


def broadcast_inputs(
    x: Value, y: Value, edit: GraphEditor, origin: str, keep_vectors: bool = False
) -> tuple[Value, Value]:
    """The operands of an elementwise operator: constants as Glow names them, and no two that are both repeated.

    keep_vectors: leave constants alone that are not repeated. Raises ShapeError if the shapes do not broadcast.
    """
    shape = broadcast_shape(x.type.shape, y.type.shape)
    partial = [value for value in (x, y) if value.type.elements != math.prod(shape)]
    both = len(partial) == 2 and all(value.data is None for value in partial)
    results = []
    for value in (x, y):
        whole = value not in partial
        if value.type.shape == shape or (whole and (keep_vectors or value.data is None)):
            results.append(value)
        elif value.data is not None:
            results.append(_folded_constant(value, value.data, shape, edit))
        elif (both and value is x) or len(strides_of(shape, value.type.shape)) > LOOPS:
            results.append(_repeated(value, shape, edit, origin))
        else:
            results.append(value)
    return results[0], results[1]


def _repeated(value: Value, shape: Shape, edit: GraphEditor, origin: str) -> Value:
    """A value that is computed at run time, repeated in memory."""
    padded = _padded(value.type.shape, len(shape))
    repeats = tuple(count // present for count, present in zip(shape, padded, strict=True))
    return edit.add(f"broadcast_{value.name}", Tile(repeats), [value], origin)


@dataclass(frozen=True, eq=False)
class Operands:
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


@dataclass(frozen=True, eq=False)
class Int8Operands(Operands):
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


@dataclass(frozen=True)
class OrderedParams(BroadcastParams):
    """is_reversed: it is other - input, other / input, other ** input."""

    is_reversed: U8


def float_kernel(
    name: str, function: Callable[[Array, Array], Array], summary: str, params: type[BroadcastParams] = BroadcastParams
) -> Kernel:
    """The kernel tg_<name>_f32, defined as ``function`` of ``input`` and ``other``, element by element.

    params: OrderedParams where it matters which operand is the first.
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
