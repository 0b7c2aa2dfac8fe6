"""Log."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import Kernel
from tinyglow.ir.op import OtherNumerics
from tinyglow.kernels.elementwise.map import map_kernel
from tinyglow.numerics import float32, tflite_tables, wide
from tinyglow.numerics.names import TFLITE
from tinyglow.operators.element_function import ElementFunction
from tinyglow.operators.litert_int16 import lower_lines

LOG_FLOAT = map_kernel("log", float32.log, "natural logarithm")


def _litert_int16(x: Array, scale: float) -> Array:
    """What has no logarithm is the least result (elementwise.cc, LogLUTPrepare)."""
    result: Array = np.where(x > 0, np.log(x), np.float32(wide.INT16_MIN) * np.float32(scale))
    return result


class Log(ElementFunction):
    """Natural logarithm. Below 0 it is NaN, which int8 holds as -128."""

    onnx_types: ClassVar[OnnxForms] = {"Log": OnnxForm(13)}
    tflite_types: ClassVar[TFLiteForms] = {"LOG": TFLiteForm(2)}
    table_suffix: ClassVar[str] = ".log"
    float_kernel: ClassVar[Kernel] = LOG_FLOAT
    int16_numerics: ClassVar[OtherNumerics] = {TFLITE: partial(lower_lines, function=_litert_int16)}

    def function(self, x: Array) -> Array:
        result: Array = np.log(x)
        return result

    def litert_table(self, source: tuple[float, int], result: tuple[float, int]) -> Array:
        """See ``Op.litert_table``: what has no logarithm is the least result (elementwise.cc, LogPrepare)."""
        return tflite_tables.function(source, result, lambda x: np.where(x > 0, np.log(x), -np.inf))

    def tabulated(self, x: Array) -> Array:
        """As Glow's createIntLog (lib/Graph/Graph.cpp): 0 counts as the smallest normal float32."""
        return super().tabulated(np.where(x == 0, float(np.finfo(np.float32).tiny), x))
