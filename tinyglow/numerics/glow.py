"""The arithmetic of a Glow CPU bundle, in numpy: the only rounding code of the ``glow`` numerics.

``real = scale * (q - offset)``. Scales are float32 values, kept as Python floats that represent them exactly. Integer
arithmetic is 32-bit two's complement and wraps, as in Glow's libjit on the targets that it supports.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyglow.numerics import exact_dot

INT8_MIN, INT8_MAX = -128, 127
INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
_FLOAT32_INTEGERS = 2**24

Int8Array = npt.NDArray[np.int8]
Int32Array = npt.NDArray[np.int32]
FloatArray = npt.NDArray[np.float32]


def float32(value: float) -> float:
    """The float32 nearest to ``value``, as a Python float."""
    return float(np.float32(value))


def divide_float32(numerator: float, denominator: float) -> float:
    """Quotient of two float32 values, rounded to float32 as the C expression ``a / b`` is."""
    with np.errstate(all="ignore"):
        return float(np.float32(numerator) / np.float32(denominator))


def multiply_float32(a: float, b: float) -> float:
    """Product of two float32 values, rounded to float32 as the C expression ``a * b`` is."""
    with np.errstate(all="ignore"):
        return float(np.float32(a) * np.float32(b))


@dataclass(frozen=True)
class Requant:
    """The integer form of ``x * scale + offset``: ``((((x >> pre) * multiplier) + round) >> post) + offset``.

    ``round`` is ``1 << (post - 1)``, or 0 if ``post`` is 0. Shifts are arithmetic, and every step wraps at 32 bits.

    Attributes:
        pre: Shift before the multiplication, 0 to 31.
        post: Shift after it, 0 to 31.
        multiplier: int32.
        offset: Of the result.

    Raises:
        ValueError: A constant is out of its range.
    """

    pre: int
    post: int
    multiplier: int
    offset: int

    def __post_init__(self) -> None:
        if not (0 <= self.pre <= 31 and 0 <= self.post <= 31 and INT32_MIN <= self.multiplier <= INT32_MAX):
            raise ValueError(f"requantization constants out of range: {self}")


def requantize_params(scale: float, offset: int = 0) -> Requant:
    """The shifts and the multiplier that stand for a scale.

    Follows ``quantizeScaleOffset32To8`` (Glow, lib/Quantization/Base/Base.cpp). A power of two becomes one
    multiplication or one shift. Any other scale is doubled until its integer part has some 8 to 16 significant bits:
    first against the shift after the multiplication (at least 15 bits of it are always safe), then against one before
    it, of at most half of that.

    Args:
        scale: A float32 value above 0. Below about 2**-31 every int32 becomes zero; Glow would shift by more than 31
            there, which C leaves undefined, so the result is the constant ``offset``.
        offset: Of the result.

    Returns:
        The constants.

    Raises:
        ValueError: The scale is not a positive finite number.
    """
    if not (scale > 0 and math.isfinite(scale)):
        raise ValueError(f"scale {scale!r} is not a positive finite number")
    mantissa, exponent = math.frexp(scale)
    if mantissa == 0.5:
        power = exponent - 1
        if power > 0:
            return Requant(0, 0, min(int(scale), INT32_MAX), offset)
        return Requant(0, -power, 1, offset) if -power <= 31 else Requant(0, 0, 0, offset)
    pre = post = 0
    while scale < 0.5 or (scale < 256 and post < 15):
        scale *= 2
        post += 1
    while scale < 255 and pre < post // 2:
        scale *= 2
        pre += 1
    if post > 31:
        return Requant(0, 0, 0, offset)
    # C's round(): ties away from zero; scale is positive here.
    return Requant(pre, post, min(math.floor(scale + 0.5), INT32_MAX), offset)


def requantize(x: Int32Array, r: Requant) -> Int32Array:
    """Requantize sums (Glow, ``libjit_scale``).

    Args:
        x: int32 of any shape.
        r: The constants.

    Returns:
        int32 of the same shape, not yet saturated to int8.
    """
    rounding = (1 << r.post) >> 1
    shifted = x >> np.int32(r.pre) if r.pre else x
    result: Int32Array = shifted * np.int32(r.multiplier)
    result += np.int32(rounding)
    result >>= np.int32(r.post)
    result += np.int32(r.offset)
    return result


def requantize_channels(x: Int32Array, constants: Sequence[Requant]) -> Int32Array:
    """Requantize int32 sums [..., channels], each channel by its own constants. Otherwise as ``requantize``."""
    out = np.empty_like(x)
    for channel, own in enumerate(constants):
        out[..., channel] = requantize(x[..., channel], own)
    return out


def requantize_high(x: Int32Array, pre: int, scale: int, offset: int) -> Int32Array:
    """Requantize by the upper word of a product: ``(x >> pre) * scale / 2**32``, ties upwards, plus ``offset``.

    This equals ``requantize`` with a multiplier of ``scale >> (32 - post)`` where that does not wrap.

    Args:
        x: int32 of any shape.
        pre: Shift before the multiplication.
        scale: int32.
        offset: Of the result.

    Returns:
        int32 of the same shape, not yet saturated to int8.
    """
    product = (x >> np.int32(pre)).astype(np.int64) * scale
    result: Int32Array = ((product + (1 << 31)) >> 32).astype(np.int32) + np.int32(offset)
    return result


def saturate_int8(x: Int32Array) -> Int8Array:
    """Clip int32 to -128..127 (Glow, ``libjit_clip_i8``)."""
    return np.clip(x, INT8_MIN, INT8_MAX).astype(np.int8)


def wrap_int32(x: npt.NDArray[np.float64] | npt.NDArray[np.int64]) -> Int32Array:
    """Integer values held in float64 or int64, reduced to 32-bit two's complement."""
    return x.astype(np.int64).astype(np.int32)


def accumulate(a: npt.NDArray[np.int8] | npt.NDArray[np.int32], b: npt.NDArray[np.int32]) -> Int32Array:
    """The product ``a @ b`` of int8 or int32 [..., rows, terms] and int32 [..., terms, units], wrapped to int32.

    ``|a|`` is at most 255, as differences of int8 are.
    """
    return exact_dot.matmul(a, b, 255)


def quantize(x: FloatArray, scale: float, offset: int, dtype: str = "int8") -> npt.NDArray[np.signedinteger]:
    """Quantize floats: ``x / scale + offset`` in float32, ties to even, saturated.

    Source: Glow, include/glow/Quantization/Base/Base.h.

    Args:
        x: float32 of any shape. NaN, which Glow leaves undefined, becomes the smallest integer, here and in C.
        scale: A float32 value.
        offset: The integer that stands for 0.
        dtype: "int8", "int16" or "int32".

    Returns:
        Integers of ``dtype``, of the same shape.
    """
    limits = np.iinfo(dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        steps = np.asarray(x.astype(np.float32, copy=False) / np.float32(scale))
        steps += np.float32(offset)
        np.rint(steps, out=steps)
    if limits.max > _FLOAT32_INTEGERS:  # float32 does not have the limits
        steps = steps.astype(np.float64)
    undefined = np.isnan(steps)
    if undefined.any():
        steps[undefined] = limits.min
    result: npt.NDArray[np.signedinteger] = np.clip(steps, limits.min, limits.max, out=steps).astype(dtype)[()]
    return result


def fused(a: FloatArray, b: FloatArray | float, c: FloatArray | float) -> FloatArray:
    """``a * b + c`` of float32 values, rounded once to float32, as a fused multiply-add rounds it."""
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        product: npt.NDArray[np.float64] = np.asarray(a, np.float64) * b  # 24 bits times 24 bits are exact
        total = product + c
        rest = total - product
        error = (product - (total - rest)) + (c - rest)  # of the sum, exactly (Knuth, TwoSum)
        # Rounded to odd, a sum that is not exact is never taken for a tie when it is rounded again (Boldo, Melquiond).
        even = np.isfinite(total) & (error != 0) & (total.view(np.int64) & 1 == 0)
        if even.any():
            total = np.array(total)
            total[even] = np.nextafter(total[even], np.where(error[even] > 0, np.inf, -np.inf))
        result: FloatArray = total.astype(np.float32)
    return result


def quantize_fused(x: FloatArray, inverse: float, offset: int) -> npt.NDArray[np.int8]:
    """Quantize floats: ``x * inverse + offset`` rounded once to float32, ties to even, saturated.

    What Glow's bundle computes on x86, where its compiler may replace the division of ``quantize`` by a product with
    the reciprocal, and joins product and sum (as recorded: images of 8 bits, whose elements are often near ties).

    Args:
        x: float32 of any shape. NaN becomes -128.
        inverse: 1 / scale as a float32 value, normal.
        offset: The integer that stands for 0.

    Returns:
        int8, of the same shape.
    """
    steps = np.rint(fused(x, inverse, float(offset)))
    steps = np.where(np.isnan(steps), INT8_MIN, steps)
    return np.clip(steps, INT8_MIN, INT8_MAX).astype(np.int8)


def dequantize(q: npt.NDArray[np.signedinteger], scale: float, offset: int) -> FloatArray:
    """The float32 values ``scale * (q - offset)`` of integers of any type and shape."""
    real: FloatArray = np.float32(scale) * (q.astype(np.int64) - offset).astype(np.float32)
    return real
