"""Ranges of the numbers inside of kernels without constant weights, by the formulas of their numerics.

Every function here is monotone in each element, so that the ends of the elements' types give the ends of the numbers.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyglow.ir.numbers import Number, Numbers
from tinyglow.ir.record import Record
from tinyglow.numerics import glow, tflite, wide


class Ends(Record):
    """The least and the largest value of a number, and the elements that give them."""

    low: int
    high: int
    at: tuple[str, str] = ("", "")

    def made(self, low: int, high: int) -> Ends:
        """What a function makes of both ends, in their order or in the other."""
        return Ends(low, high, self.at) if low <= high else Ends(high, low, self.at[::-1])

    def plus(self, other: Ends, sign: int = 1) -> Ends:
        """The sum with another number, which has elements of its own; or the difference."""
        own = other if sign > 0 else other.made(-other.low, -other.high)
        at = tuple(f"{mine} and {theirs}" for mine, theirs in zip(self.at, own.at, strict=True))
        return Ends(self.low + own.low, self.high + own.high, (at[0], at[1]))

    def times(self, other: Ends) -> Ends:
        """The product with another number, which has elements of its own."""
        corners = [
            (mine * theirs, f"{place} and {other_place}")
            for mine, place in zip((self.low, self.high), self.at, strict=True)
            for theirs, other_place in zip((other.low, other.high), other.at, strict=True)
        ]
        (low, first), (high, last) = min(corners), max(corners)
        return Ends(low, high, (first, last))

    def number(self, bits: int = 32) -> Number:
        """As a number that C may not let overflow."""
        return Number(self.low, self.high, bits, at=self.at)


def int8_ends(operand: str, offset: int = 0, low: int = glow.INT8_MIN, high: int = glow.INT8_MAX) -> Ends:
    """Elements of an int8 operand between ``low`` and ``high``, less ``offset``."""
    return Ends(low - offset, high - offset, (f"{low} of its {operand}", f"{high} of its {operand}"))


def int16_ends(operand: str, low: int = wide.INT16_MIN, high: int = wide.INT16_MAX) -> Ends:
    """Elements of an int16 operand between ``low`` and ``high``."""
    return int8_ends(operand, 0, low, high)


def requantized(x: Ends, r: glow.Requant) -> tuple[Number, Ends]:
    """The numbers inside of Glow's requantization, as one range, and the result's range."""
    half = (1 << r.post) >> 1
    inside = x.made(*((end >> r.pre) * r.multiplier + half for end in (x.low, x.high)))
    result = replace(inside, low=(inside.low >> r.post) + r.offset, high=(inside.high >> r.post) + r.offset)
    whole = replace(inside, low=min(inside.low, result.low), high=max(inside.high, result.high))
    number = replace(whole.number(), may_wrap=True)
    return number, result if number.fits else _held(whole)


def _held(x: Ends) -> Ends:
    """What 32 bits hold of it: any number of 32 bits, once it wraps."""
    if x.low >= glow.INT32_MIN and x.high <= glow.INT32_MAX:
        return x
    return replace(x, low=glow.INT32_MIN, high=glow.INT32_MAX)


def scaled_twice(x: Ends, multiplier: int, shift: int) -> tuple[Number, Ends]:
    """The number that LiteRT shifts to the left before its product, and the result's range."""
    left = 1 << max(shift, 0)
    inside = Ends(x.low * left, x.high * left, x.at)
    held = _held(inside)
    by = tflite.Multiplier(multiplier, min(shift, 0))
    low, high = (int(tflite.scaled_twice(np.array([end]), by)[0]) for end in (held.low, held.high))
    return Number(inside.low, inside.high, may_wrap=True, at=inside.at), x.made(low, high)


def multiplied(x: Ends, multiplier: int, shift: int) -> Number:
    """A number of 64 bits that is shifted to the right: a product, and half of what the shift takes off."""
    half = (1 << shift) >> 1
    return x.made(x.low * multiplier + half, x.high * multiplier + half).number(64)


def sum_numbers(
    operands: tuple[Ends, Ends],
    scales: tuple[tuple[int, int], tuple[int, int]],
    signs: tuple[int, int],
    out: tuple[int, int],
) -> Numbers:
    """LiteRT's sum of two operands with their further bits: each one shifted, their sum, and that shifted.

    Args:
        operands: The operands' ranges.
        scales: Multiplier and shift of each.
        signs: 1 or -1, of each.
        out: Multiplier and shift of the sum.
    """
    (own, first), (other, second) = (scaled_twice(x, *by) for x, by in zip(operands, scales, strict=True))
    first = first if signs[0] > 0 else first.made(-first.low, -first.high)
    total = first.plus(second, signs[1])
    return {"input": own, "other": other, "sum": total.number(), "result": scaled_twice(total, *out)[0]}


def sum_ends(ends: tuple[int, int], dtype: str) -> Ends:
    """The range of a sum of elements of a type."""
    limits = np.iinfo(dtype)
    return Ends(*ends, (f"{limits.min} of its input", f"{limits.max} of its input"))
