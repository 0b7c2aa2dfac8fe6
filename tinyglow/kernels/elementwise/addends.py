"""Parameters of the kernels that bring both operands to the output's scale first: add, sub, max, min."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import I8, I32, U8, In, Kernel, Out
from tinyglow.ir.numbers import Numbers
from tinyglow.ir.op import Lowering
from tinyglow.kernels.elementwise.broadcast import BroadcastParams, order_operands
from tinyglow.kernels.int16 import int16_scales
from tinyglow.kernels.intermediates import int8_ends, int16_ends, multiplied, requantized
from tinyglow.numerics import glow, wide


class AddendParams(BroadcastParams):
    """Operands are brought to the output's scale by requantize(element - offset), each with its own constants.

    The output's offset is in one of these constants, or, for Max and Min, in both. is_reversed: it is other - input
    (Sub).
    """

    input_offset: I8
    other_offset: I8
    is_reversed: U8
    input_scale: glow.Requant
    other_scale: glow.Requant

    def addends(self, x: Array, other: Array) -> tuple[Array, Array]:
        """Both operands at the output's scale, int32 [samples, elements]."""
        a = glow.requantize(x.astype(np.int32) - np.int32(self.input_offset), self.input_scale)
        b = glow.requantize(self.spread(other).astype(np.int32) - np.int32(self.other_offset), self.other_scale)
        return a, b

    def numbers(self, sign: int = 0) -> Numbers:
        """Both operands inside their requantizations; with a sign, the result: input + sign * other."""
        a, first = requantized(int8_ends("input", self.input_offset), self.input_scale)
        b, second = requantized(int8_ends("other", self.other_offset), self.other_scale)
        if not sign:
            return {"input": a, "other": b}
        total = second.plus(first, sign) if self.is_reversed else first.plus(second, sign)
        return {"input": a, "other": b, "result": replace(total.number(), may_wrap=True)}


def addend_kernel(name: str, reference: Callable[..., None], summary: str, sign: int = 0) -> Kernel:
    """The kernel tg_<name>_s8 of two operands at the output's scale; sign: of the second one in a sum."""
    return Kernel(
        symbol=f"tg_{name}_s8",
        c_file=f"elementwise/tg_{name}_s8.c",
        params=AddendParams,
        operands=(In("input", "int8"), In("other", "int8"), Out("output", "int8", may_alias="input")),
        reference=reference,
        summary=summary,
        numbers_of=lambda p: p.numbers(sign),
    )


_TWO_OPERANDS = -2 * wide.INT16_MIN


class Addend16Params(BroadcastParams):
    """Operands at the output's scale are element * multiplier / 2**shift."""

    input_multiplier: I32
    other_multiplier: I32
    shift: U8

    def addends(self, x: Array, other: Array) -> tuple[Array, Array]:
        """Both operands times their multipliers, int64 [samples, elements]."""
        a = x.astype(np.int64) * self.input_multiplier
        return a, self.spread(other).astype(np.int64) * self.other_multiplier

    def sum_numbers(self) -> Numbers:
        """The sum of both products, of 64 bits."""
        x, y = int16_ends("input"), int16_ends("other")
        a = x.made(x.low * self.input_multiplier, x.high * self.input_multiplier)
        b = y.made(y.low * self.other_multiplier, y.high * self.other_multiplier)
        return {"result": multiplied(a.plus(b), 1, self.shift)}

    def each_numbers(self) -> Numbers:
        """Each product, of 64 bits."""
        own, other = self.input_multiplier, self.other_multiplier
        return {
            "input": multiplied(int16_ends("input"), own, self.shift),
            "other": multiplied(int16_ends("other"), other, self.shift),
        }


def lower_addends_int16(node: Node, lowering: Lowering, kernel: Kernel, second: float = 1.0) -> None:
    """Emit the call of a kernel with Addend16Params; ``second``: factor of the second operand, -1 for Sub."""
    x, y, result = int16_scales(node, lowering)
    operands = order_operands(node, lowering)
    factors = [x / result, second * y / result]
    (first, other), shift = wide.multipliers(factors[::-1] if operands.is_reversed else factors, _TWO_OPERANDS)
    operands.call(
        kernel, Addend16Params(**operands.loops, input_multiplier=first, other_multiplier=other, shift=shift), lowering
    )
