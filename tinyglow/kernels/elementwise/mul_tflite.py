"""The kernel that multiplies two tensors as LiteRT's reference kernel rounds it."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I8, I32, Kernel
from tinyglow.ir.numbers import Numbers
from tinyglow.kernels.elementwise.broadcast import INT8_OPERANDS, BroadcastParams
from tinyglow.kernels.intermediates import Ends, int8_ends, scaled_twice
from tinyglow.numerics import tflite


class ProductTfliteParams(BroadcastParams):
    """Offsets, the multiplier of the product, and the bounds of the result."""

    input_offset: I8
    other_offset: I8
    out_offset: I8
    act_min: I8
    act_max: I8
    shift: I8
    multiplier: I32

    def centred(self, x: Array, other: Array) -> tuple[Array, Array]:
        """The operands as int64 without their offsets, other spread to the shape of the result."""
        return x.astype(np.int64) - self.input_offset, self.spread(other).astype(np.int64) - self.other_offset

    def ends(self) -> tuple[Ends, Ends]:
        """Both operands without their offsets."""
        return int8_ends("input", self.input_offset), int8_ends("other", self.other_offset)

    def bounded(self, value: Array) -> Array:
        """The int8 result of int64 numbers: scaled, rounded twice, with the offset and within the bounds."""
        result = tflite.scaled_twice(value, tflite.Multiplier(self.multiplier, self.shift))
        return tflite.saturate_int8(result + self.out_offset, self.act_min, self.act_max)


def mul_tflite_s8(p: ProductTfliteParams, x: Array, other: Array, out: Array) -> None:
    """Definition of tg_mul_tflite_s8 (reference/integer_ops/mul.h)."""
    a, b = p.centred(x, other)
    out[...] = p.bounded(a * b)


def _numbers(p: ProductTfliteParams) -> Numbers:
    x, y = p.ends()
    product = x.times(y)
    return {"product": product.number(), "result": scaled_twice(product, p.multiplier, p.shift)[0]}


MUL_TFLITE = Kernel(
    symbol="tg_mul_tflite_s8",
    c_file="elementwise/tg_mul_tflite_s8.c",
    params=ProductTfliteParams,
    operands=INT8_OPERANDS,
    reference=mul_tflite_s8,
    summary="product of two tensors, rounded as LiteRT does",
    numbers_of=_numbers,
)
