"""The borders between float and int8 or int16: Quantize and Dequantize."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from tinyglow.ir.forms import TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import F32, I8, U32, In, Kernel, Out, Params
from tinyglow.ir.op import Importer, Lowering, Op, SourceNode, UnsupportedError
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
class Quantize16Params(Params):
    """``count`` elements; real = scale * q."""

    count: U32
    scale: F32


def quantize_f32_s16(p: Quantize16Params, x: Array, out: Array) -> None:
    """Definition of tg_quantize_f32_s16: x / scale in float32, halves to even, saturated; NaN gives -32768."""
    out[...] = glow.quantize(x, p.scale, 0, "int16")


def dequantize_s16_f32(p: Quantize16Params, x: Array, out: Array) -> None:
    """Definition of tg_dequantize_s16_f32: scale * x in float32."""
    out[...] = glow.dequantize(x, p.scale, 0)


QUANTIZE_INT16 = Kernel(
    symbol="tg_quantize_f32_s16",
    c_file="elementwise/tg_quantize_f32_s16.c",
    params=Quantize16Params,
    operands=(In("input", "float32"), Out("output", "int16")),
    reference=quantize_f32_s16,
    summary="float to int16",
)

DEQUANTIZE_INT16 = Kernel(
    symbol="tg_dequantize_s16_f32",
    c_file="elementwise/tg_dequantize_s16_f32.c",
    params=Quantize16Params,
    operands=(In("input", "int16"), Out("output", "float32")),
    reference=dequantize_s16_f32,
    summary="int16 to float",
)


def _convert(node: Node, lowering: Lowering, integer: TensorType, int8: Kernel, int16: Kernel) -> None:
    """Emit the call of the one of two kernels that is for the type of the border's integer side."""
    assert integer.quant
    buffers = [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])]
    scale, offset = integer.quant.scale, integer.quant.offset
    if integer.dtype == "int16":
        lowering.call(int16, buffers, Quantize16Params(integer.elements, scale))
    else:
        lowering.call(int8, buffers, QuantizeParams(integer.elements, scale, offset))


@dataclass(frozen=True)
class Quantize(Op):
    """float32 to the int8 or int16 type of the result."""

    quantizable: ClassVar[bool] = False

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (replace(inputs[0], dtype="int8"),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (inputs[0],)

    def lower(self, node: Node, lowering: Lowering) -> None:
        _convert(node, lowering, lowering.type_of(node.outputs[0]), QUANTIZE, QUANTIZE_INT16)


@dataclass(frozen=True)
class Dequantize(Op):
    """int8 or int16 to float32."""

    tflite_types: ClassVar[TFLiteForms] = {
        "QUANTIZE": TFLiteForm(5),
        "DEQUANTIZE": TFLiteForm(8),
    }
    int8_in_tflite: ClassVar[bool] = False
    quantizable: ClassVar[bool] = False

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        """Nothing: the frontend gives it a float, and makes what the file declares of the result."""
        value = importer.value(node.inputs[0])
        if value.type.dtype != "float32":
            raise UnsupportedError(f"a {node.op_type} of {value.type.dtype}", "float32 or int8")
        importer.bind(node.outputs[0], value)

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (TensorType(inputs[0].shape),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (inputs[0],)

    def lower(self, node: Node, lowering: Lowering) -> None:
        _convert(node, lowering, lowering.type_of(node.inputs[0]), DEQUANTIZE, DEQUANTIZE_INT16)
