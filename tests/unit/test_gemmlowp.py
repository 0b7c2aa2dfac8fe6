"""gemmlowp's fixed-point functions: its constants, and all steps again in Python's own integers."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from tinyglow.numerics import gemmlowp
from tinyglow.numerics.gemmlowp import FixedPoint


def test_constants_are_powers_of_e() -> None:
    """In steps of 2**-31, to the nearest; a third and the two of the division too, in their own steps."""
    found = {2.0**exponent: constant for exponent, constant in gemmlowp._POWERS} | {0.125: gemmlowp._EXP_MINUS_EIGHTH}
    for power, constant in found.items():
        assert constant == round(math.exp(-power) * 2**31), power
    assert round(2**31 / 3) == gemmlowp._THIRD
    assert [round(x * 2**29 / 17) for x in (48, -32)] == [gemmlowp._48_OVER_17, gemmlowp._MINUS_32_OVER_17]


class _Exact:
    """The same functions of one integer, written from fixedpoint.h: a result and nothing else of what is tested."""

    def __init__(self, bits: int) -> None:
        self.bits, self.least, self.most = bits, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1

    def saturated(self, x: int) -> int:
        return min(max(x, self.least), self.most)

    def constant(self, x: int) -> int:
        return self.by_power(x, 32 - self.bits)

    def product(self, a: int, b: int) -> int:
        """Half of a unit is added to the size of a product, one less to that of a negative one."""
        total, unit = a * b, 2 ** (self.bits - 1)
        size = (abs(total) + unit // 2 - (total < 0)) // unit
        return self.saturated(size if total >= 0 else -size)

    def by_power(self, x: int, exponent: int) -> int:
        size = (abs(x) + (1 << exponent) // 2) >> exponent
        return size if x >= 0 else -size

    def exp(self, a: int, integer_bits: int) -> int:
        if a == 0:
            return self.most
        one = 1 << (self.bits - 1 - integer_bits)  # the number 1
        if integer_bits > 5 and a < -32 * one:
            return 0
        # a is a part from -1/4 up to 0, less so many quarters.
        part = a % (one // 4) - one // 4
        multiples, left = divmod(part - a, one // 4)
        assert left == 0
        result = self.near_zero(self.saturated(part << integer_bits))
        for place, power in enumerate((0.25, 0.5, 1, 2, 4, 8, 16)):
            if multiples >> place & 1:
                result = self.product(result, self.constant(round(math.exp(-power) * 2**31)))
        return result

    def near_zero(self, a: int) -> int:
        """Four terms of e ** (a + 1/8), times e ** (-1/8)."""
        x = a + 2 ** (self.bits - 4)
        square = self.product(x, x)
        cube, fourth = self.product(square, x), self.product(square, square)
        third = self.product(self.by_power(fourth, 2) + cube, self.constant(715827883))
        start = self.constant(round(math.exp(-0.125) * 2**31))
        return start + self.product(x + self.by_power(third + square, 1), start)

    def newton(self, a: int) -> int:
        half = (a + self.most + 1) // 2
        x = self.constant(1515870810) + self.product(half, self.constant(-1010580540))
        for _ in range(3):
            x += self.saturated(4 * self.product(x, 2 ** (self.bits - 3) - self.product(half, x)))
        return x

    def logistic(self, a: int, integer_bits: int) -> int:
        if a == 0:
            return 2 ** (self.bits - 2)
        positive = self.saturated(2 * self.newton(self.exp(-abs(a), integer_bits)))
        return positive if a > 0 else self.most - positive

    def tanh(self, a: int, integer_bits: int) -> int:
        if a == 0:
            return 0
        x = self.newton(self.exp(-abs(a), integer_bits + 1)) - 2 ** (self.bits - 3)
        positive = self.saturated(4 * x)
        return positive if a > 0 else -positive


def _numbers(bits: int, integer_bits: int) -> list[int]:
    """Of all sizes, multiples of 1/4 and their neighbours, and the ends."""
    draw = random.Random(bits + integer_bits)
    most, quarter = 2 ** (bits - 1) - 1, 1 << (bits - 3 - integer_bits)
    multiples = [k * quarter for k in (1, 2, 3, 4, 7, 8, 16, 32, 63, 127, 128, 255)]
    near = [n + d for n in (*multiples, 1, most - 1) for d in (-1, 0, 1)]
    sizes = [draw.randrange(2**k) for k in range(1, bits) for _ in range(4)]
    return [n for n in sorted({*near, *sizes}) if 0 <= n <= most]


@pytest.mark.parametrize("integer_bits", [0, 1, 2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("bits", [16, 32])
def test_exponentials_to_the_last_bit(bits: int, integer_bits: int) -> None:
    """Of numbers with few and with many integer bits."""
    sizes, exact = _numbers(bits, integer_bits), _Exact(bits)
    found = FixedPoint(bits).exp_of_negative(-np.array(sizes), integer_bits)
    assert found.tolist() == [exact.exp(-size, integer_bits) for size in sizes]


@pytest.mark.parametrize("bits", [16, 32])
def test_curves_to_the_last_bit(bits: int) -> None:
    """Logistic and tangens hyperbolicus, with 4 integer bits unless others are named, and 1 / (1 + a)."""
    exact, form = _Exact(bits), FixedPoint(bits)
    sizes = _numbers(bits, 4)
    both = [-size for size in sizes] + sizes
    x = np.array(both)
    assert form.logistic(x).tolist() == [exact.logistic(a, 4) for a in both]
    assert form.tanh(x).tolist() == [exact.tanh(a, 4) for a in both]
    assert form.logistic(x, 3).tolist() == [exact.logistic(a, 3) for a in both]
    assert form.tanh(x, 3).tolist() == [exact.tanh(a, 3) for a in both]
    y = np.array(sizes)
    assert form.newton(y).tolist() == [exact.newton(a) for a in sizes]
    assert form.one_over_one_plus(y).tolist() == [exact.saturated(2 * exact.newton(a)) for a in sizes]


@pytest.mark.parametrize("bits", [16, 32])
def test_steps_to_the_last_bit(bits: int) -> None:
    """Products and shifts of numbers at the ends too; sums with ties, of both signs."""
    exact, form = _Exact(bits), FixedPoint(bits)
    sizes = [*_numbers(bits, 2)[::3], exact.most]
    numbers = [*sizes, *(-size for size in sizes), exact.least]
    a, b = (side.ravel() for side in np.meshgrid(np.array(numbers), np.array(numbers)))
    pairs = list(zip(a.tolist(), b.tolist(), strict=True))
    assert form.high_product(a, b).tolist() == [exact.product(x, y) for x, y in pairs]
    for exponent in (0, 1, 5):
        assert form.left(a, exponent).tolist() == [exact.saturated(x << exponent) for x, _ in pairs]
    assert (form.most, form.constant(2**31 - 1)) == (exact.most, exact.constant(2**31 - 1))
    halves = [(abs(x + 1) + 1) // 2 * (1 if x > -1 else -1) for x in numbers]
    assert form.half_sum(np.array(numbers), 1).tolist() == halves
