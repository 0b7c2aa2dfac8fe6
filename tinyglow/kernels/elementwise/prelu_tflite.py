"""The kernel of slopes for negative values as LiteRT's reference kernel rounds it."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I8, I32, Kernel
from tinyglow.ir.numbers import Numbers
from tinyglow.kernels.elementwise.broadcast import INT8_OPERANDS, BroadcastParams
from tinyglow.kernels.intermediates import int8_ends, scaled_twice
from tinyglow.numerics import tflite


class PReluTfliteParams(BroadcastParams):
    """Offsets, and the multipliers of elements of at least 0 and of products with slopes, which are ``other``."""

    input_offset: I8
    other_offset: I8
    out_offset: I8
    shift: I8
    below_shift: I8
    multiplier: I32
    below_multiplier: I32


def prelu_tflite_s8(p: PReluTfliteParams, x: Array, other: Array, out: Array) -> None:
    """Definition of tg_prelu_tflite_s8 (reference/prelu.h)."""
    a = x.astype(np.int64) - p.input_offset
    slopes = p.spread(other).astype(np.int64) - p.other_offset
    above = tflite.scaled_twice(a, tflite.Multiplier(p.multiplier, p.shift))
    below = tflite.scaled_twice(a * slopes, tflite.Multiplier(p.below_multiplier, p.below_shift))
    out[...] = tflite.saturate_int8(np.where(a >= 0, above, below) + p.out_offset)


def _numbers(p: PReluTfliteParams) -> Numbers:
    x, below = (int8_ends("input", p.input_offset, *ends) for ends in ((p.input_offset,), (-128, p.input_offset)))
    product = below.times(int8_ends("other", p.other_offset))
    return {
        "positive": scaled_twice(x, p.multiplier, p.shift)[0],
        "product": product.number(),
        "negative": scaled_twice(product, p.below_multiplier, p.below_shift)[0],
    }


PRELU_TFLITE = Kernel(
    symbol="tg_prelu_tflite_s8",
    c_file="elementwise/tg_prelu_tflite_s8.c",
    params=PReluTfliteParams,
    operands=INT8_OPERANDS,
    reference=prelu_tflite_s8,
    summary="slopes for negative values, rounded as LiteRT does",
    numbers_of=_numbers,
)
