"""Neg."""

from __future__ import annotations

from typing import ClassVar

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import Kernel
from tinyglow.kernels.elementwise.map import map_kernel
from tinyglow.numerics.nan import one_nan
from tinyglow.operators.unary import Unary

NEG = map_kernel("neg", lambda x: one_nan(-x), "negation")


class Neg(Unary):
    """-x."""

    onnx_types: ClassVar[OnnxForms] = {"Neg": OnnxForm(13)}
    tflite_types: ClassVar[TFLiteForms] = {"NEG": TFLiteForm(1)}
    kernel: ClassVar[Kernel] = NEG
    takes_integers: ClassVar[bool] = True

    def function(self, x: Array) -> Array:
        """-x, of its own type."""
        return -x if x.dtype.kind == "i" else super().function(x)
