"""LeakyRelu: a slope for negative values."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Importer, Lowering, Op, OtherNumerics, SourceNode, UnsupportedError
from tinyglow.ir.types import TensorType
from tinyglow.kernels.elementwise.leaky_relu import (
    LEAKY_RELU,
    LEAKY_RELU_FLOAT,
    LeakyReluFloatParams,
    LeakyReluParams,
    slope_requant,
)
from tinyglow.kernels.elementwise.rescale import lower_rescale_int16
from tinyglow.numerics import glow, tflite_tables
from tinyglow.numerics.names import TFLITE
from tinyglow.operators import litert_int16
from tinyglow.operators.tables import TABLES
from tinyglow.operators.tflite_node import add_and_bind


def _lower_int16(node: Node, lowering: Lowering) -> None:
    """As LiteRT rounds it."""
    assert isinstance(node.op, LeakyRelu)
    litert_int16.lower_rescale_int16(node, lowering, slope=node.op.alpha)


class LeakyRelu(Op):
    """x where it is at least 0, else alpha * x."""

    alpha: float

    onnx_types: ClassVar[OnnxForms] = {"LeakyRelu": OnnxForm(16, ("alpha",))}
    tflite_types: ClassVar[TFLiteForms] = {"LEAKY_RELU": TFLiteForm(2, "LeakyReluOptions", ("alpha",))}
    quantizable: ClassVar[bool] = True
    has_int16: ClassVar[bool] = True
    elementwise: ClassVar[bool] = True
    other_numerics: ClassVar[OtherNumerics] = TABLES
    int16_numerics: ClassVar[OtherNumerics] = {TFLITE: _lower_int16}

    def litert_table(self, source: tuple[float, int], result: tuple[float, int]) -> Array:
        return tflite_tables.leaky_relu(source, result, self.alpha)

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        value, alpha = importer.value(node.inputs[0]), glow.float32(node.real("alpha", 0.01))
        importer.bind(node.outputs[0], importer.editor.add(node.name, cls(alpha), [value], node.name))

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        op = cls(glow.float32(node.real("alpha", 0.0)))
        add_and_bind(node, importer, op, [importer.value(node.inputs[0])])

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (inputs[0],)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x = inputs[0]
        return (np.where(x >= 0, x, np.float32(self.alpha) * x),)

    def lower(self, node: Node, lowering: Lowering) -> None:
        source, result = lowering.type_of(node.inputs[0]), lowering.type_of(node.outputs[0])
        buffers = lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])
        if result.dtype == "float32":
            if not math.isfinite(self.alpha):
                raise UnsupportedError(f"alpha {self.alpha}", "a finite number")
            lowering.call(LEAKY_RELU_FLOAT, buffers, LeakyReluFloatParams(source.elements, self.alpha))
            return
        if result.dtype == "int16":
            lower_rescale_int16(node, lowering, slope=self.alpha)
            return
        assert source.quant and result.quant
        # The products and quotients of Glow, lib/LLVMIRCodeGen/LLVMIRGen.cpp, LeakyReluInst, in float32 and its order.
        ratio = glow.divide_float32(source.quant.scale, result.quant.scale)
        scaled = glow.multiply_float32(source.quant.scale, self.alpha)
        below = glow.divide_float32(scaled, result.quant.scale)
        params = LeakyReluParams(
            count=source.elements,
            in_offset=source.quant.offset,
            positive=glow.requantize_params(ratio, result.quant.offset),
            negative=slope_requant(below, result.quant.offset),
        )
        lowering.call(LEAKY_RELU, buffers, params)
