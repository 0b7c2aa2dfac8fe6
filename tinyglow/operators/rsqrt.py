"""TFLite's RSQRT, which stays in float."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import Kernel
from tinyglow.kernels.elementwise.map import map_kernel
from tinyglow.numerics import float32
from tinyglow.numerics.nan import one_nan
from tinyglow.operators.unary import Unary


def _rsqrt(x: Array) -> Array:
    with np.errstate(all="ignore"):
        return one_nan(np.float32(1) / float32.sqrt(x))


RSQRT = map_kernel("rsqrt", _rsqrt, "1 / square root", turns_by_data=32)  # as sqrt


class Rsqrt(Unary):
    """1 over the square root, in two steps."""

    tflite_types: ClassVar[TFLiteForms] = {"RSQRT": TFLiteForm(3)}
    kernel: ClassVar[Kernel] = RSQRT
