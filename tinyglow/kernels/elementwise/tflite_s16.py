"""The int16 kernels of one and two tensors as LiteRT's reference kernels round them: every product twice."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I8, I16, I32, U32, In, Kernel, Out, Params
from tinyglow.ir.numbers import Numbers
from tinyglow.kernels.elementwise.broadcast import BroadcastParams, int16_kernel
from tinyglow.kernels.intermediates import int16_ends, scaled_twice, sum_numbers
from tinyglow.numerics import tflite
from tinyglow.numerics.tflite import Multiplier

LEFT_SHIFT_INT16 = 15  # bits more that the operands of a sum have (LiteRT, add.cc)


class ProductTflite16Params(BroadcastParams):
    """The multiplier of the product; results are brought between low and high."""

    multiplier: I32
    shift: I8
    low: I16
    high: I16

    def bounded(self, value: Array) -> Array:
        """The int16 result of int64 numbers: scaled, rounded twice, and within the bounds."""
        result = tflite.scaled_twice(value, Multiplier(self.multiplier, self.shift))
        return np.clip(result, self.low, self.high).astype(np.int16)


class SumTflite16Params(ProductTflite16Params):
    """The multipliers of the operands besides, and their signs: 1 or -1."""

    input_shift: I8
    other_shift: I8
    input_sign: I8
    other_sign: I8
    input_multiplier: I32
    other_multiplier: I32


def mul_tflite_s16(p: ProductTflite16Params, x: Array, other: Array, out: Array) -> None:
    """Definition of tg_mul_tflite_s16 (reference/integer_ops/mul.h)."""
    out[...] = p.bounded(x.astype(np.int64) * p.spread(other))


def add_tflite_s16(p: SumTflite16Params, x: Array, other: Array, out: Array) -> None:
    """Definition of tg_add_tflite_s16 (reference/add.h)."""
    a, b = (side.astype(np.int64) << LEFT_SHIFT_INT16 for side in (x, p.spread(other)))
    a = tflite.scaled_twice(a, Multiplier(p.input_multiplier, p.input_shift))
    b = tflite.scaled_twice(b, Multiplier(p.other_multiplier, p.other_shift))
    out[...] = p.bounded(p.input_sign * a + p.other_sign * b)


def _product_numbers(p: ProductTflite16Params) -> Numbers:
    product = int16_ends("input").times(int16_ends("other"))
    return {"product": product.number(), "result": scaled_twice(product, p.multiplier, p.shift)[0]}


def _sum_numbers(p: SumTflite16Params) -> Numbers:
    operands = int16_ends("input"), int16_ends("other")
    x, y = (end.made(end.low << LEFT_SHIFT_INT16, end.high << LEFT_SHIFT_INT16) for end in operands)
    scales = (p.input_multiplier, p.input_shift), (p.other_multiplier, p.other_shift)
    return sum_numbers((x, y), scales, (p.input_sign, p.other_sign), (p.multiplier, p.shift))


MUL_TFLITE_INT16 = int16_kernel(
    "mul_tflite",
    ProductTflite16Params,
    mul_tflite_s16,
    "product of two tensors, rounded as LiteRT does",
    _product_numbers,
)
ADD_TFLITE_INT16 = int16_kernel(
    "add_tflite",
    SumTflite16Params,
    add_tflite_s16,
    "sum or difference of two tensors, rounded as LiteRT does",
    _sum_numbers,
)


class RescaleTflite16Params(Params):
    """``count`` elements; a multiplier for those of at least 0, and one for the others; bounds of the result."""

    count: U32
    multiplier: I32
    below_multiplier: I32
    shift: I8
    below_shift: I8
    low: I16
    high: I16


def rescale_tflite_s16(p: RescaleTflite16Params, x: Array, out: Array) -> None:
    """Definition of tg_rescale_tflite_s16 (reference/requantize.h, leaky_relu.h)."""
    value = x.astype(np.int64)
    above = tflite.scaled_twice(value, Multiplier(p.multiplier, p.shift))
    below = tflite.scaled_twice(value, Multiplier(p.below_multiplier, p.below_shift))
    out[...] = np.clip(np.where(value >= 0, above, below), p.low, p.high).astype(np.int16)


def _rescale_numbers(p: RescaleTflite16Params) -> Numbers:
    above, below = int16_ends("input", low=0), int16_ends("input", high=-1)
    return {
        "positive": scaled_twice(above, p.multiplier, p.shift)[0],
        "negative": scaled_twice(below, p.below_multiplier, p.below_shift)[0],
    }


RESCALE_TFLITE_INT16 = Kernel(
    symbol="tg_rescale_tflite_s16",
    c_file="elementwise/tg_rescale_tflite_s16.c",
    params=RescaleTflite16Params,
    operands=(In("input", "int16"), Out("output", "int16", may_alias="input")),
    reference=rescale_tflite_s16,
    summary="change of scale, with bounds and a slope for negative values, in int16, rounded as LiteRT does",
    numbers_of=_rescale_numbers,
)
