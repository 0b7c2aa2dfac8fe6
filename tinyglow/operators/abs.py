"""Abs."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import Kernel
from tinyglow.kernels.elementwise.map import map_kernel
from tinyglow.numerics.nan import one_nan
from tinyglow.operators.unary import Unary

ABS = map_kernel("abs", lambda x: one_nan(np.abs(x)), "absolute value")


class Abs(Unary):
    """The absolute value."""

    onnx_types: ClassVar[OnnxForms] = {"Abs": OnnxForm(13)}
    tflite_types: ClassVar[TFLiteForms] = {"ABS": TFLiteForm(5)}
    kernel: ClassVar[Kernel] = ABS
    takes_integers: ClassVar[bool] = True

    def function(self, x: Array) -> Array:
        """The absolute value, of its own type."""
        return np.abs(x) if x.dtype.kind == "i" else super().function(x)
