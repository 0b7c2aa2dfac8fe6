"""Kernels with a slope for negative values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import F32, I8, U32, In, Kernel, Out, Params
from tinyglow.ir.numbers import Numbers
from tinyglow.kernels.intermediates import int8_ends, requantized
from tinyglow.numerics import glow
from tinyglow.numerics.nan import one_nan


class LeakyReluParams(Params):
    """``count`` elements; inputs from ``in_offset`` on are requantized by ``positive``, those below by ``negative``."""

    count: U32
    in_offset: I8
    positive: glow.Requant
    negative: glow.Requant


def leaky_relu_s8(p: LeakyReluParams, x: Array, out: Array) -> None:
    """Definition of tg_leaky_relu_s8 (libjit_element_leaky_relu_i8)."""
    value = x.astype(np.int32) - np.int32(p.in_offset)
    result = np.where(value >= 0, glow.requantize(value, p.positive), glow.requantize(value, p.negative))
    out[...] = glow.saturate_int8(result)


def _numbers(p: LeakyReluParams) -> Numbers:
    positive, negative = (
        int8_ends("input", p.in_offset, low=p.in_offset),
        int8_ends("input", p.in_offset, high=p.in_offset),
    )
    return {"positive": requantized(positive, p.positive)[0], "negative": requantized(negative, p.negative)[0]}


LEAKY_RELU = Kernel(
    symbol="tg_leaky_relu_s8",
    c_file="elementwise/tg_leaky_relu_s8.c",
    params=LeakyReluParams,
    operands=(In("input", "int8"), Out("output", "int8", may_alias="input")),
    reference=leaky_relu_s8,
    summary="slope for negative values, with a change of scale and offset",
    numbers_of=_numbers,
)


class LeakyReluFloatParams(Params):
    """``count`` elements; negative ones are multiplied by ``alpha``."""

    count: U32
    alpha: F32


def leaky_relu_f32(p: LeakyReluFloatParams, x: Array, out: Array) -> None:
    """Definition of tg_leaky_relu_f32; NaN stays as it is."""
    with np.errstate(invalid="ignore"):
        product = one_nan(x * np.float32(p.alpha))
    out[...] = np.where(x < 0, product, x)


LEAKY_RELU_FLOAT = Kernel(
    symbol="tg_leaky_relu_f32",
    c_file="elementwise/tg_leaky_relu_f32.c",
    params=LeakyReluFloatParams,
    operands=(In("input", "float32"), Out("output", "float32", may_alias="input")),
    reference=leaky_relu_f32,
    summary="slope for negative values, in float",
)


def slope_requant(slope: float, offset: int) -> glow.Requant:
    """``glow.requantize_params`` for a float32 factor of any sign; for 0 and below, Glow does not come to an end."""
    if slope == 0:
        return glow.Requant(0, 0, 0, offset)
    requant = glow.requantize_params(abs(slope), offset)
    return replace(requant, multiplier=-requant.multiplier) if slope < 0 else requant
