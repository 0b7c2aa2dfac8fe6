"""Elements from places that are known at compile time: any movement of data."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cached_property
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Lowering, Op, ShapeError
from tinyglow.ir.types import DTYPE_BYTES, Shape, TensorType
from tinyglow.kernels.reshape.gather import GATHER, GatherParams

Places = npt.NDArray[np.int64]


class Pick(Op):
    """An element of the input for each of ``shape``; places: their numbers in the flat input, as bytes of int32."""

    places: bytes
    shape: Shape

    takes_indices: ClassVar[bool] = True
    moves: ClassVar[bool] = True

    @classmethod
    def of(cls, places: Array) -> Pick:
        """From an array of the result's shape."""
        return cls(np.ascontiguousarray(places, np.int32).tobytes(), tuple(places.shape))

    @cached_property
    def index(self) -> Places:
        """The places, int64 [elements]."""
        return np.frombuffer(self.places, np.int32).astype(np.int64)

    def __repr__(self) -> str:
        return f"Pick(shape={self.shape})"

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        if self.index.size and not 0 <= self.index.min() <= self.index.max() < inputs[0].elements:
            raise ShapeError(f"places up to {self.index.max()} of {inputs[0].elements} elements", "places that exist")
        return (replace(inputs[0], shape=self.shape),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x = inputs[0]
        return (x.reshape(len(x), -1)[:, self.index].reshape(len(x), *self.shape),)

    def lower(self, node: Node, lowering: Lowering) -> None:
        type_, index = lowering.type_of(node.inputs[0]), self.index
        if index.size == type_.elements and np.array_equal(index, np.arange(index.size)):
            lowering.alias(node.outputs[0], node.inputs[0])
            return
        breaks = np.flatnonzero(np.diff(index) != 1) + 1
        run = math.gcd(index.size, *(int(place) for place in breaks))
        size = DTYPE_BYTES[type_.dtype]
        rows, columns = _factored(index[::run] * size)
        output = lowering.buffer(node.outputs[0])
        tables = [
            lowering.constant(f"{output}_{name}", offsets.astype(np.int32))
            for name, offsets in (("rows", rows), ("columns", columns))
        ]
        params = GatherParams(1, len(rows), len(columns), run * size, 0)
        lowering.call(GATHER, [lowering.buffer(node.inputs[0]), *tables, output], params)


def _factored(offsets: Places) -> tuple[Places, Places]:
    """(rows, columns) with offsets[r * len(columns) + c] = rows[r] + columns[c], with as few numbers as possible."""
    best = (offsets, np.zeros(1, np.int64))
    count = len(offsets)
    for width in range(2, math.isqrt(count) + 1):
        for columns in {width, count // width} if count % width == 0 else ():
            table = offsets.reshape(-1, columns)
            if count // columns + columns < sum(map(len, best)) and (np.diff(table - table[:, :1], axis=0) == 0).all():
                best = (table[:, 0], table[0] - table[0, 0])
    return best
