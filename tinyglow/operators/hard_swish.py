"""HardSwish."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import Kernel
from tinyglow.ir.op import Quantizing
from tinyglow.ir.types import QuantParams
from tinyglow.kernels.elementwise.lookup import PIECE
from tinyglow.kernels.elementwise.map import map_kernel
from tinyglow.numerics import glow, tflite_tables
from tinyglow.numerics.nan import one_nan
from tinyglow.operators.element_function import ElementFunction


def hard_swish(x: Array) -> Array:
    """x * (min(max(x + 3, 0), 6) / 6) in float32 steps, the division as a product."""
    with np.errstate(invalid="ignore"):
        shifted = x + np.float32(3)
        raised = np.where(shifted < 0, np.float32(0), shifted)
        share = np.where(raised > 6, np.float32(6), raised) * np.float32(1 / 6)
        return one_nan(x * share)


HARD_SWISH_FLOAT = map_kernel("hard_swish", hard_swish, "x * min(max(x + 3, 0), 6) / 6")


class HardSwish(ElementFunction):
    """x * min(max(x + 3, 0), 6) / 6.

    Glow has it for TFLite models alone, with a table whose x + 3 is cut to an integer: steps instead of a curve.
    """

    onnx_types: ClassVar[OnnxForms] = {"HardSwish": OnnxForm(22)}
    tflite_types: ClassVar[TFLiteForms] = {"HARD_SWISH": TFLiteForm(1)}
    float_kernel: ClassVar[Kernel] = HARD_SWISH_FLOAT
    has_int16: ClassVar[bool] = True
    float_in_glow: ClassVar[bool] = True  # but in networks that come quantized

    def litert_table(self, source: tuple[float, int], result: tuple[float, int]) -> Array:
        """In 16-bit fixed point."""
        return tflite_tables.hard_swish(source, result)

    def int16_params(self, source: QuantParams, node: Node, quantizing: Quantizing) -> tuple[QuantParams, QuantParams]:
        """The function bends at -3 and 3: the scale is made a little larger, so that pieces of the table end there."""
        pieces = max(1, math.floor(3.0 / (PIECE * source.scale)))
        return QuantParams(glow.float32(3.0 / (PIECE * pieces)), 0), quantizing.params(node.outputs[0])

    def function(self, x: Array) -> Array:
        result: Array = x * np.clip(x + 3.0, 0.0, 6.0) / 6.0
        return result
