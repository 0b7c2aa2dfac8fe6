"""The arithmetic of int16 networks: exact sums, one rounding, and no step that leaves 64 bits."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyglow.numerics import wide
from tinyglow.testing import budget

SHIFTS = st.integers(0, wide.MAX_SHIFT)
PRODUCTS = st.integers(-(2**62), 2**62)
MAGNITUDES = st.integers(0, wide.MAX_SUM)
FACTORS = st.floats(2.0**-60, 2.0**60).flatmap(lambda x: st.sampled_from((x, -x, 0.0)))


def _saturated(value: int) -> int:
    return min(max(value, wide.INT32_MIN), wide.INT32_MAX)


@budget(300)
@given(x=PRODUCTS, shift=SHIFTS)
def test_shifts_round_halves_upwards(x: int, shift: int) -> None:
    """round_shift is the integer nearest to x / 2**shift, of two the upper one, saturated to 32 bits."""
    (result,) = wide.round_shift(np.array([x], np.int64), shift)
    assert result == _saturated(math.floor(Fraction(x, 2**shift) + Fraction(1, 2)))
    assert result.dtype == np.int32


@pytest.mark.parametrize("shift", [0, 1, 31, 61, 62])
@pytest.mark.parametrize("x", [2**62, -(2**62), 0, 1, -1])
def test_shifts_at_the_limits(x: int, shift: int) -> None:
    """Nothing wraps at the ends of what products may be."""
    expected = _saturated(math.floor(Fraction(x, 2**shift) + Fraction(1, 2)))
    assert wide.round_shift(np.array([x], np.int64), shift)[0] == expected


@budget(400)
@given(factors=st.lists(FACTORS, min_size=1, max_size=3), magnitude=MAGNITUDES)
def test_multipliers_stand_for_their_factors(factors: list[float], magnitude: int) -> None:
    """Products stay within 62 bits; multipliers are off by half a step at most, unless results saturate anyway."""
    found, shift = wide.multipliers(factors, magnitude)
    assert 0 <= shift <= wide.MAX_SHIFT
    for factor, multiplier in zip(factors, found, strict=True):
        assert abs(multiplier) <= wide.INT32_MAX and abs(multiplier) * magnitude <= 2**62
        exact = Fraction(factor) * 2**shift
        if abs(exact) <= min(wide.INT32_MAX, 2**62 // max(magnitude, 1)):
            assert abs(multiplier - exact) <= Fraction(1, 2)
        else:
            assert multiplier * exact > 0 and shift == 0


@budget(300)
@given(factor=st.floats(2.0**-30, 2.0**10), magnitude=st.integers(1, wide.MAX_SUM))
def test_multipliers_use_the_bits_there_are(factor: float, magnitude: int) -> None:
    """The largest factor has 31 bits for sums of up to 32, and never fewer than results, 15, as long as shifts last."""
    (multiplier,), shift = wide.multipliers([factor], magnitude)
    bits = 30 if magnitude <= 2**31 else 15
    assert multiplier >= 2 ** (bits - 1) or shift == wide.MAX_SHIFT


@pytest.mark.parametrize(("factors", "magnitude"), [([math.nan], 1), ([math.inf], 1), ([1.0], wide.MAX_SUM + 1)])
def test_no_multipliers_for_what_has_none(factors: list[float], magnitude: int) -> None:
    """Factors that are no numbers, and sums beyond the proof, are refused."""
    with pytest.raises(ValueError, match="no integer form"):
        wide.multipliers(factors, magnitude)


@budget(300)
@given(x=st.integers(wide.INT32_MIN, wide.INT32_MAX), divisor=st.integers(1, 65535))
def test_division_rounds_halves_away_from_zero(x: int, divisor: int) -> None:
    """divide_rounded is x / divisor to the nearest integer, ties away from zero, of an x slightly below 2**31."""
    bounded = min(max(x, -(2**31 - 65536)), 2**31 - 65536)
    exact = Fraction(abs(bounded), divisor)
    expected = math.copysign(math.floor(exact + Fraction(1, 2)), bounded)
    assert wide.divide_rounded(np.array([x], np.int32), np.array([divisor]))[0] == expected


@budget(50)
@given(terms=st.integers(1, 3000), seed=st.integers(0, 2**32 - 1))
def test_sums_of_products_are_exact(terms: int, seed: int) -> None:
    """accumulate agrees with integers of any size."""
    rng = np.random.default_rng(seed)
    a, b = rng.integers(-(2**15), 2**15, (2, terms)), rng.integers(-(2**15), 2**15, (terms, 3))
    expected = [[sum(int(x) * int(y) for x, y in zip(row, column, strict=True)) for column in b.T] for row in a]
    assert wide.accumulate(a, b).tolist() == expected


@budget(100)
@given(seed=st.integers(0, 2**32 - 1), taps=st.integers(1, 9), channels=st.integers(1, 12))
def test_rounded_weights_keep_their_sums(seed: int, taps: int, channels: int) -> None:
    """No weight is moved by more than a step and a half, and each unit's sum by half a step at most."""
    rng = np.random.default_rng(seed)
    scales = rng.uniform(0.001, 0.01, 3)
    exact = rng.uniform(-120, 120, (3, taps, channels))
    weights = (exact * scales[:, None, None]).astype(np.float32)
    result = wide.weight_steps(weights, scales)
    assert result.dtype == np.int8 and result.shape == weights.shape
    error = result - exact
    assert np.abs(error).max() <= 1.51
    assert np.abs(error.reshape(3, -1).sum(axis=1)).max() <= 0.501


def test_weights_on_the_grid_stay() -> None:
    """What int8 holds exactly is not moved, at either end."""
    steps = np.arange(-128, 128).reshape(2, 16, 8)
    result = wide.weight_steps((steps * 0.25).astype(np.float32), [0.25, 0.25])
    np.testing.assert_array_equal(result, steps)


def test_steps_are_whole_and_rounded_to_even() -> None:
    """Biases become multiples of their sums' scale; halves go to the even neighbour."""
    values = np.array([0.5, 1.5, -2.5, 1e30, 7.0], np.float32)
    assert wide.steps(values, [1.0, 1.0, 1.0, 1e-30, 2.0]).tolist()[:3] == [0.0, 2.0, -2.0]
    assert wide.steps(values, 2.0)[4] == 4.0 and wide.steps(values, 1e-30)[3] > 1e59


# At borders


def _multipliers(scales: list[float], magnitude: int) -> tuple[list[int], int]:
    """The largest shift, up to 62, at which the largest factor, rounded, fits; others with it."""
    limit = min(wide.INT32_MAX, 2**62 // max(magnitude, 1))

    def rounded(scale: float, shift: int) -> int:
        return math.floor(Fraction(abs(scale)) * 2**shift + Fraction(1, 2))

    largest = max(scales, key=abs)
    shift = max([shift for shift in range(63) if rounded(largest, shift) <= limit], default=0)
    return [min(rounded(s, shift), limit) * (-1 if s < 0 else 1) for s in scales], shift


@pytest.mark.parametrize("magnitude", [0, 1, 2**31, 2**31 + 1, 2**33 - 5, 3 * 10**12, wide.MAX_SUM])
def test_multipliers_at_their_limits(magnitude: int) -> None:
    """As many bits as fit, and not one more; factors too large saturate."""
    ones = (1.0, 1 - 2.0**-31, 1 - 2.0**-32, 1 - 2.0**-53, 0.75, 0.5 + 2.0**-31, 0.9999999)
    for scale in (*ones, 2.0**30, 2.0**31, 2.0**31 - 1, 2.0**31 - 0.5, 2.0**40, 1e-12, 2.0**-62, 2.0**-63, 0.1, 3.7):
        for scales in ([scale], [-scale, scale / 3], [scale * 2.0**-20, scale, 0.0]):
            found, shift = wide.multipliers(scales, magnitude)
            assert (list(found), shift) == _multipliers(scales, magnitude), (scales, magnitude)


@pytest.mark.parametrize("magnitude", [-1, wide.MAX_SUM + 1])
def test_sums_out_of_range_have_no_multipliers(magnitude: int) -> None:
    """Nor do negative ones."""
    with pytest.raises(ValueError, match="no integer form"):
        wide.multipliers([0.5], magnitude)


def test_shifts_of_many_numbers() -> None:
    """Of arrays of shifts; ties upwards; products first."""
    x = np.array([5, -5, 6, -6, 2**62, -(2**62), 2**40 + 3], np.int64)
    shift = np.array([1, 1, 2, 2, 62, 62, 3])
    assert wide.round_shift(x, shift).tolist() == [3, -2, 2, -1, 1, -1, _saturated(2**37)]
    found = wide.scaled(np.array([3, -3, 2**31 - 1], np.int32), np.array([5, 5, 2**30]), 1)
    assert found.dtype == np.int32 and found.tolist() == [8, -7, wide.INT32_MAX]
    assert wide.scaled(np.array([7], np.int16), 3, 0).tolist() == [21]


def test_saturation_to_int16() -> None:
    """At both ends."""
    x = np.array([-(2**31), -32769, -32768, -5, 32767, 32768, 2**31 - 1], np.int32)
    found = wide.saturate_int16(x)
    assert found.dtype == np.int16 and found.tolist() == [-32768, -32768, -32768, -5, 32767, 32767, 32767]


def test_divisions_at_the_ends() -> None:
    """Numbers beyond the bound count as the bound; halves go away from zero."""
    bound = 2**31 - 65536
    x = np.array([2**31 - 1, -(2**31), bound, -bound, bound - 1, 1 - bound, 5, -5, 1, -1, 0], np.int32)
    for divisor in (1, 2, 3, 10, 65534, 65535):
        due = []
        for value in x.tolist():
            size = min(abs(value), bound)
            due.append((2 * size + divisor) // (2 * divisor) * (-1 if value < 0 else 1))
        found = wide.divide_rounded(x, np.full(x.shape, divisor))
        assert found.dtype == np.int32 and found.tolist() == due


def _weight_steps(exact: np.ndarray) -> np.ndarray:
    """Each weight rounded; then in each channel, and in the unit, those that were moved farthest the other way."""
    rounded = np.rint(exact)

    def kept(group: list[tuple[int, ...]]) -> None:
        errors = {place: rounded[place] - exact[place] for place in group}
        excess = round(sum(errors[place] for place in group))
        for place in sorted(group, key=lambda place: -errors[place])[: max(excess, 0)]:
            rounded[place] -= 1
        if excess < 0:
            for place in sorted(group, key=lambda place: errors[place])[:-excess]:
                rounded[place] += 1

    units, taps, channels = exact.shape
    for unit in range(units):
        for channel in range(channels):
            kept([(unit, tap, channel) for tap in range(taps)])
        kept([(unit, tap, channel) for tap in range(taps) for channel in range(channels)])
    return np.clip(rounded, -128, 127).astype(np.int8)


@pytest.mark.parametrize("shape", [(2, 9, 3), (1, 25, 2), (4, 1, 40), (3, 4, 7)])
def test_which_weights_are_rounded_the_other_way(shape: tuple[int, int, int]) -> None:
    """Those that were moved farthest, of each channel and then of the unit, and no others."""
    rng = np.random.default_rng(sum(shape))
    # All errors of one sign add up.
    drift = rng.choice((-1, 1), (shape[0], 1, 1)) * 0.3
    exact = np.floor(rng.uniform(-90, 90, shape)) + 0.5 + drift * rng.uniform(0.2, 1.2, shape)
    scales = np.exp2(np.arange(shape[0]) - 5.0)
    found = wide.weight_steps((exact * scales[:, np.newaxis, np.newaxis]).astype(np.float32), scales)
    exact = (exact * scales[:, np.newaxis, np.newaxis]).astype(np.float32).astype(np.float64) / scales[:, None, None]
    np.testing.assert_array_equal(found, _weight_steps(exact))


def test_weights_beyond_int8_are_clipped() -> None:
    """At both ends."""
    found = wide.weight_steps(np.array([[130.0, -140.0, 127.0, -128.0]], np.float32), [1.0])
    assert found.tolist() == [[127, -128, 127, -128]]
