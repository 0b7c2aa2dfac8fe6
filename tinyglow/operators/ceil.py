"""Ceil."""

from __future__ import annotations

from typing import ClassVar

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.kernel import Kernel
from tinyglow.kernels.elementwise.map import map_kernel
from tinyglow.numerics import float32
from tinyglow.operators.unary import Unary

CEIL = map_kernel("ceil", float32.ceil, "smallest integer not below")


class Ceil(Unary):
    """The smallest integer not below x."""

    onnx_types: ClassVar[OnnxForms] = {"Ceil": OnnxForm(13)}
    tflite_types: ClassVar[TFLiteForms] = {"CEIL": TFLiteForm(1)}
    kernel: ClassVar[Kernel] = CEIL
