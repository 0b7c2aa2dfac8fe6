"""Sine and cosine, which stay in float but for those that a table of a chain of functions takes in."""

from __future__ import annotations

from typing import ClassVar

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.kernel import Kernel
from tinyglow.kernels.elementwise.map import map_kernel
from tinyglow.numerics import float32
from tinyglow.operators.unary import Unary

SIN = map_kernel("sin", float32.sin, "sine")
COS = map_kernel("cos", float32.cos, "cosine")


class Sin(Unary):
    """The sine of an angle in radians."""

    onnx_types: ClassVar[OnnxForms] = {"Sin": OnnxForm(22)}
    tflite_types: ClassVar[TFLiteForms] = {"SIN": TFLiteForm(1)}
    kernel: ClassVar[Kernel] = SIN


class Cos(Unary):
    """The cosine of an angle in radians."""

    onnx_types: ClassVar[OnnxForms] = {"Cos": OnnxForm(22)}
    tflite_types: ClassVar[TFLiteForms] = {"COS": TFLiteForm(1, "CosOptions")}
    kernel: ClassVar[Kernel] = COS
