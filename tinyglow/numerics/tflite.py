"""The arithmetic of LiteRT's reference kernels, in numpy: the rounding code of the ``tflite`` numerics.

Source: tensorflow/lite/kernels/internal (common.h, quantization_util.cc, reference/ and reference/integer_ops/). A real
multiplier is ``multiplier * 2**(shift - 31)``. Most operators round a product twice: to the upper word, and by the
shift left over. A fully connected layer rounds once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

INT8_MIN, INT8_MAX = -128, 127
_INT32_MIN, _INT32_MAX = -(2**31), 2**31 - 1

IntArray = npt.NDArray[np.int64]
Int8Array = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Multiplier:
    """A real number above 0 in fixed point: ``multiplier * 2**(shift - 31)``.

    Attributes:
        multiplier: int32 of at least 2**30, or 0.
        shift: To the left where it is above 0; -31 to 30.
    """

    multiplier: int
    shift: int


class ScaleError(ValueError):
    """A ratio of scales for which LiteRT has no multiplier."""


def multiplier_of(real: float) -> Multiplier:
    """The fixed-point form of a real multiplier (quantization_util.cc, QuantizeMultiplier).

    Args:
        real: A float64 value of at least 0.

    Returns:
        Multiplier and shift; 0 for what no int32 product can tell from 0.

    Raises:
        ScaleError: The multiplier is 2**30 or more, or no number.
    """
    if not 0 <= real < 2**30:
        raise ScaleError(f"multiplier {real!r} is not a number from 0 to 2**30")
    mantissa, shift = math.frexp(real)
    multiplier = math.floor(mantissa * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier, shift = multiplier // 2, shift + 1
    return Multiplier(multiplier, shift) if shift >= -31 else Multiplier(0, 0)


def float_ratio(source: float, result: float, *factors: float) -> float:
    """The product of a scale and factors, over another scale, each step in float32."""
    product = np.float32(source)
    for factor in factors:
        product = product * np.float32(factor)
    return float(product / np.float32(result))


def high_product(a: IntArray, b: IntArray | int, bits: int = 32) -> IntArray:
    """SaturatingRoundingDoublingHighMul: a * b / 2**(bits - 1), ties upwards; the least squared is saturated.

    gemmlowp (fixedpoint.h) adds 2**30, or 1 - 2**30 to a negative product, and divides towards zero. That takes -1/2 to
    0 and 1/2 to 1.
    """
    product = np.asarray(a, np.int64) * b
    nudge = 1 << (bits - 2)
    shifted = product + np.where(product >= 0, nudge, 1 - nudge)
    unit = 1 << (bits - 1)
    result = np.where(shifted >= 0, shifted // unit, -(-shifted // unit))
    return np.minimum(result, unit - 1)


def divide_by_power(x: IntArray, exponent: IntArray | int) -> IntArray:
    """RoundingDivideByPOT: x / 2**exponent, ties away from zero."""
    mask = (np.int64(1) << np.asarray(exponent, np.int64)) - 1
    threshold = (mask >> 1) + (x < 0)
    result: IntArray = (x >> np.asarray(exponent, np.int64)) + ((x & mask) > threshold)
    return result


def _int32(x: IntArray) -> IntArray:
    """Wrapped to 32 bits, as the shift to the left in LiteRT's int32 is."""
    return x.astype(np.int32).astype(np.int64)


def shifted_high_product(x: IntArray, by: Multiplier) -> IntArray:
    """The first of two roundings: int32 sums, shifted left where the multiplier says so, times the multiplier."""
    return high_product(_int32(x.astype(np.int64) << max(by.shift, 0)), by.multiplier)


def scaled_twice(x: IntArray, by: Multiplier) -> IntArray:
    """MultiplyByQuantizedMultiplier with two roundings: int32 sums times a multiplier, as int64."""
    return divide_by_power(shifted_high_product(x, by), max(-by.shift, 0))


def scaled_once(x: IntArray, by: Multiplier) -> IntArray:
    """MultiplyByQuantizedMultiplier with one rounding, ties upwards: int32 sums times a multiplier, as int64."""
    total = 31 - by.shift
    result: IntArray = (x.astype(np.int64) * by.multiplier + (1 << (total - 1))) >> total
    return result


def reduced(by: Multiplier) -> tuple[int, int]:
    """The multiplier for sums of 64 bits (common.h, MultiplyByQuantizedMultiplier): 16 bits, and a shift to the right.

    A sum is multiplied and shifted once, ties upwards.

    Raises:
        ScaleError: The multiplier is 2**16 or more.
    """
    if by.shift > 15:
        raise ScaleError(f"a multiplier of 2**{by.shift} is too large for sums of 64 bits")
    upper = (by.multiplier + (1 << 15)) >> 16 if by.multiplier < 0x7FFF0000 else 0x7FFF
    return upper, 15 - by.shift


def steps_of(real: float, scale: float) -> int:
    """A bound of an activation in steps of a result (kernel_util.cc, CalculateActivationRangeQuantized)."""
    steps = round_away(np.array([real], np.float32) / np.float32(scale))
    return int(np.clip(steps[0], _INT32_MIN, _INT32_MAX - 127))


def saturate_int8(x: IntArray, low: int = INT8_MIN, high: int = INT8_MAX) -> Int8Array:
    """Clipped between ``low`` and ``high``."""
    return np.clip(x, low, high).astype(np.int8)


def round_away(x: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """C's round(): ties away from zero."""
    whole = np.trunc(x)  # not of x + 0.5: 0.49999997 + 0.5 rounds to 1 in float32
    result: npt.NDArray[np.floating] = np.where(np.abs(x - whole) >= 0.5, whole + np.sign(x), whole)
    return result


def quantize(
    x: npt.NDArray[np.float32], scale: float, offset: int, dtype: str = "int8"
) -> npt.NDArray[np.signedinteger]:
    """Floats as integers (quantize.h, AffineQuantize): round(x / scale), ties away from zero, plus the offset.

    Args:
        x: float32 of any shape. NaN, which LiteRT leaves undefined, becomes the smallest integer, here and in C.
        scale: A float32 value.
        offset: The integer that stands for 0.
        dtype: "int8" or "int16".

    Returns:
        Integers of ``dtype``, of the same shape.
    """
    limits = np.iinfo(dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        steps = round_away(x.astype(np.float32) / np.float32(scale)).astype(np.float64) + offset
    steps = np.where(np.isnan(steps), limits.min, steps)
    return np.clip(steps, limits.min, limits.max).astype(dtype)


def divide_rounded(x: IntArray, divisor: IntArray | int) -> IntArray:
    """x / divisor, ties away from zero (pooling.h): C's division after half the divisor is added away from zero."""
    half: IntArray = np.asarray(divisor, np.int64) // 2
    shifted = np.where(x > 0, x + half, x - half)
    result: IntArray = (np.sign(shifted) * (np.abs(shifted) // divisor)).astype(np.int64)
    return result
