"""Mul, and TFLite's SQUARE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Importer, Lowering, OtherNumerics, SourceNode
from tinyglow.ir.types import QuantParams, Shape
from tinyglow.kernels.elementwise.broadcast import lower_float, lower_operands
from tinyglow.kernels.elementwise.mul import MUL, MUL_FLOAT, ProductParams, lower_product_int16
from tinyglow.kernels.int8 import product_requant
from tinyglow.numerics.names import ONNX, TFLITE
from tinyglow.operators import litert, litert_int16, onnx_integers
from tinyglow.operators.binary import Binary


class Mul(Binary):
    """x * y."""

    onnx_types: ClassVar[OnnxForms] = {"Mul": OnnxForm(14)}
    tflite_types: ClassVar[TFLiteForms] = {
        "MUL": TFLiteForm(8, "MulOptions", ("fused_activation_function",)),
        "SQUARE": TFLiteForm(1),
    }
    other_numerics: ClassVar[OtherNumerics] = {TFLITE: litert.lower_product, ONNX: onnx_integers.lower_product}
    int16_numerics: ClassVar[OtherNumerics] = {TFLITE: litert_int16.lower_product_int16}

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        """A square is the product of its input with itself."""
        inputs = node.inputs * 2 if node.op_type == "SQUARE" else node.inputs
        super().from_tflite(replace(node, inputs=inputs), importer)

    def combine(self, x: Array, y: Array) -> Array:
        return x * y

    def has_onnx_form(self, shapes: Sequence[Shape], quants: Sequence[QuantParams]) -> bool:
        return onnx_integers.has_product(quants)

    def lower(self, node: Node, lowering: Lowering) -> None:
        if lowering.type_of(node.outputs[0]).dtype == "float32":
            lower_float(node, lowering, MUL_FLOAT)
            return
        if lowering.type_of(node.outputs[0]).dtype == "int16":
            lower_product_int16(node, lowering)
            return
        operands = lower_operands(node, lowering)
        x, y, result = operands.params
        out = product_requant(x, y, result)
        params = ProductParams(**operands.loops, input_offset=x.offset, other_offset=y.offset, out=out)
        operands.call(MUL, params, lowering)
