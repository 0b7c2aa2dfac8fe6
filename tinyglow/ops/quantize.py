"""The borders between float and int8: Quantize and Dequantize."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import F32, I8, U32, In, Kernel, Out, Params
from tinyglow.ir.op import Lowering, Op
from tinyglow.ir.types import TensorType
from tinyglow.numerics import glow


@dataclass(frozen=True)
class QuantizeParams(Params):
    """``count`` elements; real = scale * (q - offset)."""

    count: U32
    scale: F32
    offset: I8


def quantize_f32_s8(p: QuantizeParams, x: Array, out: Array) -> None:
    """Definition of tg_quantize_f32_s8: x / scale + offset in float32, halves to even, saturated; NaN gives -128."""
    out[...] = glow.quantize(x, p.scale, p.offset)


def dequantize_s8_f32(p: QuantizeParams, x: Array, out: Array) -> None:
    """Definition of tg_dequantize_s8_f32: scale * (x - offset) in float32."""
    out[...] = glow.dequantize(x, p.scale, p.offset)


QUANTIZE = Kernel(
    symbol="tg_quantize_f32_s8",
    c_file="elementwise/tg_quantize_f32_s8.c",
    params=QuantizeParams,
    operands=(In("input", "float32"), Out("output", "int8")),
    reference=quantize_f32_s8,
    summary="float to int8",
)

DEQUANTIZE = Kernel(
    symbol="tg_dequantize_s8_f32",
    c_file="elementwise/tg_dequantize_s8_f32.c",
    params=QuantizeParams,
    operands=(In("input", "int8"), Out("output", "float32")),
    reference=dequantize_s8_f32,
    summary="int8 to float",
)


@dataclass(frozen=True)
class Quantize(Op):
    """float32 to the int8 type of the result."""

    quantizable: ClassVar[bool] = False

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (replace(inputs[0], dtype="int8"),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (inputs[0],)

    def lower(self, node: Node, lowering: Lowering) -> None:
        result = lowering.type_of(node.outputs[0])
        assert result.quant
        params = QuantizeParams(result.elements, result.quant.scale, result.quant.offset)
        lowering.call(QUANTIZE, [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])], params)


@dataclass(frozen=True)
class Dequantize(Op):
    """int8 to float32."""

    quantizable: ClassVar[bool] = False

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (TensorType(inputs[0].shape),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (inputs[0],)

    def lower(self, node: Node, lowering: Lowering) -> None:
        source = lowering.type_of(node.inputs[0])
        assert source.quant
        params = QuantizeParams(source.elements, source.quant.scale, source.quant.offset)
        lowering.call(DEQUANTIZE, [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])], params)
