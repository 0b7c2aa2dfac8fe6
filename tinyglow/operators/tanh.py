"""Tanh."""

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

TANH_FLOAT = map_kernel("tanh", float32.tanh, "hyperbolic tangent")


class Tanh(BoundedFunction):
    """Hyperbolic tangent."""

    onnx_types: ClassVar[OnnxForms] = {"Tanh": OnnxForm(13)}
    tflite_types: ClassVar[TFLiteForms] = {"TANH": TFLiteForm(3)}
    domain: ClassVar[tuple[float, float]] = (-3.0, 3.0)
    reach: ClassVar[float] = 5.9  # 1 - tanh(x) = 2 * e**-2x: half of 2**-15
    image: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    int16_numerics: ClassVar[OtherNumerics] = {TFLITE: litert_int16.lower_tanh_int16}
    float_kernel: ClassVar[Kernel] = TANH_FLOAT

    def litert_table(self, source: tuple[float, int], result: tuple[float, int]) -> Array:
        """In fixed point, for the result's parameters that LiteRT asks for."""
        if result != (1 / 128, 0):
            return super().litert_table(source, result)
        return tflite_tables.tanh(source, result)

    def function(self, x: Array) -> Array:
        result: Array = np.tanh(x)
        return result
