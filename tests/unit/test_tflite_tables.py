"""LiteRT's functions of one element are the real functions, as near as fixed point is."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from tinyglow.kernels.elementwise.compare import RELATIONS
from tinyglow.kernels.softmax.softmax_tflm import exponentials
from tinyglow.numerics import gemmlowp, tflite_tables
from tinyglow.numerics.tflite import Multiplier, multiplier_of
from tinyglow.numerics.tflite_tables import Params
from tinyglow.operators.litert_compare import codes_in_relation

Real = Callable[[np.ndarray], np.ndarray]
SOURCES = [(0.05, 3), (0.11, -128), (0.007, 127), (0.5, 0), (2.0**-5, -20)]
RESULTS = [(0.05, -3), (1 / 128, 0), (0.25, 12), (0.013, -128)]


def _logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


# Steps that a function may be off (LiteRT rounds a product to half a step, then a shift to a half), and the function.
FUNCTIONS: dict[str, tuple[float, Callable[[Params, Params], np.ndarray], Real]] = {
    "rescale": (0.76, tflite_tables.rescale, lambda x: x),
    "relu6": (
        1.01,
        lambda a, b: tflite_tables.bounded(a, b, tflite_tables.bound(0.0, b), tflite_tables.bound(6.0, b)),
        lambda x: np.clip(x, 0, 6),
    ),
    "leaky": (0.76, lambda a, b: tflite_tables.leaky_relu(a, b, 0.3), lambda x: np.where(x < 0, 0.3 * x, x)),
    "exp": (0.51, lambda a, b: tflite_tables.function(a, b, np.exp), np.exp),
    "log": (0.51, lambda a, b: tflite_tables.function(a, b, np.log), np.log),
    "hard swish": (1.6, tflite_tables.hard_swish, lambda x: x * np.clip(x + 3, 0, 6) / 6),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_the_real_ones(name: str) -> None:
    """Of all 256 inputs; what is too large is the end of the range."""
    within, integers, real = FUNCTIONS[name]
    for source in SOURCES:
        x = source[0] * (np.arange(-128, 128) - source[1])
        for result in RESULTS:
            with np.errstate(all="ignore"):
                due = np.clip(real(x) / result[0] + result[1], -128, 127)
            due = np.where(np.isnan(due), result[1], due)
            assert np.abs(integers(source, result) - due).max() <= within, (source, result)


@pytest.mark.parametrize(
    ("name", "real", "result"), [("logistic", _logistic, (2**-8, -128)), ("tanh", np.tanh, (2**-7, 0))]
)
def test_curves_with_a_fixed_range(name: str, real: Real, result: Params) -> None:
    """The logistic function and the tangens hyperbolicus, whose results have one scale."""
    for source in SOURCES:
        x = source[0] * (np.arange(-128, 128) - source[1])
        due = np.clip(real(x) / result[0] + result[1], -128, 127)
        assert np.abs(getattr(tflite_tables, name)(source, result) - due).max() <= 1.01, source


@pytest.mark.parametrize("scale", [0.0003, 0.01, 0.0625, 0.1, 0.5, 1.0, 3.0, 14.0, 15.9, 16.0, 40.0])
def test_exponentials_of_distances(scale: float) -> None:
    """Each is e ** (-scale * d) with 31 fractional bits, within 2**-20, as long as the exponent is above -32."""
    due = np.exp(-min(scale, 16.0) * np.arange(256))
    found = exponentials(scale)
    assert found.dtype == np.int32 and found[0] == 2**31 - 1
    assert np.abs(found / 2**31 - due).max() < 2**-20


def test_a_scale_too_small_for_exponentials() -> None:
    """The smallest has a multiplier of 1."""
    assert exponentials(2.0**-26)[255] < exponentials(2.0**-26)[0]
    with pytest.raises(ValueError, match="is below 2"):
        exponentials(2.0**-28)


# Once more in rational numbers, to the bit, for scales on all sides of the branches.

_MANY = [
    (scale, offset)
    for scale in (0.0003, 0.0078, 0.02, 0.05, 0.124, 0.3, 0.9, 4.1, 30.0)
    for offset in (-128, -9, 0, 127)
]
_HALF = Fraction(1, 2)


def _away(x: Fraction) -> int:
    return math.floor(x + _HALF) if x >= 0 else -math.floor(-x + _HALF)


def _by_power(x: int, bits: int) -> int:
    """x / 2 ** bits, ties away from zero."""
    size = (abs(x) + (1 << bits >> 1)) >> bits
    return size if x >= 0 else -size


def _saturated(x: int, low: int = -128, high: int = 127) -> int:
    return min(max(x, low), high)


def _high(a: int, b: int, bits: int) -> int:
    return min((a * b + (1 << (bits - 2))) >> (bits - 1), 2 ** (bits - 1) - 1)


def _twice(x: int, ratio: float) -> int:
    """x * ratio by a multiplier of 31 bits, rounded to the upper word and by the shift that is left."""
    by = multiplier_of(ratio)
    return _by_power(_high(x << max(by.shift, 0), by.multiplier, 32), max(-by.shift, 0))


def _inputs(source: Params) -> list[int]:
    return [q - source[1] for q in range(-128, 128)]


@pytest.mark.parametrize("source", _MANY[1::5])
def test_scales_to_the_bit(source: Params) -> None:
    """The ratio is a double where LiteRT has one, else a float; bounds and slopes of either sign."""
    f = np.float32
    for result in RESULTS:
        exact, ratio = source[0] / result[0], float(f(source[0]) / f(result[0]))
        x, offset = _inputs(source), result[1]
        assert tflite_tables.rescale(source, result).tolist() == [_saturated(_twice(n, exact) + offset) for n in x]
        for low, high in ((-128, 127), (-20, 60)):
            due = [_saturated(_twice(n, ratio) + offset, low, high) for n in x]
            assert tflite_tables.bounded(source, result, low, high).tolist() == due
        due = [_saturated(_twice(n, ratio) + offset, -5) for n in x]
        assert tflite_tables.bounded(source, result, -5).tolist() == due
        for alpha in (0.3, -0.6):
            slope = float(f(f(source[0]) * f(alpha)) / f(result[0]))
            sign = -1 if alpha < 0 else 1
            due = [_twice(n, ratio) if n >= 0 else sign * _twice(n, abs(slope)) for n in x]
            assert tflite_tables.leaky_relu(source, result, alpha).tolist() == [_saturated(n + offset) for n in due]


def test_bounds_of_activations() -> None:
    """In steps from the offset, saturated."""
    found = [tflite_tables.bound(real, (0.5, 3)) for real in (0.0, 6.0, -1.0, 1.3, 100.0, -100.0, 0.25)]
    assert found == [3, 15, 1, 6, 127, -128, 4]


def _hard_swish(q: int, source: Params, result: Params) -> int:
    """reference/hard_swish.h, of one input."""
    f = np.float32
    fine = f(1 / 128) * f(source[0])
    out, share = multiplier_of(float(fine / f(result[0]))), multiplier_of(float(fine / (f(3) / f(32768))))
    upper = [_saturated(math.floor(Fraction(by.multiplier, 2**16) + _HALF), 0, 32767) for by in (out, share)]
    x = (q - source[1]) * 128
    scaled, reluish = _high(x, upper[0], 16), x
    if share.shift > 0:
        reluish = _saturated(reluish * 2 ** (share.shift - 1), -32768, 32767)
    reluish = _high(reluish, upper[1], 16)
    if share.shift > 0:
        reluish = _saturated(reluish * 2, -32768, 32767)
    if share.shift < 0:
        reluish = _by_power(reluish, -share.shift)
    product = (reluish + 32768) // 2 * scaled
    product = abs(product) // 32768 * (1 if product > 0 else -1)
    return _saturated(_by_power(product, -out.shift) + result[1])


@pytest.mark.parametrize("source", [*_MANY[::3], (1 - 2.0**-20, 3), (0.75 * (1 - 2.0**-20), -8)])
def test_hard_swish_to_the_bit(source: Params) -> None:
    """With shifts to either side and none, and multipliers whose upper half would be 2 ** 15."""
    for result in (*RESULTS, (0.5, 7), (source[0] / 2, -100)):
        if source[0] / 128 / result[0] < 1:
            due = [_hard_swish(q, source, result) for q in range(-128, 128)]
            assert tflite_tables.hard_swish(source, result).tolist() == due, result


@pytest.mark.parametrize("source", [*_MANY[::3], (2.0**-5, -20), (2.0**-3, 1)])
def test_curves_to_the_bit(source: Params) -> None:
    """By fixed point with 4 integer bits within the radius where it is precise enough; the ends beyond."""
    mantissa, shift = math.frexp(source[0] * 2.0**27)
    by = Multiplier(math.floor(mantissa * 2**31 + 0.5), shift)
    radius = math.floor(Fraction(15 * 2**27, 2**shift) if shift >= 0 else Fraction(15 * 2**27) * 2**-shift)
    x = _inputs(source)
    scaled = np.array([0 if abs(n) >= radius else _high(n << max(by.shift, 0), by.multiplier, 32) for n in x])
    for name, bits, offset in (("logistic", 23, -128), ("tanh", 24, 0)):
        inside = getattr(gemmlowp.INT32, name)(scaled, 4).tolist()
        due = [_saturated(_by_power(y, bits) + offset) for y in inside]
        due = [d if abs(n) < radius else 127 if n > 0 else -128 for d, n in zip(due, x, strict=True)]
        assert getattr(tflite_tables, name)(source, (2.0**-8, offset)).tolist() == due


def test_looked_up_functions_to_the_bit() -> None:
    """Results as float32 times a reciprocal, ties away from zero; what is no number is the offset."""
    f = np.float32
    for source, result in itertools.product(SOURCES, RESULTS):
        real = [f(source[0]) * f(x) for x in _inputs(source)]
        inverse = f(1) / f(result[0])
        due = [_saturated(_away(Fraction(float(f(float(x) ** 3) * inverse))) + result[1]) for x in real]
        assert tflite_tables.function(source, result, lambda x: x**3).tolist() == due
    nothing = tflite_tables.function(
        (0.5, 0), (0.5, 9), lambda x: np.where(x < 0, np.nan, np.where(x > 9, np.inf, -np.inf))
    )
    assert nothing.tolist() == [9] * 128 + [-128] * 19 + [127] * 109


SIDES = [(0.05, 3), (0.05, 4), (0.0007, 127), (0.0009, -128), (0.9, -5), (0.011, 0)]


@pytest.mark.parametrize("relation", RELATIONS)
def test_codes_are_in_the_relation_of_the_numbers(relation: str) -> None:
    """Of all pairs, where each side has a code of its own for each number: 256 codes at most."""
    rows = [tflite_tables.compared(side) for side in SIDES]
    for x, y in itertools.product(rows, rows):
        codes = codes_in_relation(relation, x, y)
        for code in codes:
            assert code.min() >= -1 and code.max() - min(code.min(), 0) < 256
        meant, coded = (RELATIONS[relation](a[:, np.newaxis], b) for a, b in ((x, y), codes))
        assert np.array_equal(meant, coded)


def test_compared_numbers_are_rounded() -> None:
    """To steps of 2**-8: fine scales make one number of several integers."""
    for scale, offset in SIDES:
        due = [
            math.floor(Fraction(256 * (x - offset)) * Fraction(float(scale)) + Fraction(1, 2)) for x in range(-128, 128)
        ]
        assert np.abs(tflite_tables.compared((scale, offset)) - due).max() <= 1
    assert len(np.unique(tflite_tables.compared((0.0007, 127)))) < 50


def test_no_absolute_value_is_below_zero() -> None:
    """Nor far from the real one."""
    for source, result in itertools.product(SOURCES, RESULTS):
        x = np.abs(source[0] * (np.arange(-128, 128) - source[1]))
        due = np.clip(x / result[0] + result[1], -128, 127)
        assert np.abs(tflite_tables.absolute(source, result) - due).max() <= 0.76


def test_roots_are_cut_off_and_negations_wrap() -> None:
    """Below 0 there is no root: that of 0."""
    for source, result in itertools.product(SOURCES, RESULTS):
        x = np.maximum(source[0] * (np.arange(-128, 128) - source[1]), 0)
        due = np.clip(np.sqrt(x) / result[0] + result[1], -128, 127)
        below = due - tflite_tables.root(source, result)
        assert (below > -1e-4).all() and (below < 1.0001).all()
    assert tflite_tables.negated().tolist() == [-128, *range(127, -128, -1)]
