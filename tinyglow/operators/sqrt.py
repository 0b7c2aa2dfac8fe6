"""Sqrt."""

from __future__ import annotations

from typing import ClassVar

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.kernel import Kernel
from tinyglow.kernels.elementwise.sqrt import SQRT
from tinyglow.operators.unary import Unary


class Sqrt(Unary):
    """The square root; NaN of negative numbers."""

    onnx_types: ClassVar[OnnxForms] = {"Sqrt": OnnxForm(13)}
    tflite_types: ClassVar[TFLiteForms] = {"SQRT": TFLiteForm(2)}
    kernel: ClassVar[Kernel] = SQRT
    exponent_in_glow: ClassVar[float | None] = 0.5
