"""Kernels from float32 to integers."""

from __future__ import annotations

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import F32, I8, U32, In, Kernel, Out, Params
from tinyglow.numerics import glow


class QuantizeParams(Params):
    """``count`` elements; real = scale * (q - offset)."""

    count: U32
    scale: F32
    offset: I8


def quantize_f32_s8(p: QuantizeParams, x: Array, out: Array) -> None:
    """Definition of tg_quantize_f32_s8: x / scale + offset in float32, ties to even, saturated; NaN gives -128."""
    out[...] = glow.quantize(x, p.scale, p.offset)


QUANTIZE = Kernel(
    symbol="tg_quantize_f32_s8",
    c_file="elementwise/tg_quantize_f32_s8.c",
    params=QuantizeParams,
    operands=(In("input", "float32"), Out("output", "int8")),
    reference=quantize_f32_s8,
    summary="float to int8",
)


class QuantizeFusedParams(Params):
    """``count`` elements; inverse: 1 / scale, a normal number."""

    count: U32
    inverse: F32
    offset: I8


def quantize_fused_f32_s8(p: QuantizeFusedParams, x: Array, out: Array) -> None:
    """Definition of tg_quantize_fused_f32_s8: x * inverse + offset, rounded once to float32; NaN gives -128."""
    out[...] = glow.quantize_fused(x, p.inverse, p.offset)


QUANTIZE_FUSED = Kernel(
    symbol="tg_quantize_fused_f32_s8",
    c_file="elementwise/tg_quantize_fused_f32_s8.c",
    params=QuantizeFusedParams,
    operands=(In("input", "float32"), Out("output", "int8")),
    reference=quantize_fused_f32_s8,
    summary="float to int8, by a product and a sum that are rounded once",
    turns_by_data=16,  # a number of at most 50 bits is shifted until it has 39
)


class Quantize16Params(Params):
    """``count`` elements; real = scale * q."""

    count: U32
    scale: F32


def quantize_f32_s16(p: Quantize16Params, x: Array, out: Array) -> None:
    """Definition of tg_quantize_f32_s16: x / scale in float32, ties to even, saturated; NaN gives -32768."""
    out[...] = glow.quantize(x, p.scale, 0, "int16")


QUANTIZE_INT16 = Kernel(
    symbol="tg_quantize_f32_s16",
    c_file="elementwise/tg_quantize_f32_s16.c",
    params=Quantize16Params,
    operands=(In("input", "float32"), Out("output", "int16")),
    reference=quantize_f32_s16,
    summary="float to int16",
)
