"""TensorFlow Lite's requantization, rounded once: ``x * multiplier`` in 64 bits, one rounding shift, ties upwards.

Source of the facts: TensorFlow, tensorflow/lite/kernels/internal/quantization_util.cc (``QuantizeMultiplier``) and
common.h (``MultiplyByQuantizedMultiplier`` with ``TFLITE_SINGLE_ROUNDING``).
"""

from __future__ import annotations

import math

import numpy as np

from tinyglow.numerics.epilogue import Epilogue, Int32Array
from tinyglow.numerics.glow import INT32_MAX, INT32_MIN, Requant

_BITS = 31  # of a multiplier


def quantized_multiplier(scale: float) -> tuple[int, int]:
    """A scale as ``multiplier * 2**(exponent - 31)``, the multiplier having 31 bits.

    Args:
        scale: Above 0, as a double.

    Returns:
        The multiplier, 2**30 to 2**31 - 1, and the exponent, -31 to 29; both 0 for a scale below 2**-32.

    Raises:
        ValueError: The scale is not a positive finite number below 2**29.
    """
    if not 0 < scale < 2.0**29:
        raise ValueError(f"scale {scale!r} is not above 0 and below 2**29")
    mantissa, exponent = math.frexp(scale)
    multiplier = math.floor(mantissa * 2**_BITS + 0.5)  # C's round() of a positive number
    if multiplier == 2**_BITS:
        multiplier, exponent = multiplier // 2, exponent + 1
    return (multiplier, exponent) if exponent >= -_BITS else (0, 0)


class TFLite(Epilogue):
    """One rounding.

    ``pre`` shifts to the left, as far as the shift after the product's upper word, ``post``, needs to be 1 at least:
    ``x * m`` shifted by ``31 - exponent`` is the upper word of ``(x << pre) * m`` shifted by ``post``, where
    ``post - pre == -1 - exponent``.
    """

    name = "tflite"
    summary = "TensorFlow Lite's, rounded once"

    def constants(self, scale: float, offset: int = 0) -> Requant:
        """See ``quantized_multiplier``."""
        multiplier, exponent = quantized_multiplier(scale)
        pre = max(0, exponent + 2)
        return Requant(pre, pre - 1 - exponent, multiplier, offset) if multiplier else Requant(0, 1, 0, offset)

    def requantize(self, sums: Int32Array, constants: Requant) -> Int32Array:
        """The sum times the multiplier, with all its bits, rounded by one shift."""
        shift = 32 + constants.post - constants.pre
        product = sums.astype(np.int64) * constants.multiplier
        result: Int32Array = ((product + (1 << (shift - 1))) >> shift).astype(np.int32) + np.int32(constants.offset)
        return result

    def holds(self, total: int, constants: Requant) -> bool:
        """The sum leaves room for the shift to the left."""
        return INT32_MIN <= total << constants.pre <= INT32_MAX


TFLITE = TFLite()
