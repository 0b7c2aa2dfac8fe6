"""Glow's int8 arithmetic in plain Python numbers, one number at a time: to be followed with pencil and paper.

Nothing here uses numpy or ``tinyglow.numerics``, so that the tests compare two things. The definition is there.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

INT8 = (-128, 127)
_EPSILON = 2.0**-23  # of float32: a range as good as symmetric has its zero in the middle
SCHEMAS = ("asymmetric", "symmetric", "symmetric_with_uint8", "symmetric_with_power2_scale")


def float32(value: float) -> float:
    """The float32 nearest to a Python float."""
    result: float = struct.unpack("<f", struct.pack("<f", value))[0]
    return result


def nearest(value: float) -> int:
    """The nearest integer; of two the even one."""
    return round(value)


def away(value: float) -> int:
    """The nearest integer; of two the one farther from zero."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def clip(value: int) -> int:
    """The nearest integer that int8 holds."""
    return min(max(value, INT8[0]), INT8[1])


def scale_and_offset(low: float, high: float, schema: str = "asymmetric") -> tuple[float, int]:
    """The scale and the offset that a schema chooses for the reals from ``low`` to ``high``.

    Source: ``chooseQuantizationParams`` (Glow, lib/Quantization/Base/Base.cpp). A range that is only zero, which has no
    scale of its own, is not for this function.

    Args:
        low: A float32 value.
        high: A float32 value, not below ``low``.
        schema: One of ``SCHEMAS``.

    Returns:
        (scale, offset): real = scale * (integer - offset).
    """
    first, last = INT8
    low, high = min(low, 0.0), max(high, 0.0)
    if schema == "symmetric_with_uint8":
        schema = "symmetric" if low < 0 else "asymmetric"
    if schema != "asymmetric":
        step = max(low / first, high / last)
        low, high = float32(step * first), float32(step * last)
    scale = (high - low) / (last - first)
    if schema == "symmetric_with_power2_scale":
        return 2.0 ** math.ceil(math.log2(scale)), 0
    if schema == "symmetric":
        return float32(scale), 0
    # Zero must be an integer. It is counted from the end of the range that lies nearer to zero.
    exact = first - low / scale if -low / scale - first < high / scale + last else last - high / scale
    if abs(float32(high + low)) <= _EPSILON:
        exact = 0.0
    return float32(scale), clip(away(exact))


def integer_of(real: float, scale: float, offset: int) -> int:
    """The int8 that stands for a real number."""
    return clip(nearest(float32(float32(real / scale) + offset)))


@dataclass(frozen=True)
class Shifts:
    """A scale as shifts and a multiplier: x * scale is about ((x >> pre) * multiplier) >> post."""

    pre: int
    multiplier: int
    post: int

    @property
    def scale(self) -> float:
        """The scale that they stand for."""
        return self.multiplier / float(1 << (self.pre + self.post))

    def of(self, total: int) -> int:
        """``total`` times the scale, to the nearest integer."""
        half = 1 << self.post >> 1
        return ((total >> self.pre) * self.multiplier + half) >> self.post


def shifts_of(scale: float) -> Shifts:
    """The shifts and the multiplier for a scale above 0.

    Source: ``quantizeScaleOffset32To8`` (Glow, lib/Quantization/Base/Base.cpp).
    """
    mantissa, exponent = math.frexp(scale)
    if mantissa == 0.5:  # a power of two needs no multiplier, or no shift
        return Shifts(0, 1, 1 - exponent) if exponent <= 1 else Shifts(0, int(scale), 0)
    pre = post = 0
    while scale < 0.5 or (scale < 256 and post < 15):
        scale, post = 2 * scale, post + 1
    while scale < 255 and pre < post // 2:
        scale, pre = 2 * scale, pre + 1
    return Shifts(pre, away(scale), post)
