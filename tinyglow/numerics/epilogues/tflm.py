"""TensorFlow Lite Micro's requantization with CMSIS-NN, rounded twice.

The upper word of the doubled product is rounded with ties upwards, a shift after it with ties away from zero.

Source of the facts: TensorFlow, tensorflow/lite/kernels/internal/common.h (``MultiplyByQuantizedMultiplier`` without
``TFLITE_SINGLE_ROUNDING``); CMSIS-NN, Include/arm_nnsupportfunctions.h (``arm_nn_requantize``,
``arm_nn_doubling_high_mult_no_sat``, ``arm_nn_divide_by_power_of_two``).
"""

from __future__ import annotations

import numpy as np

from tinyglow.numerics.epilogue import Epilogue, Int32Array
from tinyglow.numerics.epilogues.tflite import quantized_multiplier
from tinyglow.numerics.glow import INT32_MAX, INT32_MIN, Requant


class TFLiteMicro(Epilogue):
    """Two roundings.

    ``pre`` shifts to the left: by the exponent, if it is positive, and by one more, which doubles. ``post`` is the
    second rounding's shift.
    """

    name = "tflm"
    summary = "TensorFlow Lite Micro's with CMSIS-NN, rounded twice"

    def constants(self, scale: float, offset: int = 0) -> Requant:
        """See ``quantized_multiplier``."""
        multiplier, exponent = quantized_multiplier(scale)
        return Requant(1 + max(exponent, 0), max(-exponent, 0), multiplier, offset)

    def requantize(self, sums: Int32Array, constants: Requant) -> Int32Array:
        """``arm_nn_requantize``, step by step."""
        doubled = sums.astype(np.int64) << constants.pre
        high = (doubled * constants.multiplier + (1 << 31)) >> 32
        mask = (1 << constants.post) - 1
        threshold = (mask >> 1) + (high < 0)
        rounded = (high >> constants.post) + ((high & mask) > threshold)
        return rounded.astype(np.int32) + np.int32(constants.offset)

    def holds(self, total: int, constants: Requant) -> bool:
        """The sum leaves room for the shift to the left."""
        return INT32_MIN <= total << constants.pre <= INT32_MAX


TFLM = TFLiteMicro()
