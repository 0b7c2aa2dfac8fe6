"""Max of two or more tensors."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Lowering, OtherNumerics
from tinyglow.kernels.elementwise.max import MAX, MAX_FLOAT
from tinyglow.numerics.names import TFLITE
from tinyglow.operators.addends import lower_addends
from tinyglow.operators.binary import Binary
from tinyglow.operators.numerics import lower_exactly


class Max(Binary):
    """The larger of x and y."""

    onnx_types: ClassVar[OnnxForms] = {"Max": OnnxForm(13)}
    tflite_types: ClassVar[TFLiteForms] = {"MAXIMUM": TFLiteForm(4)}
    # Glow moves a rescale after a Max in front of its operands instead (GraphOptimizer.cpp, OptimizeQuantization).
    absorbs_rescale_after: ClassVar[bool] = False
    other_numerics: ClassVar[OtherNumerics] = {TFLITE: lower_exactly}
    int16_numerics: ClassVar[OtherNumerics] = {TFLITE: lower_exactly}

    def combine(self, x: Array, y: Array) -> Array:
        return np.maximum(x, y)

    def lower(self, node: Node, lowering: Lowering) -> None:
        lower_addends(node, lowering, MAX, MAX_FLOAT)
