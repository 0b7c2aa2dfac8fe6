"""Sub."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Importer, Lowering, OtherNumerics, SourceNode
from tinyglow.ir.types import QuantParams, Shape
from tinyglow.kernels.elementwise.sub import SUB, SUB_FLOAT
from tinyglow.numerics.names import ONNX, TFLITE, TFLM
from tinyglow.operators import litert, litert_int16, onnx_integers
from tinyglow.operators.addends import lower_addends
from tinyglow.operators.binary import Binary


class Sub(Binary):
    """x - y."""

    onnx_types: ClassVar[OnnxForms] = {"Sub": OnnxForm(14)}
    tflite_types: ClassVar[TFLiteForms] = {
        "SUB": TFLiteForm(
            5,
            "SubOptions",
            ("fused_activation_function", "pot_scale_int16"),
        )
    }
    other_numerics: ClassVar[OtherNumerics] = {
        TFLITE: partial(litert.lower_sum, sign=-1),
        ONNX: partial(onnx_integers.lower_sum, sign=-1),
    }
    int16_numerics: ClassVar[OtherNumerics] = {TFLITE: partial(litert_int16.lower_sum_int16, sign=-1)}

    @classmethod
    def for_file(cls, node: SourceNode, importer: Importer) -> Binary:
        types = [importer.declared(name) for name in (*node.inputs, *node.outputs) if name]
        is_shifted = bool(node.integer("pot_scale_int16", 0)) and litert_int16.has_power_scales(types)
        return ShiftedSub() if is_shifted else cls()

    def combine(self, x: Array, y: Array) -> Array:
        return x - y

    def has_onnx_form(self, shapes: Sequence[Shape], quants: Sequence[QuantParams]) -> bool:
        return onnx_integers.has_sum(quants, -1)

    def lower(self, node: Node, lowering: Lowering) -> None:
        lower_addends(node, lowering, SUB, SUB_FLOAT)


class ShiftedSub(Sub):
    """The difference of int16 operands whose scales are powers of two, for which LiteRT has another arithmetic."""

    onnx_types: ClassVar[OnnxForms] = {}
    tflite_types: ClassVar[TFLiteForms] = {}
    int16_numerics: ClassVar[OtherNumerics] = {
        TFLITE: partial(litert_int16.lower_shifted_sum_int16, sign=-1),
        TFLM: partial(litert_int16.lower_sum_int16, sign=-1),
    }
