"""What the ranges of a node's inputs say of the range of its result, whatever the samples were: interval arithmetic."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from tinyglow.ir.graph import Array, Graph, Node
from tinyglow.ir.op import Op
from tinyglow.ir.record import Record
from tinyglow.operators.add import Add
from tinyglow.operators.avg_pool import AvgPool
from tinyglow.operators.ceil import Ceil
from tinyglow.operators.clip import Clip
from tinyglow.operators.concat import Concat
from tinyglow.operators.conv2d import Conv2D
from tinyglow.operators.erf import Erf
from tinyglow.operators.exp import Exp
from tinyglow.operators.floor import Floor
from tinyglow.operators.fully_connected import FullyConnected
from tinyglow.operators.matmul import MatMul
from tinyglow.operators.max import Max
from tinyglow.operators.min import Min
from tinyglow.operators.mul import Mul
from tinyglow.operators.pad import Pad
from tinyglow.operators.relu import Relu
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.round import Round
from tinyglow.operators.sigmoid import Sigmoid
from tinyglow.operators.sqrt import Sqrt
from tinyglow.operators.sub import Sub
from tinyglow.operators.tanh import Tanh
from tinyglow.operators.transpose import Transpose
from tinyglow.quant.profile import Range

# Ranges were recorded in float32, by sums in another order and by other libraries' functions.
_TOLERANCE = 1e-4
_MOVEMENTS = (Transpose, Reshape)
_RISING = (Relu, Clip, Sigmoid, Tanh, Exp, Erf, Floor, Ceil, Round, Sqrt)


def moved_from(node: Node) -> str | None:
    """The value whose elements, all of them and no others, the node's result has in another order."""
    return node.inputs[0] if isinstance(node.op, _MOVEMENTS) else None


class Implied(Record):
    """A range that follows from others. exact: the result's range is this one; otherwise it lies within."""

    low: float
    high: float
    exact: bool = False

    def allows(self, range_: Range) -> bool:
        """Whether the result may have ``range_``, but for rounding."""
        slack = _TOLERANCE * max(abs(self.low), abs(self.high), abs(range_.low), abs(range_.high))
        if range_.low < self.low - slack or range_.high > self.high + slack:
            return False
        return not self.exact or (range_.low <= self.low + slack and range_.high >= self.high - slack)


def _of_layer(weights: Array, bias: Array | None, low: float, high: float) -> Implied:
    """Sums of inputs between low and high times weights [units, ...]."""
    rows = weights.reshape(len(weights), -1).astype(np.float64)
    positive, negative = np.maximum(rows, 0).sum(axis=1), np.minimum(rows, 0).sum(axis=1)
    term = 0.0 if bias is None else bias.astype(np.float64)
    return Implied(
        float((positive * low + negative * high + term).min()), float((positive * high + negative * low + term).max())
    )


def _convolution(op: Op, x: Range, constants: Sequence[Array | None]) -> Implied | None:
    assert isinstance(op, Conv2D)
    if constants[1] is None or constants[2] is None:
        return None
    low, high = (min(x.low, 0.0), max(x.high, 0.0)) if any(op.window.pads) else (x.low, x.high)
    return _of_layer(constants[1], constants[2], low, high)


def _product(op: Op, x: Range, constants: Sequence[Array | None]) -> Implied | None:
    if constants[1] is None:
        return None
    bias = constants[2] if isinstance(op, FullyConnected) else None
    return _of_layer(np.moveaxis(constants[1], -1, 0), bias, x.low, x.high)


def _corners(combine: Callable[[float, float], float], x: Range, y: Range) -> Implied:
    ends = [combine(a, b) for a, b in itertools.product((x.low, x.high), (y.low, y.high))]
    return Implied(min(ends), max(ends))


_ARITHMETIC: dict[type[Op], Callable[[float, float], float]] = {
    Add: lambda a, b: a + b,
    Sub: lambda a, b: a - b,
    Mul: lambda a, b: a * b,
    Max: max,
    Min: min,
}


def _of_function(op: Op, x: Range) -> Implied | None:
    """Of a function that rises with its argument."""
    with np.errstate(all="ignore"):
        (ends,) = op.run_float(np.array([[x.low, x.high]], np.float32))
    low, high = (float(end) for end in ends[0])
    return Implied(low, high, exact=True) if np.isfinite(ends).all() else None


def implied_range(node: Node, inputs: Sequence[Range], constants: Sequence[Array | None]) -> Implied | None:
    """What ``inputs`` (a constant's is its own) imply for the first result; None where nothing is known.

    constants: the inputs' data where they are constant.
    """
    op, x = node.op, inputs[0]
    if isinstance(op, Concat):
        return Implied(min(r.low for r in inputs), max(r.high for r in inputs), exact=True)
    if isinstance(op, _RISING):
        return _of_function(op, x)
    if isinstance(op, Conv2D):
        return _convolution(op, x, constants)
    if isinstance(op, FullyConnected | MatMul):
        return _product(op, x, constants)
    if type(op) in _ARITHMETIC:
        return _corners(_ARITHMETIC[type(op)], *inputs)
    if isinstance(op, _MOVEMENTS):
        return Implied(x.low, x.high, exact=True)
    if op.keeps_params:
        return Implied(x.low, x.high)
    if isinstance(op, AvgPool | Pad):
        value = op.value if isinstance(op, Pad) else 0.0
        return Implied(min(x.low, value), max(x.high, value))
    return None


def own_range(data: Array) -> Range:
    """The range of a constant."""
    return Range(float(data.min()), float(data.max())) if data.size else Range(0.0, 0.0)


def is_consistent(graph: Graph, node: Node, ranges: Sequence[Range], result: Range) -> bool:
    """Whether ``node`` can have made values of range ``result`` of inputs with ``ranges``."""
    implied = implied_range(node, ranges, [graph.values[name].data for name in node.inputs])
    return implied is None or implied.allows(result)
