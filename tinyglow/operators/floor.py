"""Floor."""

from __future__ import annotations

from typing import ClassVar

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.kernel import Kernel
from tinyglow.kernels.elementwise.map import map_kernel
from tinyglow.numerics import float32
from tinyglow.operators.unary import Unary

FLOOR = map_kernel("floor", float32.floor, "largest integer not above")


class Floor(Unary):
    """The largest integer not above x."""

    onnx_types: ClassVar[OnnxForms] = {"Floor": OnnxForm(13)}
    tflite_types: ClassVar[TFLiteForms] = {"FLOOR": TFLiteForm(1)}
    kernel: ClassVar[Kernel] = FLOOR
