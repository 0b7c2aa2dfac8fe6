"""Elementwise changes of quantization parameters: Relu and RescaleQuantized, one kernel for both."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import I8, U32, In, Kernel, Out, Params
from tinyglow.ir.op import GlowParts, Importer, Lowering, Op, SourceNode
from tinyglow.ir.types import TensorType
from tinyglow.numerics import glow
from tinyglow.ops.rescale_int16 import lower_rescale_int16


@dataclass(frozen=True)
class RescaleParams(Params):
    """``count`` elements; inputs below ``in_min`` count as that (a Relu: in_min is in_offset; else it is -128)."""

    count: U32
    in_offset: I8
    in_min: I8
    out: glow.Requant


def rescale_s8(p: RescaleParams, x: Array, out: Array) -> None:
    """Definition of tg_rescale_s8: saturate(requantize(max(x, in_min) - in_offset))."""
    value = np.maximum(x.astype(np.int32), p.in_min) - np.int32(p.in_offset)
    out[...] = glow.saturate_int8(glow.requantize(value, p.out))


RESCALE = Kernel(
    symbol="tg_rescale_s8",
    c_file="elementwise/tg_rescale_s8.c",
    params=RescaleParams,
    operands=(In("input", "int8"), Out("output", "int8", may_alias="input")),
    reference=rescale_s8,
    summary="change of scale and offset, with or without a ReLU",
)


@dataclass(frozen=True)
class ReluFloatParams(Params):
    """``count`` elements."""

    count: U32


def relu_f32(p: ReluFloatParams, x: Array, out: Array) -> None:
    """Definition of tg_relu_f32: 0 for negative elements; others, NaN and -0 among them, stay as they are."""
    out[...] = np.where(x < 0, np.float32(0), x)


RELU_FLOAT = Kernel(
    symbol="tg_relu_f32",
    c_file="elementwise/tg_relu_f32.c",
    params=ReluFloatParams,
    operands=(In("input", "float32"), Out("output", "float32", may_alias="input")),
    reference=relu_f32,
    summary="max(x, 0), in float",
)


def rescale_params(source: TensorType, result: TensorType, relu: bool) -> RescaleParams:
    """From one int8 type to another, with or without a ReLU."""
    assert source.quant and result.quant
    ratio = glow.divide_float32(source.quant.scale, result.quant.scale)
    return RescaleParams(
        count=source.elements,
        in_offset=source.quant.offset,
        in_min=source.quant.offset if relu else glow.INT8_MIN,
        out=glow.requantize_params(ratio, result.quant.offset),
    )


def _lower_rescale(node: Node, lowering: Lowering, relu: bool) -> None:
    source, result = lowering.type_of(node.inputs[0]), lowering.type_of(node.outputs[0])
    if result.dtype == "int16":
        lower_rescale_int16(node, lowering, low=0.0 if relu else -math.inf)
        return
    params = rescale_params(source, result, relu)
    lowering.call(RESCALE, [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])], params)


@dataclass(frozen=True)
class Relu(Op):
    """max(x, 0)."""

    onnx_types: ClassVar[OnnxForms] = {"Relu": OnnxForm(14)}
    tflite_types: ClassVar[TFLiteForms] = {"RELU": TFLiteForm(3)}
    quantizable: ClassVar[bool] = True
    has_int16: ClassVar[bool] = True
    elementwise: ClassVar[bool] = True
    absorbs_rescale_before: ClassVar[tuple[int, ...]] = (0,)

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        value = importer.value(node.inputs[0])
        importer.bind(node.outputs[0], importer.editor.add(node.name, cls(), [value], node.name))

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        value, declared = importer.value(node.inputs[0]), importer.declared(node.outputs[0])
        types = (replace(declared, shape=value.type.shape),) if value.type.quant else None
        importer.bind(node.outputs[0], importer.editor.add(node.name, cls(), [value], node.name, types))

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (inputs[0],)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (np.maximum(inputs[0], np.float32(0)),)

    def parts_in_glow(self, node: Node) -> GlowParts:
        """Max(zero, x)."""
        return GlowParts(same={f"{node.outputs[0]}_max": node.outputs[0]}, filled={"zero": 0.0})

    def lower(self, node: Node, lowering: Lowering) -> None:
        result = lowering.type_of(node.outputs[0])
        if result.dtype == "float32":
            buffers = [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])]
            lowering.call(RELU_FLOAT, buffers, ReluFloatParams(result.elements))
            return
        _lower_rescale(node, lowering, relu=True)


@dataclass(frozen=True)
class Rescale(Op):
    """The same real values with other quantization parameters (Glow's RescaleQuantized)."""

    glow_kind: ClassVar[str] = "RescaleQuantized"
    quantizable: ClassVar[bool] = True
    has_int16: ClassVar[bool] = True
    absorbs_rescale_after: ClassVar[bool] = True

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (inputs[0],)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (inputs[0],)

    def lower(self, node: Node, lowering: Lowering) -> None:
        _lower_rescale(node, lowering, relu=False)
