"""Div."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Lowering, UnsupportedError
from tinyglow.kernels.elementwise.broadcast import lower_float, lower_operands
from tinyglow.kernels.elementwise.div import DIV, DIV_FLOAT, MAX_FRACTION_BITS, QuotientParams, quotient_requant
from tinyglow.operators.binary import Binary


class Div(Binary):
    """x / y; integers (shapes) are rounded towards 0.

    fraction_bits: of the int8 quotient, before it is scaled. Glow has none: its int8 Div divides the integers, which is
    exact for its bundles and useless for most others.
    """

    fraction_bits: int = 0

    onnx_types: ClassVar[OnnxForms] = {"Div": OnnxForm(14)}
    tflite_types: ClassVar[TFLiteForms] = {"DIV": TFLiteForm(2, "DivOptions", ("fused_activation_function",))}
    declared_int8: ClassVar[bool] = False
    has_int16: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not 0 <= self.fraction_bits <= MAX_FRACTION_BITS:
            raise ValueError(f"{self.fraction_bits} fraction bits, at most {MAX_FRACTION_BITS} are possible")

    def combine(self, x: Array, y: Array) -> Array:
        if x.dtype.kind != "i":
            with np.errstate(divide="ignore", invalid="ignore"):  # whoever runs the graph looks for what is not finite
                return x / y
        if not y.all():
            raise UnsupportedError("a division of integers by zero")
        return np.sign(x) * np.sign(y) * (np.abs(x) // np.abs(y))

    def lower(self, node: Node, lowering: Lowering) -> None:
        if lowering.type_of(node.outputs[0]).dtype == "float32":
            lower_float(node, lowering, DIV_FLOAT)
            return
        operands = lower_operands(node, lowering)
        x, y, result = operands.params
        dividend, divisor = (y, x) if operands.is_reversed else (x, y)
        out, limit = quotient_requant(dividend, divisor, result, self.fraction_bits)
        params = QuotientParams(
            **operands.loops,
            input_offset=x.offset,
            other_offset=y.offset,
            is_reversed=int(operands.is_reversed),
            fraction_bits=self.fraction_bits,
            limit=limit,
            out=out,
        )
        operands.call(DIV, params, lowering)
