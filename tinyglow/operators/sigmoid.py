"""Sigmoid."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import Kernel
from tinyglow.ir.op import OtherNumerics
from tinyglow.kernels.elementwise.map import map_kernel
from tinyglow.numerics import float32, tflite_tables
from tinyglow.numerics.names import TFLITE
from tinyglow.operators import litert_int16
from tinyglow.operators.element_function import BoundedFunction

SIGMOID_FLOAT = map_kernel("sigmoid", float32.sigmoid, "1 / (1 + e^-x)")


class Sigmoid(BoundedFunction):
    """1 / (1 + e ** -x)."""

    onnx_types: ClassVar[OnnxForms] = {"Sigmoid": OnnxForm(13)}
    tflite_types: ClassVar[TFLiteForms] = {"LOGISTIC": TFLiteForm(3)}
    domain: ClassVar[tuple[float, float]] = (-6.0, 6.0)
    reach: ClassVar[float] = 11.1  # 1 - sigmoid(x) = e**-x: half of 2**-15
    image: ClassVar[tuple[float, float]] = (0.0, 1.0)
    gives_probabilities: ClassVar[bool | None] = True
    int16_numerics: ClassVar[OtherNumerics] = {TFLITE: litert_int16.lower_sigmoid_int16}
    float_kernel: ClassVar[Kernel] = SIGMOID_FLOAT

    def litert_table(self, source: tuple[float, int], result: tuple[float, int]) -> Array:
        """In fixed point, for the result's parameters that LiteRT asks for."""
        if result != (1 / 256, -128):
            return super().litert_table(source, result)
        return tflite_tables.logistic(source, result)

    def function(self, x: Array) -> Array:
        result: Array = 1.0 / (1.0 + np.exp(-x))
        return result
