"""Kernels that add and multiply two tensors as LiteRT's reference kernels round it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I8, I32, Kernel
from tinyglow.kernels.elementwise.broadcast import INT8_OPERANDS, BroadcastParams
from tinyglow.numerics import tflite

LEFT_SHIFT = 20  # bits more that the operands of a sum have (LiteRT, add.cc)


@dataclass(frozen=True)
class ProductTfliteParams(BroadcastParams):
    """Offsets, the multiplier of the product, and the bounds of the result."""

    input_offset: I8
    other_offset: I8
    out_offset: I8
    act_min: I8
    act_max: I8
    shift: I8
    multiplier: I32


@dataclass(frozen=True)
class SumTfliteParams(ProductTfliteParams):
    """The multipliers of the operands besides, and their signs: 1 or -1."""

    input_shift: I8
    other_shift: I8
    input_sign: I8
    other_sign: I8
    input_multiplier: I32
    other_multiplier: I32


@dataclass(frozen=True)
class PReluTfliteParams(BroadcastParams):
    """Offsets, and the multipliers of elements of at least 0 and of products with slopes, which are ``other``."""

    input_offset: I8
    other_offset: I8
    out_offset: I8
    shift: I8
    below_shift: I8
    multiplier: I32
    below_multiplier: I32


def _centred(p: ProductTfliteParams, x: Array, other: Array) -> tuple[Array, Array]:
    return x.astype(np.int64) - p.input_offset, p.spread(other).astype(np.int64) - p.other_offset


def _bounded(p: ProductTfliteParams, value: Array) -> Array:
    result = tflite.scaled_twice(value, tflite.Multiplier(p.multiplier, p.shift))
    return tflite.saturate_int8(result + p.out_offset, p.act_min, p.act_max)


def add_tflite_s8(p: SumTfliteParams, x: Array, other: Array, out: Array) -> None:
    """Definition of tg_add_tflite_s8 (reference/integer_ops/add.h)."""
    a, b = (side << LEFT_SHIFT for side in _centred(p, x, other))
    a = tflite.scaled_twice(a, tflite.Multiplier(p.input_multiplier, p.input_shift))
    b = tflite.scaled_twice(b, tflite.Multiplier(p.other_multiplier, p.other_shift))
    out[...] = _bounded(p, p.input_sign * a + p.other_sign * b)


def mul_tflite_s8(p: ProductTfliteParams, x: Array, other: Array, out: Array) -> None:
    """Definition of tg_mul_tflite_s8 (reference/integer_ops/mul.h)."""
    a, b = _centred(p, x, other)
    out[...] = _bounded(p, a * b)


def prelu_tflite_s8(p: PReluTfliteParams, x: Array, other: Array, out: Array) -> None:
    """Definition of tg_prelu_tflite_s8 (reference/prelu.h)."""
    a = x.astype(np.int64) - p.input_offset
    slopes = p.spread(other).astype(np.int64) - p.other_offset
    above = tflite.scaled_twice(a, tflite.Multiplier(p.multiplier, p.shift))
    below = tflite.scaled_twice(a * slopes, tflite.Multiplier(p.below_multiplier, p.below_shift))
    out[...] = tflite.saturate_int8(np.where(a >= 0, above, below) + p.out_offset)


PRELU_TFLITE = Kernel(
    symbol="tg_prelu_tflite_s8",
    c_file="elementwise/tg_prelu_tflite_s8.c",
    params=PReluTfliteParams,
    operands=INT8_OPERANDS,
    reference=prelu_tflite_s8,
    summary="slopes for negative values, rounded as LiteRT does",
)

ADD_TFLITE = Kernel(
    symbol="tg_add_tflite_s8",
    c_file="elementwise/tg_add_tflite_s8.c",
    params=SumTfliteParams,
    operands=INT8_OPERANDS,
    reference=add_tflite_s8,
    summary="sum or difference of two tensors, rounded as LiteRT does",
)

MUL_TFLITE = Kernel(
    symbol="tg_mul_tflite_s8",
    c_file="elementwise/tg_mul_tflite_s8.c",
    params=ProductTfliteParams,
    operands=INT8_OPERANDS,
    reference=mul_tflite_s8,
    summary="product of two tensors, rounded as LiteRT does",
)
