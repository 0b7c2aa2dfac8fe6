"""Kernels from integers to float32."""

from __future__ import annotations

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import In, Kernel, Out
from tinyglow.kernels.elementwise.quantize import Quantize16Params, QuantizeParams
from tinyglow.numerics import glow


def dequantize_s8_f32(p: QuantizeParams, x: Array, out: Array) -> None:
    """Definition of tg_dequantize_s8_f32: scale * (x - offset) in float32."""
    out[...] = glow.dequantize(x, p.scale, p.offset)


DEQUANTIZE = Kernel(
    symbol="tg_dequantize_s8_f32",
    c_file="elementwise/tg_dequantize_s8_f32.c",
    params=QuantizeParams,
    operands=(In("input", "int8"), Out("output", "float32")),
    reference=dequantize_s8_f32,
    summary="int8 to float",
)


def dequantize_s16_f32(p: Quantize16Params, x: Array, out: Array) -> None:
    """Definition of tg_dequantize_s16_f32: scale * x in float32."""
    out[...] = glow.dequantize(x, p.scale, 0)


DEQUANTIZE_INT16 = Kernel(
    symbol="tg_dequantize_s16_f32",
    c_file="elementwise/tg_dequantize_s16_f32.c",
    params=Quantize16Params,
    operands=(In("input", "int16"), Out("output", "float32")),
    reference=dequantize_s16_f32,
    summary="int16 to float",
)
