"""Broadcasting of two operands: shapes, and what the importer makes of it."""

from __future__ import annotations

import math

import numpy as np

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Array, Value
from tinyglow.ir.op import ShapeError
from tinyglow.ir.types import Shape
from tinyglow.kernels.elementwise.broadcast import LOOPS, padded_shape, strides_of
from tinyglow.operators.tile import Tile


def broadcast_shape(x: Shape, y: Shape) -> Shape:
    """The shape of an elementwise result (ONNX, Broadcasting.md, multidirectional). Raises ShapeError."""
    try:
        return np.broadcast_shapes(x, y)
    except ValueError as error:
        raise ShapeError(f"operands of shapes {list(x)} and {list(y)}", "shapes that broadcast") from error


def align_ranks(x: Array, y: Array) -> tuple[Array, Array]:
    """Insert dimensions of size 1 after the sample axis, so that numpy broadcasts as ONNX does per sample."""
    rank = max(x.ndim, y.ndim)
    x, y = (a.reshape(a.shape[0], *(1,) * (rank - a.ndim), *a.shape[1:]) for a in (x, y))
    return x, y


def _folded_constant(value: Value, data: Array, shape: Shape, edit: GraphEditor) -> Value:
    """A constant with as many dimensions as ``shape``, still one wide where it is repeated.

    It is called what Glow calls the constant that it folds its Broadcast into, for that is in its profiles: a Broadcast
    is lowered to a Reshape and Tiles (lib/Optimizer/Lower/Lower.cpp), and the result named after the last of them
    (ConstantFolding.cpp). Equal ones are one.
    """
    data = data.reshape(padded_shape(data.shape, len(shape)))
    repeated = [axis for axis, count in enumerate(shape) if data.shape[axis] != count]
    stem = f"broadcast_{value.name}" if repeated else value.name
    edit.namer.unique(f"broadcast_{value.name}")
    for known in edit.folded_like(data):
        if known.name.startswith(stem) and known.data is not None and np.array_equal(known.data, data):
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
    padded = padded_shape(value.type.shape, len(shape))
    repeats = tuple(count // present for count, present in zip(shape, padded, strict=True))
    return edit.add(f"broadcast_{value.name}", Tile(repeats), [value], origin)
