"""Elu of TFLite files, whose limit below 0 is -1. ONNX's, which has another limit, is made of other operators."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import Kernel
from tinyglow.kernels.elementwise.map import map_kernel
from tinyglow.numerics import float32
from tinyglow.numerics.nan import one_nan
from tinyglow.operators.element_function import ElementFunction


def elu(x: Array) -> Array:
    """x, or e ** x - 1 below 0, in float32 steps."""
    below = float32.exp(np.minimum(x, np.float32(0))) - np.float32(1)
    return one_nan(np.where(x < 0, below, x))


ELU_FLOAT = map_kernel("elu", elu, "x, or e^x - 1 below 0")


class Elu(ElementFunction):
    """x where it is above 0, else e ** x - 1."""

    tflite_types: ClassVar[TFLiteForms] = {"ELU": TFLiteForm(1)}
    float_kernel: ClassVar[Kernel] = ELU_FLOAT
    float_in_glow: ClassVar[bool] = True

    def function(self, x: Array) -> Array:
        result: Array = np.where(x < 0, np.expm1(np.minimum(x, 0)), x)
        return result
