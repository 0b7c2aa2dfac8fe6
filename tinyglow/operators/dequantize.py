"""Dequantize: int8 or int16 to float."""

from __future__ import annotations

from typing import ClassVar

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Lowering, Op, OtherNumerics
from tinyglow.ir.types import TensorType
from tinyglow.kernels.elementwise.conversion import lower_conversion
from tinyglow.kernels.elementwise.dequantize import DEQUANTIZE, DEQUANTIZE_INT16
from tinyglow.numerics.names import ONNX, TFLITE
from tinyglow.operators.numerics import lower_as_it_is, lower_exactly


class Dequantize(Op):
    """int8 or int16 to float32."""

    quantizable: ClassVar[bool] = False
    gives_probabilities: ClassVar[bool | None] = None
    other_numerics: ClassVar[OtherNumerics] = {TFLITE: lower_exactly, ONNX: lower_exactly}
    int16_numerics: ClassVar[OtherNumerics] = {TFLITE: lower_as_it_is}

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (TensorType(inputs[0].shape),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (inputs[0],)

    def lower(self, node: Node, lowering: Lowering) -> None:
        lower_conversion(node, lowering, lowering.type_of(node.inputs[0]), DEQUANTIZE, DEQUANTIZE_INT16)
