"""The kernels from float32 to integers that round before they add the offset, as LiteRT and ONNX do."""

from __future__ import annotations

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import F32, I8, U8, U32, In, Kernel, Out, Params
from tinyglow.numerics import onnx, tflite

TO_EVEN, AWAY = range(2)


class QuantizeStepsParams(Params):
    """``count`` elements; real = scale * (q - offset). ties: to even (0) or away from zero (1)."""

    count: U32
    scale: F32
    offset: I8
    ties: U8


def quantize_steps_f32_s8(p: QuantizeStepsParams, x: Array, out: Array) -> None:
    """Definition of tg_quantize_steps_f32_s8."""
    out[...] = (tflite.quantize if p.ties == AWAY else onnx.quantize)(x, p.scale, p.offset)


QUANTIZE_STEPS = Kernel(
    symbol="tg_quantize_steps_f32_s8",
    c_file="elementwise/tg_quantize_steps_f32_s8.c",
    params=QuantizeStepsParams,
    operands=(In("input", "float32"), Out("output", "int8")),
    reference=quantize_steps_f32_s8,
    summary="float to int8, rounded before the offset is added",
)


class QuantizeSteps16Params(Params):
    """``count`` elements; real = scale * q."""

    count: U32
    scale: F32


def quantize_steps_f32_s16(p: QuantizeSteps16Params, x: Array, out: Array) -> None:
    """Definition of tg_quantize_steps_f32_s16: see ``tflite.quantize``."""
    out[...] = tflite.quantize(x, p.scale, 0, "int16")


QUANTIZE_STEPS_INT16 = Kernel(
    symbol="tg_quantize_steps_f32_s16",
    c_file="elementwise/tg_quantize_steps_f32_s16.c",
    params=QuantizeSteps16Params,
    operands=(In("input", "float32"), Out("output", "int16")),
    reference=quantize_steps_f32_s16,
    summary="float to int16, ties away from zero",
)
