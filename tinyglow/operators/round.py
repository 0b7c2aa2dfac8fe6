"""Round."""

from __future__ import annotations

from typing import ClassVar

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.kernel import Kernel
from tinyglow.kernels.elementwise.map import map_kernel
from tinyglow.numerics import float32
from tinyglow.operators.unary import Unary

ROUND = map_kernel("round", float32.nearest, "nearest integer, of two the even one")


class Round(Unary):
    """The nearest integer, of two the even one."""

    onnx_types: ClassVar[OnnxForms] = {"Round": OnnxForm(22)}
    tflite_types: ClassVar[TFLiteForms] = {"ROUND": TFLiteForm(1)}
    kernel: ClassVar[Kernel] = ROUND
