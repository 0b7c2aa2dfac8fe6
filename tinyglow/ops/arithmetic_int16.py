"""Add, Sub, Max, Min and Mul of two int16 tensors: one rounding, of the exact result. Ours, as ``ops.int16`` says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import I32, U8, In, Kernel, Out
from tinyglow.ir.op import Lowering
from tinyglow.numerics import wide
from tinyglow.ops.broadcast import BroadcastParams, order_operands
from tinyglow.ops.int16 import int16_scales

_TWO_OPERANDS = -2 * wide.INT16_MIN


@dataclass(frozen=True)
class Addend16Params(BroadcastParams):
    """Operands at the output's scale are element * multiplier / 2**shift."""

    input_multiplier: I32
    other_multiplier: I32
    shift: U8

    def addends(self, x: Array, other: Array) -> tuple[Array, Array]:
        """Both operands times their multipliers, int64 [samples, elements]."""
        a = x.astype(np.int64) * self.input_multiplier
        return a, self.spread(other).astype(np.int64) * self.other_multiplier


@dataclass(frozen=True)
class Product16Params(BroadcastParams):
    """The output is the product of the elements * multiplier / 2**shift."""

    multiplier: I32
    shift: U8


def add_s16(p: Addend16Params, x: Array, other: Array, out: Array) -> None:
    """Definition of tg_add_s16: saturate(round_shift(input * its multiplier + other * its multiplier))."""
    a, b = p.addends(x, other)
    out[...] = wide.saturate_int16(wide.round_shift(a + b, p.shift))


def max_s16(p: Addend16Params, x: Array, other: Array, out: Array) -> None:
    """Definition of tg_max_s16: as tg_add_s16, the larger of the two."""
    out[...] = wide.saturate_int16(wide.round_shift(np.maximum(*p.addends(x, other)), p.shift))


def min_s16(p: Addend16Params, x: Array, other: Array, out: Array) -> None:
    """Definition of tg_min_s16: as tg_add_s16, the smaller of the two."""
    out[...] = wide.saturate_int16(wide.round_shift(np.minimum(*p.addends(x, other)), p.shift))


def mul_s16(p: Product16Params, x: Array, other: Array, out: Array) -> None:
    """Definition of tg_mul_s16: saturate(round_shift(input * other * multiplier))."""
    product = x.astype(np.int64) * p.spread(other).astype(np.int64)
    out[...] = wide.saturate_int16(wide.scaled(product, p.multiplier, p.shift))


def _kernel(name: str, params: type[BroadcastParams], reference: Callable[..., None], summary: str) -> Kernel:
    return Kernel(
        symbol=f"tg_{name}_s16",
        c_file=f"elementwise/tg_{name}_s16.c",
        params=params,
        operands=(In("input", "int16"), In("other", "int16"), Out("output", "int16", may_alias="input")),
        reference=reference,
        summary=f"{summary}, in int16",
    )


ADD_INT16 = _kernel("add", Addend16Params, add_s16, "sum or difference of two tensors")
MAX_INT16 = _kernel("max", Addend16Params, max_s16, "larger of two tensors' elements")
MIN_INT16 = _kernel("min", Addend16Params, min_s16, "smaller of two tensors' elements")
MUL_INT16 = _kernel("mul", Product16Params, mul_s16, "product of two tensors, element by element")


def lower_addends_int16(node: Node, lowering: Lowering, kernel: Kernel, second: float = 1.0) -> None:
    """Emit the call of a kernel with Addend16Params; ``second``: factor of the second operand, -1 for Sub."""
    x, y, result = int16_scales(node, lowering)
    operands = order_operands(node, lowering)
    factors = [x / result, second * y / result]
    (first, other), shift = wide.multipliers(factors[::-1] if operands.is_reversed else factors, _TWO_OPERANDS)
    operands.call(
        kernel, Addend16Params(**operands.loops, input_multiplier=first, other_multiplier=other, shift=shift), lowering
    )


def lower_product_int16(node: Node, lowering: Lowering) -> None:
    """Emit the call of tg_mul_s16."""
    x, y, result = int16_scales(node, lowering)
    operands = order_operands(node, lowering)
    (multiplier,), shift = wide.multipliers([x * y / result], wide.INT16_MIN**2)
    operands.call(MUL_INT16, Product16Params(**operands.loops, multiplier=multiplier, shift=shift), lowering)
