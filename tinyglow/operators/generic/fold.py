"""Elements that are combined along a dimension, or put in order, or written to places of their own."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import Kernel, Params
from tinyglow.ir.op import Lowering, Op, ShapeError
from tinyglow.ir.types import Shape, TensorType
from tinyglow.kernels.generic.fold import (
    FoldParams,
    OrderParams,
    ScanParams,
    fold_kernel,
    order_kernel,
    scan_kernel,
)
from tinyglow.kernels.generic.put import PutParams, put_kernel


def _run(kernel: Kernel, params: Params, shape: Shape, *inputs: Array) -> tuple[Array, ...]:
    """The kernel's definition on arrays [samples, ...]."""
    samples = max(len(x) for x in inputs)
    result = np.empty((samples, int(np.prod(shape))), kernel.operands[-1].dtype)
    flat = [np.broadcast_to(x.reshape(len(x), -1), (samples, x[0].size)) for x in inputs]
    kernel.run(params, [*flat, result])
    return (result.reshape(samples, *shape),)


class Fold(Op):
    """Totals (sum, prod, max, min) along the middle of an input [outer, length, inner]: [outer, inner]."""

    kind_of_total: str

    takes_indices: ClassVar[bool] = True

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        outer, _, inner = inputs[0].shape
        try:
            fold_kernel(self.kind_of_total, inputs[0].dtype)
        except KeyError as error:
            raise ShapeError(f"a {self.kind_of_total} of {inputs[0].dtype}", "numbers") from error
        return (TensorType((outer, inner), inputs[0].dtype),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        outer, length, inner = inputs[0].shape[1:]
        kernel = fold_kernel(self.kind_of_total, str(inputs[0].dtype))
        return _run(kernel, FoldParams(outer, length, inner), (outer, inner), inputs[0])

    def lower(self, node: Node, lowering: Lowering) -> None:
        type_ = lowering.type_of(node.inputs[0])
        buffers = [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])]
        lowering.call(fold_kernel(self.kind_of_total, type_.dtype), buffers, FoldParams(*type_.shape))


class Scan(Op):
    """Running totals (sum, prod) along the middle of an input [outer, length, inner]; exclusive: of those before."""

    kind_of_total: str
    exclusive: bool

    takes_indices: ClassVar[bool] = True

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (inputs[0],)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        outer, length, inner = inputs[0].shape[1:]
        params = ScanParams(outer, length, inner, int(self.exclusive))
        return _run(scan_kernel(self.kind_of_total, str(inputs[0].dtype)), params, inputs[0].shape[1:], inputs[0])

    def lower(self, node: Node, lowering: Lowering) -> None:
        type_ = lowering.type_of(node.inputs[0])
        buffers = [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])]
        outer, length, inner = type_.shape
        params = ScanParams(outer, length, inner, int(self.exclusive))
        lowering.call(scan_kernel(self.kind_of_total, type_.dtype), buffers, params)


class Order(Op):
    """The places, int64, of the first ``rows`` elements in order along the middle of an input [outer, length, inner].

    smallest: whether the order rises. last: whether the last of equal elements comes first.
    """

    rows: int
    smallest: bool
    last: bool = False

    takes_indices: ClassVar[bool] = True

    def _params(self, shape: Shape) -> OrderParams:
        outer, length, inner = shape
        return OrderParams(outer, length, inner, self.rows, int(self.smallest), int(self.last))

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        outer, length, inner = inputs[0].shape
        if not 1 <= self.rows <= length:
            raise ShapeError(f"{self.rows} of {length} elements", f"1 to {length}")
        return (TensorType((outer, self.rows, inner), "int64"),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        outer, _, inner = inputs[0].shape[1:]
        params = self._params(inputs[0].shape[1:])
        return _run(order_kernel(str(inputs[0].dtype)), params, (outer, self.rows, inner), inputs[0])

    def lower(self, node: Node, lowering: Lowering) -> None:
        type_ = lowering.type_of(node.inputs[0])
        buffers = [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])]
        lowering.call(order_kernel(type_.dtype), buffers, self._params(type_.shape))


class Put(Op):
    """Inputs: x, int32 places in flat x, and as many updates; ``meeting``: none, add, mul, max or min."""

    meeting: str

    takes_indices: ClassVar[bool] = True

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        x, places, updates = inputs
        if places.dtype != "int32" or places.elements != updates.elements or updates.dtype != x.dtype:
            raise ShapeError(f"updates {updates} of {x} at {places}", "as many of the same type")
        return (x,)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x, places, _ = inputs
        params = PutParams(x[0].size, places[0].size)
        return _run(put_kernel(self.meeting, str(x.dtype)), params, x.shape[1:], *inputs)

    def lower(self, node: Node, lowering: Lowering) -> None:
        x, places, _ = (lowering.type_of(name) for name in node.inputs)
        buffers = [lowering.buffer(name) for name in (*node.inputs, *node.outputs)]
        lowering.call(put_kernel(self.meeting, x.dtype), buffers, PutParams(x.elements, places.elements))
