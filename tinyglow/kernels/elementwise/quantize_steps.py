"""The kernel from float32 to int8 that rounds before it adds the offset, as LiteRT and ONNX do."""

from __future__ import annotations

from dataclasses import dataclass

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import F32, I8, U8, U32, In, Kernel, Out, Params
from tinyglow.numerics import onnx, tflite

TO_EVEN, AWAY = range(2)


@dataclass(frozen=True)
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
