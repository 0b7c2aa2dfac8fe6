"""The kernel that adds two tensors as LiteRT's reference kernel rounds it."""

from __future__ import annotations

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I8, I32, Kernel
from tinyglow.ir.numbers import Numbers
from tinyglow.kernels.elementwise.broadcast import INT8_OPERANDS
from tinyglow.kernels.elementwise.mul_tflite import ProductTfliteParams
from tinyglow.kernels.intermediates import sum_numbers
from tinyglow.numerics import tflite

LEFT_SHIFT = 20  # bits more that the operands of a sum have (LiteRT, add.cc)


class SumTfliteParams(ProductTfliteParams):
    """The multipliers of the operands besides, and their signs: 1 or -1."""

    input_shift: I8
    other_shift: I8
    input_sign: I8
    other_sign: I8
    input_multiplier: I32
    other_multiplier: I32


def add_tflite_s8(p: SumTfliteParams, x: Array, other: Array, out: Array) -> None:
    """Definition of tg_add_tflite_s8 (reference/integer_ops/add.h)."""
    a, b = (side << LEFT_SHIFT for side in p.centred(x, other))
    a = tflite.scaled_twice(a, tflite.Multiplier(p.input_multiplier, p.input_shift))
    b = tflite.scaled_twice(b, tflite.Multiplier(p.other_multiplier, p.other_shift))
    out[...] = p.bounded(p.input_sign * a + p.other_sign * b)


def _numbers(p: SumTfliteParams) -> Numbers:
    x, y = (end.made(end.low << LEFT_SHIFT, end.high << LEFT_SHIFT) for end in p.ends())
    scales = (p.input_multiplier, p.input_shift), (p.other_multiplier, p.other_shift)
    return sum_numbers((x, y), scales, (p.input_sign, p.other_sign), (p.multiplier, p.shift))


ADD_TFLITE = Kernel(
    symbol="tg_add_tflite_s8",
    c_file="elementwise/tg_add_tflite_s8.c",
    params=SumTfliteParams,
    operands=INT8_OPERANDS,
    reference=add_tflite_s8,
    summary="sum or difference of two tensors, rounded as LiteRT does",
    numbers_of=_numbers,
)
