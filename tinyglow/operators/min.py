"""Min of two or more tensors."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Lowering, OtherNumerics
from tinyglow.kernels.elementwise.min import MIN, MIN_FLOAT
from tinyglow.numerics.names import TFLITE
from tinyglow.operators.addends import lower_addends
from tinyglow.operators.binary import Binary
from tinyglow.operators.numerics import lower_exactly


class Min(Binary):
    """The smaller of x and y."""

    onnx_types: ClassVar[OnnxForms] = {"Min": OnnxForm(13)}
    tflite_types: ClassVar[TFLiteForms] = {"MINIMUM": TFLiteForm(4)}
    other_numerics: ClassVar[OtherNumerics] = {TFLITE: lower_exactly}
    int16_numerics: ClassVar[OtherNumerics] = {TFLITE: lower_exactly}

    def combine(self, x: Array, y: Array) -> Array:
        return np.minimum(x, y)

    def lower(self, node: Node, lowering: Lowering) -> None:
        lower_addends(node, lowering, MIN, MIN_FLOAT)
