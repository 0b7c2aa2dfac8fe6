"""Exp."""

from __future__ import annotations

from typing import ClassVar

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.kernel import Kernel
from tinyglow.kernels.elementwise.map import map_kernel
from tinyglow.numerics import float32
from tinyglow.operators.unary import Unary

EXP = map_kernel("exp", float32.exp, "e^x")


class Exp(Unary):
    """e ** x."""

    onnx_types: ClassVar[OnnxForms] = {"Exp": OnnxForm(13)}
    tflite_types: ClassVar[TFLiteForms] = {"EXP": TFLiteForm(2)}
    kernel: ClassVar[Kernel] = EXP
