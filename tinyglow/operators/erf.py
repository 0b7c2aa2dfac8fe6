"""Erf."""

from __future__ import annotations

from typing import ClassVar

from tinyglow.ir.forms import OnnxForm, OnnxForms
from tinyglow.ir.kernel import Kernel
from tinyglow.kernels.elementwise.map import map_kernel
from tinyglow.numerics import float32
from tinyglow.operators.unary import Unary

ERF = map_kernel("erf", float32.erf, "error function")


class Erf(Unary):
    """The error function."""

    onnx_types: ClassVar[OnnxForms] = {"Erf": OnnxForm(13)}
    kernel: ClassVar[Kernel] = ERF
