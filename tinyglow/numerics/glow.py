"""The arithmetic of a Glow CPU bundle, in numpy. The only rounding code of the ``glow`` numerics.

real = scale * (q - offset). All scales are float32 values (kept as Python floats that are exactly representable), all
integer arithmetic is 32-bit two's complement and wraps, as Glow's libjit does on the targets it supports.
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
    """Integer form of ``x * scale + offset``: ``((((x >> pre) * multiplier) + round) >> post) + offset``.

    round is ``1 << (post - 1)``, or 0 if post is 0. Shifts are arithmetic, all steps wrap at 32 bits.
    """

    pre: int
    post: int
    multiplier: int
    offset: int

    def __post_init__(self) -> None:
        if not (0 <= self.pre <= 31 and 0 <= self.post <= 31 and INT32_MIN <= self.multiplier <= INT32_MAX):
            raise ValueError(f"requantization constants out of range: {self}")


def requantize_params(scale: float, offset: int = 0) -> Requant:
    """Shifts and multiplier that stand for ``scale`` (a float32 value > 0).

    Follows ``quantizeScaleOffset32To8`` of Glow's lib/Quantization/Base/Base.cpp: a power of two becomes one multiply
    or one shift; any other scale is doubled until its integer part has some 8 to 16 significant bits, first against the
    shift after the multiply (at least 15 bits of it are always safe), then against one before it, of at most half.

    A scale below about 2**-31 maps every int32 to zero; Glow would shift by more than 31 there, which C leaves
    undefined, so the result is the constant ``offset``.
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
    """``r`` applied to an int32 array of any shape; int32, not yet saturated to int8 (``libjit_scale``)."""
    rounding = (1 << r.post) >> 1
    product = (x >> np.int32(r.pre)) * np.int32(r.multiplier) + np.int32(rounding)
    result: Int32Array = (product >> np.int32(r.post)) + np.int32(r.offset)
    return result


def requantize_channels(x: Int32Array, constants: Sequence[Requant]) -> Int32Array:
    """``requantize`` of an int32 array [..., channels], each channel by its own constants."""
    out = np.empty_like(x)
    for channel, own in enumerate(constants):
        out[..., channel] = requantize(x[..., channel], own)
    return out


def requantize_high(x: Int32Array, pre: int, scale: int, offset: int) -> Int32Array:
    """``(x >> pre) * scale / 2**32``, ties upwards, plus ``offset``: int32, not yet saturated to int8.

    scale: int32. The same as ``requantize`` with a multiplier of ``scale >> (32 - post)`` where that does not wrap.
    """
    product = (x >> np.int32(pre)).astype(np.int64) * scale
    result: Int32Array = ((product + (1 << 31)) >> 32).astype(np.int32) + np.int32(offset)
    return result


def saturate_int8(x: Int32Array) -> Int8Array:
    """Clip to -128..127 (``libjit_clip_i8``)."""
    return np.clip(x, INT8_MIN, INT8_MAX).astype(np.int8)


def wrap_int32(x: npt.NDArray[np.float64] | npt.NDArray[np.int64]) -> Int32Array:
    """Integer values held in float64 or int64, reduced to 32-bit two's complement."""
    return x.astype(np.int64).astype(np.int32)


def accumulate(a: npt.NDArray[np.int32], b: npt.NDArray[np.int32]) -> Int32Array:
    """``a @ b`` of int32 [..., rows, terms] and [..., terms, units]; |a| <= 255, as differences of int8 are."""
    return exact_dot.matmul(a, b, 255)


def quantize(x: FloatArray, scale: float, offset: int, dtype: str = "int8") -> npt.NDArray[np.signedinteger]:
    """float32 array to int8 or int32: ``x / scale + offset`` in float32, ties to even, saturated (Glow's Base.h).

    NaN, which Glow leaves undefined, becomes the smallest integer, here and in the C kernel.
    """
    limits = np.iinfo(dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        steps = np.rint(x.astype(np.float32) / np.float32(scale) + np.float32(offset)).astype(np.float64)
    steps = np.where(np.isnan(steps), limits.min, steps)
    return np.clip(steps, limits.min, limits.max).astype(dtype)


def dequantize(q: npt.NDArray[np.signedinteger], scale: float, offset: int) -> FloatArray:
    """int8 or int32 array to float32: ``scale * (q - offset)``."""
    real: FloatArray = np.float32(scale) * (q.astype(np.int64) - offset).astype(np.float32)
    return real
