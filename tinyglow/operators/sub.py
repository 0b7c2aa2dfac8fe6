"""Sub."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Lowering, OtherNumerics
from tinyglow.ir.types import QuantParams, Shape
from tinyglow.kernels.elementwise.sub import SUB, SUB_FLOAT
from tinyglow.numerics.names import ONNX, TFLITE
from tinyglow.operators import litert, litert_int16, onnx_integers
from tinyglow.operators.addends import lower_addends
from tinyglow.operators.binary import Binary


@dataclass(frozen=True)
class Sub(Binary):
    """x - y."""

    onnx_types: ClassVar[OnnxForms] = {"Sub": OnnxForm(14)}
    tflite_types: ClassVar[TFLiteForms] = {
        "SUB": TFLiteForm(
            5,
            "SubOptions",
            ("fused_activation_function",),
            without_effect={"pot_scale_int16": "of int16 operands whose scales are powers of two"},
        )
    }
    other_numerics: ClassVar[OtherNumerics] = {
        TFLITE: partial(litert.lower_sum, sign=-1),
        ONNX: partial(onnx_integers.lower_sum, sign=-1),
    }
    int16_numerics: ClassVar[OtherNumerics] = {TFLITE: partial(litert_int16.lower_sum_int16, sign=-1)}

    def combine(self, x: Array, y: Array) -> Array:
        return x - y

    def has_onnx_form(self, shapes: Sequence[Shape], quants: Sequence[QuantParams]) -> bool:
        return onnx_integers.has_sum(quants, -1)

    def lower(self, node: Node, lowering: Lowering) -> None:
        lower_addends(node, lowering, SUB, SUB_FLOAT)
