"""A function of one element that several operators make together; int8 looks it up in one table of 256 entries."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tinyglow.ir.graph import Array, Node, Value
from tinyglow.ir.op import Op, Quantizing
from tinyglow.ir.record import Record
from tinyglow.ir.types import QuantParams
from tinyglow.numerics import glow
from tinyglow.operators.element_function import ElementFunction


class Step(Record):
    """One operator of a function, applied to results of earlier steps and to numbers.

    Attributes:
        op: The operator.
        operands: For each operand: the number of an earlier result (0 is the function's input, 1 the first step's
            result), or a constant.
    """

    op: Op
    operands: tuple[int | float, ...]


class ElementTable(ElementFunction):
    """What ``steps`` make of each element; the last one's result is the function's."""

    steps: tuple[Step, ...]

    # Made for int8 alone, where it is looked up.
    has_int16: ClassVar[bool] = False

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (self.function(inputs[0]),)

    def function(self, x: Array) -> Array:
        """The function of floats, each step as its operator computes it: in ``x``'s dtype or in float32."""
        flat = x.reshape(len(x), -1)
        results = [flat]
        with np.errstate(all="ignore"):
            for step in self.steps:
                operands = [
                    results[operand] if isinstance(operand, int) else np.full((1, 1), operand, x.dtype)
                    for operand in step.operands
                ]
                results.append(step.op.run_float(*operands)[0])
        return results[-1].reshape(x.shape)

    def table(self, source: QuantParams, result: QuantParams) -> Array:
        """int8 [256]: the quantized result for each int8 input from -128 on.

        Inputs are those that Dequantize makes. Where a function jumps, the nearest float32 may be on the other side.
        """
        codes = np.arange(-128, 128).astype(np.int8)
        y = self.function(glow.dequantize(codes, source.scale, source.offset).reshape(1, -1))
        return glow.quantize(y.astype(np.float32).ravel(), result.scale, result.offset)

    def quantize(self, node: Node, quantizing: Quantizing) -> Value:
        """A table. Inputs beyond which the result stays the same need no steps of their own.

        The narrower range is a rescale before the table, which the layer in front takes over if it can; otherwise the
        table takes it back.
        """
        x, params = quantizing.quantized(node.inputs[0]), quantizing.params(node.outputs[0])
        assert x.type.quant
        narrow = self._narrowed(x.type.quant, params, quantizing)
        return self.look_up(node, quantizing.rescale(node.name, x, narrow, node.origin), params, quantizing)

    def _narrowed(self, source: QuantParams, result: QuantParams, quantizing: Quantizing) -> QuantParams:
        """Parameters for the inputs between which the result changes."""
        table = self.table(source, result)
        changes = np.flatnonzero(np.diff(table))
        if not len(changes):
            return source
        first, last = int(changes[0]), int(changes[-1]) + 1
        low, high = (source.scale * (code - 128 - source.offset) for code in (first, last))
        narrow = quantizing.choose(low, high)
        return narrow if narrow.scale < source.scale else source
