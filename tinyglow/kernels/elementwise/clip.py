"""Kernels that bound every element."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import F32, I8, U32, In, Kernel, Out, Params
from tinyglow.ir.numbers import Numbers
from tinyglow.ir.types import QuantParams
from tinyglow.kernels.intermediates import int8_ends, requantized
from tinyglow.numerics import glow

# Of a bound that is missing.
LOWEST, HIGHEST = float(np.finfo(np.float32).min), float(np.finfo(np.float32).max)


class ClipParams(Params):
    """``count`` elements; inputs are brought between ``low`` and ``high`` before they get the output's parameters."""

    count: U32
    low: I8
    high: I8
    in_offset: I8
    out: glow.Requant


def clip_s8(p: ClipParams, x: Array, out: Array) -> None:
    """Definition of tg_clip_s8 (libjit_element_clip_i8): saturate(requantize(min(max(x, low), high) - in_offset))."""
    value = np.minimum(np.maximum(x.astype(np.int32), p.low), p.high) - np.int32(p.in_offset)
    out[...] = glow.saturate_int8(glow.requantize(value, p.out))


def _numbers(p: ClipParams) -> Numbers:
    low, high = (min(max(end, p.low), p.high) for end in (glow.INT8_MIN, glow.INT8_MAX))
    return {"result": requantized(int8_ends("input", p.in_offset, low, high), p.out)[0]}


CLIP = Kernel(
    symbol="tg_clip_s8",
    c_file="elementwise/tg_clip_s8.c",
    params=ClipParams,
    operands=(In("input", "int8"), Out("output", "int8", may_alias="input")),
    reference=clip_s8,
    summary="bounds on every element, with a change of scale and offset",
    numbers_of=_numbers,
)


class ClipFloatParams(Params):
    """``count`` elements."""

    count: U32
    low: F32
    high: F32


def clip_f32(p: ClipFloatParams, x: Array, out: Array) -> None:
    """Definition of tg_clip_f32: min(max(x, low), high); NaN and zeros of either sign within the bounds stay."""
    low, high = np.float32(p.low), np.float32(p.high)
    raised = np.where(x < low, low, x)
    out[...] = np.where(raised > high, high, raised)


CLIP_FLOAT = Kernel(
    symbol="tg_clip_f32",
    c_file="elementwise/tg_clip_f32.c",
    params=ClipFloatParams,
    operands=(In("input", "float32"), Out("output", "float32", may_alias="input")),
    reference=clip_f32,
    summary="bounds on every element, in float",
)


def clip_bounds(low: float, high: float, params: QuantParams) -> tuple[int, int]:
    """The int8 values that stand for float32 bounds, saturated (Glow, lib/LLVMIRCodeGen/LLVMIRGen.cpp, ClipInst).

    A bound beyond float32's range after its division by the scale saturates too, where Glow's conversion to an integer
    overflows and turns an absent upper bound into -128.
    """
    quantized = glow.quantize(np.array([low, high], np.float32), params.scale, params.offset)
    return int(quantized[0]), int(quantized[1])
