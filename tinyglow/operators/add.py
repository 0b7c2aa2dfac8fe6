"""Add and Sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Importer, Lowering, OtherNumerics, SourceNode
from tinyglow.ir.types import QuantParams, Shape
from tinyglow.kernels.elementwise.add import ADD, ADD_FLOAT
from tinyglow.numerics.names import ONNX, TFLITE, TFLM
from tinyglow.operators import litert, litert_int16, onnx_integers
from tinyglow.operators.addends import lower_addends
from tinyglow.operators.binary import Binary


class Add(Binary):
    """x + y."""

    onnx_types: ClassVar[OnnxForms] = {
        "Add": OnnxForm(14),
        "Sum": OnnxForm(13),
    }
    tflite_types: ClassVar[TFLiteForms] = {
        "ADD": TFLiteForm(
            6,
            "AddOptions",
            ("fused_activation_function", "pot_scale_int16"),
        )
    }
    other_numerics: ClassVar[OtherNumerics] = {TFLITE: litert.lower_sum, ONNX: onnx_integers.lower_sum}
    int16_numerics: ClassVar[OtherNumerics] = {TFLITE: litert_int16.lower_sum_int16}

    @classmethod
    def for_file(cls, node: SourceNode, importer: Importer) -> Binary:
        types = [importer.declared(name) for name in (*node.inputs, *node.outputs) if name]
        is_shifted = bool(node.integer("pot_scale_int16", 0)) and litert_int16.has_power_scales(types)
        return ShiftedAdd() if is_shifted else cls()

    def combine(self, x: Array, y: Array) -> Array:
        return x + y

    def has_onnx_form(self, shapes: Sequence[Shape], quants: Sequence[QuantParams]) -> bool:
        return onnx_integers.has_sum(quants, 1)

    def lower(self, node: Node, lowering: Lowering) -> None:
        lower_addends(node, lowering, ADD, ADD_FLOAT)


class ShiftedAdd(Add):
    """The sum of int16 operands whose scales are powers of two, for which LiteRT has another arithmetic."""

    onnx_types: ClassVar[OnnxForms] = {}
    tflite_types: ClassVar[TFLiteForms] = {}
    int16_numerics: ClassVar[OtherNumerics] = {
        TFLITE: litert_int16.lower_shifted_sum_int16,
        TFLM: litert_int16.lower_sum_int16,
    }
