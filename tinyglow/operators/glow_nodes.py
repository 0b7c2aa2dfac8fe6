"""Nodes that Glow's importer and passes make, and that nothing else needs: what ``--graph=glow`` begins with.

Its lowering (``tinyglow.glow.lower``) makes other operators of most of them. See lib/Graph/Graph.cpp, Nodes.cpp.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Lowering, Op, ShapeError
from tinyglow.ir.types import Shape, TensorType
from tinyglow.numerics import glow
from tinyglow.operators.fill import fill


class Splat(Op):
    """No inputs: a tensor of ``shape`` that is ``value`` everywhere."""

    value: float
    shape: Shape

    quantizable: ClassVar[bool] = True
    absorbs_rescale_after: ClassVar[bool] = True

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (TensorType(self.shape),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (np.full((1, *self.shape), self.value, np.float32),)

    def data(self, type_: TensorType) -> Array:
        """The tensor, in the dtype of ``type_``, quantized if that is."""
        whole: Array = np.full(self.shape, self.value, np.float32)
        if type_.quant is None:
            return whole
        return glow.quantize(whole, type_.quant.scale, type_.quant.offset, type_.dtype)

    def lower(self, node: Node, lowering: Lowering) -> None:
        fill(lowering, lowering.buffer(node.outputs[0]), lowering.type_of(node.outputs[0]), self.value)


class Gemm(Op):
    """alpha * A * B + beta * C, A and B transposed where the attributes say so; C is [columns] or [rows, columns]."""

    alpha: float = 1.0
    beta: float = 1.0
    trans_a: bool = False
    trans_b: bool = False

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        sides = zip((inputs[0].shape, inputs[1].shape), self._turns, strict=True)
        a, b = (shape[::-1] if turned else shape for shape, turned in sides)
        if len(a) != 2 or len(b) != 2 or a[1] != b[0]:
            raise ShapeError(f"matrices {list(a)} and {list(b)}", "[n, k] and [k, m]")
        return (TensorType((a[0], b[1])),)

    @property
    def _turns(self) -> tuple[bool, bool]:
        return self.trans_a, self.trans_b

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        a, b = (x.swapaxes(1, 2) if turned else x for x, turned in zip(inputs[:2], self._turns, strict=True))
        c = inputs[2]
        term = c[:, np.newaxis] if c.ndim == 2 else c
        return ((np.float32(self.alpha) * (a @ b) + np.float32(self.beta) * term).astype(np.float32),)


class Broadcast(Op):
    """The input, whose first dimension is dimension ``axis`` of the result, repeated to ``shape``."""

    shape: Shape
    axis: int

    def aligned(self, shape: Shape) -> Shape:
        """``shape`` with dimensions of size 1 around it, as many in all as the result has."""
        behind = len(self.shape) - self.axis - len(shape)
        return (1,) * self.axis + shape + (1,) * behind

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        aligned = self.aligned(inputs[0].shape)
        if len(aligned) != len(self.shape) or any(
            size not in (1, count) for size, count in zip(aligned, self.shape, strict=True)
        ):
            raise ShapeError(f"{list(inputs[0].shape)} broadcast to {list(self.shape)}", "shapes that broadcast")
        return (inputs[0].reshaped(self.shape),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x = inputs[0].reshape(len(inputs[0]), *self.aligned(inputs[0].shape[1:]))
        return (np.broadcast_to(x, (len(x), *self.shape)),)


class ChannelShuffle(Op):
    """Dimension ``kernel`` as [group, size / group], transposed."""

    group: int
    kernel: int

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (inputs[0],)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x = inputs[0]
        axis = self.kernel + 1
        parts = x.reshape(*x.shape[:axis], self.group, x.shape[axis] // self.group, *x.shape[axis + 1 :])
        return (parts.swapaxes(axis, axis + 1).reshape(x.shape),)


class PReluOfSlopes(Op):
    """Inputs: x, and slopes of the same shape; x where it is at least 0, else slope * x."""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (inputs[0],)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x, slopes = inputs
        return (np.where(x >= 0, x, slopes * x),)
