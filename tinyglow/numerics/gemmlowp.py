"""Fixed-point functions of gemmlowp (fixedpoint/fixedpoint.h), which LiteRT has of int32 and of int16.

A number with n integer bits is an integer of ``bits`` bits, ``bits`` - 1 - n of them fractional.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyglow.numerics import tflite
from tinyglow.numerics.tflite import IntArray

_EXP_MINUS_EIGHTH, _THIRD = 1895147668, 715827883
_48_OVER_17, _MINUS_32_OVER_17 = 1515870810, -1010580540  # with two integer bits
# e ** -(2 ** exponent), by exponent.
_POWERS = (
    (-2, 1672461947),
    (-1, 1302514674),
    (0, 790015084),
    (1, 290630308),
    (2, 39332535),
    (3, 720401),
    (4, 242),
)


@dataclass(frozen=True)
class FixedPoint:
    """The functions for integers of ``bits`` bits: 32 or 16. Constants of 32 bits are rounded to 16."""

    bits: int

    @property
    def most(self) -> int:
        """The largest integer, which stands for 1 where there are no integer bits."""
        return 2 ** (self.bits - 1) - 1

    def constant(self, of_32_bits: int) -> int:
        """A constant, ties away from zero."""
        return int(tflite.divide_by_power(np.int64(of_32_bits), 32 - self.bits))

    def high_product(self, a: IntArray, b: IntArray | int) -> IntArray:
        """The upper half of the doubled product."""
        return tflite.high_product(a, b, self.bits)

    def left(self, x: IntArray, exponent: int) -> IntArray:
        """x * 2**exponent, saturated."""
        return np.clip(x << exponent, -self.most - 1, self.most)

    @staticmethod
    def half_sum(a: IntArray, b: int) -> IntArray:
        """RoundingHalfSum: (a + b) / 2, ties away from zero."""
        total = a + b
        result: IntArray = np.sign(total) * ((np.abs(total) + 1) // 2)
        return result

    def exp_of_quarter(self, a: IntArray) -> IntArray:
        """e ** a for a from -1/4 up to 0, without integer bits."""
        x = a + (1 << (self.bits - 4))
        square = self.high_product(x, x)
        cube, fourth = self.high_product(square, x), self.high_product(square, square)
        part = self.high_product(tflite.divide_by_power(fourth, 2) + cube, self.constant(_THIRD))
        rest = tflite.divide_by_power(part + square, 1)
        start = self.constant(_EXP_MINUS_EIGHTH)
        return start + self.high_product(x + rest, start)

    def exp_of_negative(self, a: IntArray, integer_bits: int) -> IntArray:
        """e ** a for a <= 0 (exp_on_negative_values): from ``integer_bits`` integer bits to none.

        Args:
            a: Raw integers.
            integer_bits: Of ``a``.

        Returns:
            Raw integers without integer bits; the largest one for e ** 0.
        """
        fraction = self.bits - 1 - integer_bits
        quarter = 1 << (fraction - 2)
        part = (a & (quarter - 1)) - quarter
        result = self.exp_of_quarter(self.left(part, integer_bits))
        rest = part - a
        for exponent, power in _POWERS:
            factor = self.constant(power)
            result = np.where(rest & (1 << (fraction + exponent)), self.high_product(result, factor), result)
        result = np.where(a < self.constant(-(1 << (36 - integer_bits))), 0, result)  # below -32
        return np.where(a == 0, self.most, result)

    def newton(self, a: IntArray) -> IntArray:
        """2 / (1 + a) for a from 0 to 1: from no integer bits to two."""
        half_denominator = self.half_sum(a, self.most)
        x = self.constant(_48_OVER_17) + self.high_product(half_denominator, self.constant(_MINUS_32_OVER_17))
        for _ in range(3):
            rest = (1 << (self.bits - 3)) - self.high_product(half_denominator, x)
            x = x + self.left(self.high_product(x, rest), 2)
        return x

    def one_over_one_plus(self, a: IntArray) -> IntArray:
        """1 / (1 + a) for a from 0 to 1, without integer bits."""
        return self.left(self.newton(a), 1)

    def logistic(self, a: IntArray, integer_bits: int = 4) -> IntArray:
        """1 / (1 + e ** -a): from ``integer_bits`` integer bits to none."""
        positive = self.one_over_one_plus(self.exp_of_negative(-np.abs(a), integer_bits))
        return _symmetric(a, positive, self.most - positive, 1 << (self.bits - 2))

    def tanh(self, a: IntArray, integer_bits: int = 4) -> IntArray:
        """The tangens hyperbolicus: from ``integer_bits`` integer bits to none."""
        x = self.newton(self.exp_of_negative(-np.abs(a), integer_bits + 1))  # twice the number, by one bit more
        positive = self.left(x - (1 << (self.bits - 3)), 2)
        return _symmetric(a, positive, -positive, 0)


def _symmetric(a: IntArray, positive: IntArray, negative: IntArray, zero: int) -> IntArray:
    return np.where(a > 0, positive, np.where(a < 0, negative, zero))


INT32, INT16 = FixedPoint(32), FixedPoint(16)
