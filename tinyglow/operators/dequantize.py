"""Dequantize: int8 or int16 to float."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyglow.ir.forms import TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Importer, Lowering, Op, SourceNode, UnsupportedError
from tinyglow.ir.types import TensorType
from tinyglow.kernels.elementwise.conversion import lower_conversion
from tinyglow.kernels.elementwise.dequantize import DEQUANTIZE, DEQUANTIZE_INT16


@dataclass(frozen=True)
class Dequantize(Op):
    """int8 or int16 to float32."""

    tflite_types: ClassVar[TFLiteForms] = {
        "QUANTIZE": TFLiteForm(5),
        "DEQUANTIZE": TFLiteForm(8),
    }
    int8_in_tflite: ClassVar[bool] = False
    quantizable: ClassVar[bool] = False
    gives_probabilities: ClassVar[bool | None] = None

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
        lower_conversion(node, lowering, lowering.type_of(node.inputs[0]), DEQUANTIZE, DEQUANTIZE_INT16)
