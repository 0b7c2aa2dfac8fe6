"""Kernels that multiply two tensors: in int8, the product of the integers is brought to the result's scale."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import I8, I32, U8, Kernel
from tinyglow.ir.numbers import Numbers
from tinyglow.ir.op import Lowering
from tinyglow.kernels.elementwise.broadcast import (
    INT8_OPERANDS,
    BroadcastParams,
    float_kernel,
    int16_kernel,
    order_operands,
)
from tinyglow.kernels.int16 import int16_scales
from tinyglow.kernels.intermediates import Ends, int8_ends, int16_ends, multiplied, requantized
from tinyglow.numerics import glow, wide
from tinyglow.numerics.nan import one_nan


class Product16Params(BroadcastParams):
    """The output is the product of the elements * multiplier / 2**shift."""

    multiplier: I32
    shift: U8


def mul_s16(p: Product16Params, x: Array, other: Array, out: Array) -> None:
    """Definition of tg_mul_s16: saturate(round_shift(input * other * multiplier))."""
    product = x.astype(np.int64) * p.spread(other).astype(np.int64)
    out[...] = wide.saturate_int16(wide.scaled(product, p.multiplier, p.shift))


def _numbers_s16(p: Product16Params) -> Numbers:
    """The product, of 32 bits, and what its scale makes of it."""
    product = int16_ends("input").times(int16_ends("other"))
    return {"product": product.number(), "result": multiplied(product, p.multiplier, p.shift)}


MUL_INT16 = int16_kernel("mul", Product16Params, mul_s16, "product of two tensors, element by element", _numbers_s16)


def lower_product_int16(node: Node, lowering: Lowering) -> None:
    """Emit the call of tg_mul_s16."""
    x, y, result = int16_scales(node, lowering)
    operands = order_operands(node, lowering)
    (multiplier,), shift = wide.multipliers([x * y / result], wide.INT16_MIN**2)
    operands.call(MUL_INT16, Product16Params(**operands.loops, multiplier=multiplier, shift=shift), lowering)


class ProductParams(BroadcastParams):
    """``out`` maps products of (element - offset) to the output."""

    input_offset: I8
    other_offset: I8
    out: glow.Requant

    def product(self) -> Ends:
        """Of both elements without their offsets."""
        return int8_ends("input", self.input_offset).times(int8_ends("other", self.other_offset))


def mul_s8(p: ProductParams, x: Array, other: Array, out: Array) -> None:
    """Definition of tg_mul_s8 (``libjit_element_mul_kernel_i8``): saturate(requantize(product))."""
    a = x.astype(np.int32) - np.int32(p.input_offset)
    b = p.spread(other).astype(np.int32) - np.int32(p.other_offset)
    out[...] = glow.saturate_int8(glow.requantize(a * b, p.out))


def _numbers(p: ProductParams) -> Numbers:
    """The product, and what its scale makes of it."""
    product = p.product()
    return {"product": product.number(), "result": requantized(product, p.out)[0]}


MUL = Kernel(
    symbol="tg_mul_s8",
    c_file="elementwise/tg_mul_s8.c",
    params=ProductParams,
    operands=INT8_OPERANDS,
    reference=mul_s8,
    summary="product of two tensors, element by element",
    numbers_of=_numbers,
)


MUL_FLOAT = float_kernel("mul", lambda x, y: one_nan(x * y), "product of two tensors")
