"""Quantize: float to int8 or int16."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Lowering, Op, OtherNumerics
from tinyglow.ir.types import TensorType
from tinyglow.kernels.elementwise.conversion import lower_conversion
from tinyglow.kernels.elementwise.quantize import QUANTIZE, QUANTIZE_FUSED, QUANTIZE_INT16, QuantizeFusedParams
from tinyglow.numerics import glow
from tinyglow.numerics.names import ONNX, TFLITE
from tinyglow.operators import litert_int16
from tinyglow.operators.tables import lower_quantize


class Quantize(Op):
    """float32 to the int8 or int16 type of the result.

    Attributes:
        is_fused: Whether the division by the scale is a product with its reciprocal, and rounded together with the
            offset's sum, as in Glow's bundles on x86 (``numerics.glow.quantize_fused``).
    """

    is_fused: bool = False

    quantizable: ClassVar[bool] = False
    gives_probabilities: ClassVar[bool | None] = None
    other_numerics: ClassVar[OtherNumerics] = {TFLITE: lower_quantize, ONNX: lower_quantize}
    int16_numerics: ClassVar[OtherNumerics] = {TFLITE: litert_int16.lower_quantize_int16}

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (replace(inputs[0], dtype="int8"),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (inputs[0],)

    def lower(self, node: Node, lowering: Lowering) -> None:
        result = lowering.type_of(node.outputs[0])
        if self.is_fused and result.dtype == "int8":
            assert result.quant
            inverse = glow.divide_float32(1.0, result.quant.scale)
            buffers = [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])]
            lowering.call(QUANTIZE_FUSED, buffers, QuantizeFusedParams(result.elements, inverse, result.quant.offset))
            return
        lower_conversion(node, lowering, lowering.type_of(node.outputs[0]), QUANTIZE, QUANTIZE_INT16)
