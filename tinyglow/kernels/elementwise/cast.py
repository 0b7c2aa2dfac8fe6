"""Kernels that change the type of numbers, and not what they are."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import U32, In, Kernel, Out, Params

_LIMIT = np.float32(2.0**31)


class CastParams(Params):
    """``count`` elements."""

    count: U32


def cast_f32_s32(p: CastParams, x: Array, out: Array) -> None:
    """Definition of tg_cast_f32_s32: towards zero, saturated; 0 of NaN."""
    inside = np.abs(x) < _LIMIT
    ends = np.where(x > 0, np.int64(2**31 - 1), np.where(x < 0, np.int64(-(2**31)), np.int64(0)))
    out[...] = np.where(inside, np.where(inside, x, 0).astype(np.int64), ends).astype(np.int32)


def cast_s32_f32(p: CastParams, x: Array, out: Array) -> None:
    """Definition of tg_cast_s32_f32: the nearest float, ties to even."""
    out[...] = x.astype(np.float32)


def cast_s8_f32(p: CastParams, x: Array, out: Array) -> None:
    """Definition of tg_cast_s8_f32: truth values as 0 and 1."""
    out[...] = x != 0


CAST_FLOAT_TO_INT32 = Kernel(
    symbol="tg_cast_f32_s32",
    c_file="elementwise/tg_cast_f32_s32.c",
    params=CastParams,
    operands=(In("input", "float32"), Out("output", "int32", may_alias="input")),
    reference=cast_f32_s32,
    summary="float to int32, towards zero",
)

CAST_INT32_TO_FLOAT = Kernel(
    symbol="tg_cast_s32_f32",
    c_file="elementwise/tg_cast_s32_f32.c",
    params=CastParams,
    operands=(In("input", "int32"), Out("output", "float32", may_alias="input")),
    reference=cast_s32_f32,
    summary="int32 to float",
)

CAST_TRUTH_TO_FLOAT = Kernel(
    symbol="tg_cast_s8_f32",
    c_file="elementwise/tg_cast_s8_f32.c",
    params=CastParams,
    operands=(In("input", "int8"), Out("output", "float32")),
    reference=cast_s8_f32,
    summary="truth values to float",
)
