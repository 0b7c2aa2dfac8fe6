"""LiteRT's integer arithmetic against rational numbers: at ties, at the ends, and for scales of all sizes."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import numpy as np
import pytest

from tinyglow.numerics import tflite
from tinyglow.numerics.tflite import Multiplier

LEAST, MOST = -(2**31), 2**31 - 1
HALF = Fraction(1, 2)


def _away(x: Fraction) -> int:
    """The nearest integer, ties away from zero."""
    return math.floor(x + HALF) if x >= 0 else -math.floor(-x + HALF)


def _numbers(bits: int) -> list[int]:
    """Powers of two with their neighbours, of both signs, and numbers of all sizes."""
    draw = random.Random(bits)
    near = [2**k + d for k in range(bits) for d in (-1, 0, 1)]
    found = {*near, *(draw.randrange(2**k) for k in range(1, bits) for _ in range(3)), 3, 5, 7}
    return sorted(x for size in found for x in {size, -size} if -(2 ** (bits - 1)) <= x < 2 ** (bits - 1))


def _wrapped(x: int) -> int:
    return (x - LEAST) % 2**32 + LEAST


def _high(a: int, b: int, bits: int = 32) -> int:
    """a * b / 2 ** (bits - 1), ties upwards."""
    return min((a * b + (1 << (bits - 2))) >> (bits - 1), 2 ** (bits - 1) - 1)


@pytest.mark.parametrize("bits", [16, 32])
def test_high_products(bits: int) -> None:
    """Of all pairs of these numbers, the least squared too; 32 bits unless others are named."""
    numbers = _numbers(bits)[:: 1 if bits == 16 else 2]
    a, b = (side.ravel() for side in np.meshgrid(numbers, numbers))
    due = [_high(x, y, bits) for x, y in zip(a.tolist(), b.tolist(), strict=True)]
    assert tflite.high_product(a, b, bits).tolist() == due
    if bits == 32:
        assert tflite.high_product(a, b).tolist() == due


def test_ties_of_products() -> None:
    """Halves go upwards, of both signs."""
    odd = np.arange(-9, 10, 2)
    for bits in (16, 32):
        assert tflite.high_product(odd, 1 << (bits - 2), bits).tolist() == [(x + 1) // 2 for x in odd.tolist()]


@pytest.mark.parametrize("exponent", range(32))
def test_division_by_powers(exponent: int) -> None:
    """Ties away from zero; by an array of exponents too."""
    numbers = sorted({*_numbers(32), *(k * 2**exponent // 2 for k in range(-5, 6))})
    x = np.array(numbers)
    due = [_away(Fraction(n, 2**exponent)) for n in numbers]
    assert tflite.divide_by_power(x, exponent).tolist() == due
    assert tflite.divide_by_power(x, np.full(x.shape, exponent)).tolist() == due


@pytest.mark.parametrize("shift", [-31, -30, -8, -1, 0, 1, 5, 29])
@pytest.mark.parametrize("multiplier", [2**30, 1_518_500_250, 2**31 - 1])
def test_both_ways_to_scale(multiplier: int, shift: int) -> None:
    """Rounded twice, after a shift to the left that wraps; and once, with what the sum does not lose."""
    by, numbers = Multiplier(multiplier, shift), _numbers(32)
    halves = [
        round(Fraction(k, 2) * Fraction(2 ** (31 - shift), multiplier)) + d for k in range(-9, 10) for d in (-1, 0, 1)
    ]
    numbers += [x for x in halves if LEAST <= x <= MOST]
    x = np.array(numbers, np.int32)
    high = [_high(_wrapped(n << max(shift, 0)), multiplier) for n in numbers]
    assert tflite.shifted_high_product(x, by).tolist() == high
    assert tflite.scaled_twice(x, by).tolist() == [_away(Fraction(h, 2 ** max(-shift, 0))) for h in high]
    once = [math.floor(Fraction(n * multiplier, 2 ** (31 - shift)) + HALF) for n in numbers]
    assert tflite.scaled_once(x, by).tolist() == once


REALS = [1.0, 0.5, 0.75, 1e-3, 2.0**-31, 2.0**-32, 2.0**-33, 0.3, 1000.1, 2.0**29 * 1.99, 2.0**30 - 1, 1 - 2.0**-31]
REALS += [1 - 2.0**-32, 1 - 2.0**-33, 2.0**-31 * (1 - 2.0**-33), 2.0**-32 * (1 - 2.0**-33), 0.0, 2.0**-60]


@pytest.mark.parametrize("real", REALS)
def test_multipliers(real: float) -> None:
    """31 bits, of which the first is set; what no product of int32 can tell from 0 is 0."""
    found = tflite.multiplier_of(real)
    if found.multiplier == 0:
        assert found == Multiplier(0, 0) and real < 2.0**-32
        return
    assert real >= 2.0**-32 * (1 - 2.0**-32)
    assert 2**30 <= found.multiplier < 2**31 and -31 <= found.shift <= 30
    unit = Fraction(2) ** (found.shift - 31)
    assert found.multiplier == math.floor(Fraction(real) / unit + HALF)


@pytest.mark.parametrize("real", [-1e-9, 2.0**30, math.inf, math.nan])
def test_what_is_no_multiplier(real: float) -> None:
    """It is refused."""
    with pytest.raises(ValueError, match="not a number from 0 to"):
        tflite.multiplier_of(real)
    assert tflite.multiplier_of(-0.0) == Multiplier(0, 0)


def test_ratios_are_float32() -> None:
    """Each step is rounded."""
    f = np.float32
    assert tflite.float_ratio(0.1, 0.3) == float(f(0.1) / f(0.3))
    assert tflite.float_ratio(0.1, 0.7, 0.3, 1.7) == float(f(f(f(0.1) * f(0.3)) * f(1.7)) / f(0.7))


def test_reduced_multipliers() -> None:
    """16 bits, to the nearest, below 2**15; one shift to the right."""
    for multiplier in (2**30, 2**30 + 2**15, 2**30 + 2**15 - 1, 0x7FFEFFFF, 0x7FFF0000 - 1, 0x7FFF0000, 2**31 - 1):
        for shift in (-31, 0, 15):
            upper = min(math.floor(Fraction(multiplier, 2**16) + HALF), 0x7FFF)
            assert tflite.reduced(Multiplier(multiplier, shift)) == (upper, 15 - shift)
    with pytest.raises(ValueError, match="too large for sums of 64 bits"):
        tflite.reduced(Multiplier(2**30, 16))


def test_bounds_in_steps() -> None:
    """To the nearest step, ties away from zero; far ones saturated, so that an offset can be added."""
    cases = [
        (0.5, 1.0, 1),
        (-0.5, 1.0, -1),
        (0.49, 1.0, 0),
        (6.0, 0.0235, 255),
        (1e30, 1e3, MOST - 127),
        (-1e30, 1e3, LEAST),
    ]
    assert [tflite.steps_of(real, scale) for real, scale, _ in cases] == [due for *_, due in cases]


def test_saturation() -> None:
    """To int8, or between bounds."""
    x = np.array([-1000, -129, -128, -5, 0, 9, 127, 128, 1000])
    assert tflite.saturate_int8(x).tolist() == [-128, -128, -128, -5, 0, 9, 127, 127, 127]
    assert tflite.saturate_int8(x, -5, 6).tolist() == [-5, -5, -5, -5, 0, 6, 6, 6, 6]
    assert tflite.saturate_int8(x).dtype == np.int8


def test_rounding_away() -> None:
    """What lies just below a half stays, which adding a half would not leave; large numbers are whole already."""
    below = np.float32(0.49999997)
    x = np.array([0.5, -0.5, 1.5, 2.5, -2.5, below, -below, 2.0**23 + 1, 0.0, 7.4, -7.6], np.float32)
    assert tflite.round_away(x).tolist() == [1, -1, 2, 3, -3, 0, 0, 2.0**23 + 1, 0, 7, -8]
    assert tflite.round_away(np.array([2.5, -0.5, 0.3])).tolist() == [3, -1, 0]


@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_floats_are_quantized(dtype: str) -> None:
    """Ties away from zero, before the offset; saturated; NaN is the least; int8 unless another is named."""
    limits = np.iinfo(dtype)
    steps = [
        *np.arange(-9, 10) / 2,
        *(e + d for e in (limits.min, limits.max) for d in (-1.0, -0.5, 0.0, 0.5, 1.0)),
        1e30,
        -1e30,
    ]
    for offset in (0, 5, -7):
        found = tflite.quantize(
            np.array([*steps, math.nan, math.inf, -math.inf], np.float32) * np.float32(0.25), 0.25, offset, dtype
        )
        due = [
            min(max(_away(Fraction(step)) + offset, int(limits.min)), int(limits.max))
            for step in np.float32(steps).tolist()
        ]
        assert found.dtype == dtype and found.tolist() == [*due, limits.min, limits.max, limits.min]
    assert tflite.quantize(np.float32([1, 300]), 0.5, 0).tolist() == [2, 127]


def test_division_by_counts() -> None:
    """Ties away from zero, as of means."""
    numbers = [*range(-40, 41), 2**31 - 65536, -(2**31) + 65536]
    for divisor in (1, 2, 3, 4, 7, 49, 65535):
        found = tflite.divide_rounded(np.array(numbers), divisor)
        assert found.tolist() == [_away(Fraction(x, divisor)) for x in numbers] and found.dtype == np.int64
    found = tflite.divide_rounded(np.array([5, -5, 5]), np.array([2, 2, 3]))
    assert found.tolist() == [3, -3, 2]
