"""The arithmetic of Glow's bundles against exact rational arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tinyglow.numerics import glow
from tinyglow.testing import any_requant, budget, offsets, requant_params, scales

INT32 = st.one_of(
    st.sampled_from((0, 1, -1, glow.INT32_MAX, glow.INT32_MIN, glow.INT32_MIN + 1)),
    st.integers(-300, 300),
    st.integers(glow.INT32_MIN, glow.INT32_MAX),
)
FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False)


def _wrapped(value: int) -> int:
    """32-bit two's complement of an integer of any size."""
    return (value + 2**31) % 2**32 - 2**31


def _fits(value: int) -> bool:
    return glow.INT32_MIN <= value <= glow.INT32_MAX


def _requantize(x: int, r: glow.Requant) -> int:
    return int(glow.requantize(np.array([x], np.int32), r)[0])


def _exact_steps(x: int, r: glow.Requant) -> tuple[int, int, int]:
    """The product, the sum that is shifted and the result, without any limit on their size."""
    product = (x // 2**r.pre) * r.multiplier
    total = product + (2 ** (r.post - 1) if r.post else 0)
    return product, total, total // 2**r.post + r.offset


# requantize


@budget(500)
@given(x=INT32, r=st.one_of(requant_params(), any_requant()))
def test_requantize_rounds_the_exact_quotient(x: int, r: glow.Requant) -> None:
    """Where no step leaves 32 bits, the result is floor(floor(x / 2**pre) * multiplier / 2**post + 1/2) + offset."""
    assume(all(map(_fits, _exact_steps(x, r))))
    half = Fraction(1, 2) if r.post else Fraction(0)
    quotient = Fraction(math.floor(Fraction(x, 2**r.pre)) * r.multiplier, 2**r.post)
    assert _requantize(x, r) == math.floor(quotient + half) + r.offset


@budget(500)
@given(x=INT32, r=any_requant())
@example(glow.INT32_MIN, glow.Requant(0, 0, -1, 0))
@example(glow.INT32_MIN, glow.Requant(0, 31, glow.INT32_MIN, glow.INT32_MIN))
@example(glow.INT32_MAX, glow.Requant(0, 31, 1, glow.INT32_MAX))
@example(glow.INT32_MAX, glow.Requant(31, 0, glow.INT32_MAX, glow.INT32_MAX))
def test_requantize_wraps_every_step(x: int, r: glow.Requant) -> None:
    """Each step that leaves 32 bits becomes the two's complement of its exact value."""
    product = _wrapped((x // 2**r.pre) * r.multiplier)
    total = _wrapped(product + (2 ** (r.post - 1) if r.post else 0))
    assert _requantize(x, r) == _wrapped(total // 2**r.post + r.offset)


def test_requantize_keeps_the_shape() -> None:
    """An array of any shape is requantized element by element, into an int32 array."""
    x = np.arange(-12, 12, dtype=np.int32).reshape(2, 3, 4)
    result = glow.requantize(x, glow.Requant(1, 3, 77, -5))
    assert result.dtype == np.int32
    assert result.tolist() == np.vectorize(lambda v: ((v >> 1) * 77 + 4 >> 3) - 5)(x).tolist()


# requantize_params


@budget(500)
@given(scale=scales(-31, 30), offset=offsets(), x=INT32)
def test_requantized_value_is_near_the_real_one(scale: float, offset: int, x: int) -> None:
    """The error against x * scale + offset stays within what the bits of the constants allow.

    With n = pre + post, the multiplier m = round(scale * 2**n) is off by at most 1/2, the scale m / 2**n by at most
    2**-(n + 1), and x times it by |x| * 2**-(n + 1). The shift before the multiply drops less than 2**pre of x, that is
    at most (2**pre - 1) * m / 2**n of the result. The shift after it rounds: at most 1/2 more.
    """
    r = glow.requantize_params(scale, offset)
    assume(all(map(_fits, _exact_steps(x, r))))
    n = r.pre + r.post
    bound = Fraction(abs(x), 2 ** (n + 1)) + Fraction((2**r.pre - 1) * r.multiplier, 2**n) + Fraction(1, 2)
    assert abs(_requantize(x, r) - (Fraction(x) * Fraction(scale) + offset)) <= bound


@budget(500)
@given(scale=scales(-60, 30))
def test_multiplier_has_the_bits_it_should(scale: float) -> None:
    """The constants stand for a scale that is within 1/128 of the given one, within 1/510 from 255 / 2**22 upwards.

    The doubling against ``post`` ends with the scale at 256 or above, or, with post at 15 or more, at 1/2 or above. In
    the latter case ``pre`` may add half as many doublings, 7 or more, and stops at 255: the multiplier is at least 64,
    or 255 where those 22 doublings lead so far. It is rounded by at most 1/2.
    """
    r = glow.requantize_params(scale)
    if r.multiplier == 0:
        assert 2**31 * Fraction(scale) <= Fraction(1, 2), "every int32 rounds to 0"
        return
    stands_for = Fraction(r.multiplier, 2 ** (r.pre + r.post))
    error = abs(stands_for / Fraction(scale) - 1)
    assert error <= (Fraction(1, 510) if scale >= 255 / 2**22 else Fraction(1, 128))


@budget(200)
@given(exponent=st.integers(0, 30), offset=offsets(), x=INT32)
def test_powers_of_two_from_one_up_are_one_multiplication(exponent: int, offset: int, x: int) -> None:
    """A scale of 2**k multiplies by exactly that, without shifts."""
    r = glow.requantize_params(2.0**exponent, offset)
    assert r == glow.Requant(0, 0, 2**exponent, offset)
    assert _requantize(x, r) == _wrapped(x * 2**exponent + offset)


@budget(200)
@given(exponent=st.integers(1, 31), offset=offsets(), x=INT32)
def test_powers_of_two_below_one_are_one_rounding_shift(exponent: int, offset: int, x: int) -> None:
    """A scale of 2**-k is a shift that rounds halves up, exact unless the rounding itself leaves 32 bits."""
    r = glow.requantize_params(2.0**-exponent, offset)
    assert r == glow.Requant(0, exponent, 1, offset)
    assume(_fits(x + 2 ** (exponent - 1)))
    assert _requantize(x, r) == math.floor(Fraction(x, 2**exponent) + Fraction(1, 2)) + offset


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        (0.75, glow.Requant(0, 9, 384, 3)),  # 0.75 * 2**9 is the first not below 256
        (3.0, glow.Requant(0, 7, 384, 3)),
        (256.5, glow.Requant(0, 0, 257, 3)),  # halves go away from zero
        (3e-5, glow.Requant(7, 15, 126, 3)),  # 3e-5 * 2**22 = 125.8: both shifts end at their limits
        (2.0**-14 * 1.5, glow.Requant(7, 15, 384, 3)),
        (1e-9, glow.Requant(9, 29, 275, 3)),  # below 2**-16, post goes on to one half, then pre to 255 or above
        (2.0**31, glow.Requant(0, 0, glow.INT32_MAX, 3)),
        (3e30, glow.Requant(0, 0, glow.INT32_MAX, 3)),
        (2.0**-32, glow.Requant(0, 0, 0, 3)),
        (1e-30, glow.Requant(0, 0, 0, 3)),
    ],
)
def test_constants_worked_out_by_hand(scale: float, expected: glow.Requant) -> None:
    """The constants of some scales are what the doubling rule gives on paper."""
    assert glow.requantize_params(scale, 3) == expected


@pytest.mark.parametrize("scale", [0.0, -1.0, math.inf, math.nan, -math.inf])
def test_a_scale_must_be_positive_and_finite(scale: float) -> None:
    """A scale that stands for nothing is refused."""
    with pytest.raises(ValueError, match="not a positive finite number"):
        glow.requantize_params(scale)


@pytest.mark.parametrize(
    "values", [(-1, 0, 1), (32, 0, 1), (0, -1, 1), (0, 32, 1), (0, 0, 2**31), (0, 0, -(2**31) - 1)]
)
def test_constants_must_fit_their_types(values: tuple[int, int, int]) -> None:
    """Shifts are 0 to 31 and the multiplier is an int32."""
    with pytest.raises(ValueError, match="out of range"):
        glow.Requant(*values, offset=0)


@budget(300)
@given(r=requant_params(), a=INT32, b=INT32)
def test_requantize_keeps_the_order(r: glow.Requant, a: int, b: int) -> None:
    """Of two values the larger never becomes the smaller one, unless a step leaves 32 bits."""
    assume(all(map(_fits, (*_exact_steps(a, r), *_exact_steps(b, r)))))
    low, high = sorted((a, b))
    assert _requantize(low, r) <= _requantize(high, r)


# saturate_int8, wrap_int32, accumulate


@budget(200)
@given(x=INT32)
def test_saturate_is_the_nearest_int8(x: int) -> None:
    """A value outside of -128..127 becomes the nearer limit, any other stays."""
    result = glow.saturate_int8(np.array([x], np.int32))
    assert result.dtype == np.int8
    assert int(result[0]) == min(max(x, -128), 127)


@budget(200)
@given(x=st.integers(-(2**53), 2**53))
def test_wrap_is_twos_complement(x: int) -> None:
    """Integers held in int64 or float64 become their 32-bit two's complement."""
    assert int(glow.wrap_int32(np.array([x], np.int64))[0]) == _wrapped(x)
    assert int(glow.wrap_int32(np.array([float(x)]))[0]) == _wrapped(x)


@budget(100)
@given(
    terms=st.one_of(st.integers(0, 20), st.integers(255, 262), st.sampled_from((5_000, 70_000))),
    style=st.sampled_from(("any", "same sign", "limits")),
    seed=st.integers(0, 2**32 - 1),
)
@example(258, "same sign", 0)  # 258 * 255 * 255 is just below 2**24, where float32 ends
@example(259, "same sign", 0)
@example(70_000, "same sign", 0)  # leaves 32 bits
def test_accumulate_is_exact(terms: int, style: str, seed: int) -> None:
    """Sums of products of up to 255 * 255 are exact, or wrapped, on both sides of the step from float32 to float64."""
    generator = np.random.default_rng(seed)
    if style == "same sign":
        a, b = (np.full(shape, 255, np.int32) for shape in ((3, terms), (terms, 2)))
        a[0], b[:, 0] = -255, 254
    else:
        choose = [-255, 255, 1] if style == "limits" else np.arange(-255, 256)
        a, b = (generator.choice(choose, shape).astype(np.int32) for shape in ((3, terms), (terms, 2)))
    result = glow.accumulate(a, b)
    exact = [[sum(x * y for x, y in zip(row, column, strict=True)) for column in b.T.tolist()] for row in a.tolist()]
    assert result.dtype == np.int32
    assert result.tolist() == [[_wrapped(value) for value in row] for row in exact]


# quantize, dequantize and the float32 helpers


def _float32(value: Fraction) -> float:
    """The nearest float32, infinite beyond them.

    float() rounds correctly to float64; rounding that to float32 again is harmless for one operation on float32 values,
    whose exact result is either in float64 or has its 53 bits away from the middle of two float32 (2 * 24 + 2 <= 53).
    """
    try:
        return float(np.float32(float(value)))
    except OverflowError:
        return math.copysign(math.inf, value)


def _rounded_half_even(value: float) -> int:
    return round(Fraction(value))


@budget(500)
@given(x=FLOAT32, scale=scales(-30, 30), offset=offsets(), dtype=st.sampled_from(("int8", "int32")))
def test_quantize_rounds_to_the_nearest_step(x: float, scale: float, offset: int, dtype: str) -> None:
    """The result is x / scale + offset in steps of float32, rounded to an integer (ties to even) and saturated."""
    with np.errstate(over="ignore"):
        quotient = _float32(Fraction(x) / Fraction(scale))
        steps = quotient if math.isinf(quotient) else _float32(Fraction(quotient) + offset)
    limits = np.iinfo(dtype)
    expected = (limits.max if steps > 0 else limits.min) if math.isinf(steps) else _rounded_half_even(steps)
    result = glow.quantize(np.array([x], np.float32), scale, offset, dtype)
    assert str(result.dtype) == dtype
    assert int(result[0]) == min(max(expected, int(limits.min)), int(limits.max))


@budget(300)
@given(half=st.integers(-300, 300), exponent=st.integers(-20, 20), offset=offsets())
def test_quantize_takes_halves_to_even(half: int, exponent: int, offset: int) -> None:
    """A value in the middle of two steps goes to the even one."""
    x = np.array([(half + 0.5) * 2.0**exponent], np.float32)
    low = half + offset
    even = low if low % 2 == 0 else low + 1
    assert int(glow.quantize(x, 2.0**exponent, offset)[0]) == min(max(even, -128), 127)


@budget(1000)
@given(
    steps=st.integers(-300, 300).map(lambda half: half / 2) | st.floats(-400, 400),
    nudge=st.integers(-3, 3),
    inverse=scales(-10, 20),
    offset=offsets(),
)
def test_fused_quantization_rounds_once(steps: float, nudge: int, inverse: float, offset: int) -> None:
    """x * inverse + offset is exact before it is rounded to float32, also beside the middle of two steps."""
    x = np.array([(steps - offset) / inverse], np.float32)
    x = (x.view(np.int32) + nudge).view(np.float32) if x[0] != 0 else x
    exact = Fraction(float(x[0])) * Fraction(inverse) + offset
    expected = _rounded_half_even(_float32(exact))
    assert int(glow.quantize_fused(x, inverse, offset)[0]) == min(max(expected, -128), 127)


@pytest.mark.parametrize("dtype", ["int8", "int32"])
@pytest.mark.parametrize("offset", [-128, 0, 127])
def test_quantize_of_what_is_no_ordinary_number(dtype: str, offset: int) -> None:
    """NaN becomes the smallest integer, infinities and huge values the limits; nothing warns."""
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    x = np.array([math.nan, -math.nan, math.inf, -math.inf, 3.4e38, -3.4e38], np.float32)
    with np.errstate(all="raise", over="ignore", under="ignore"):
        result = glow.quantize(x, 2.0**-20, offset, dtype)
    assert result.tolist() == [low, low, high, low, high, low]


@budget(300)
@given(q=st.integers(-128, 127), scale=scales(-30, 30), offset=offsets())
def test_dequantize_is_one_multiplication(q: int, scale: float, offset: int) -> None:
    """The result is the float32 nearest to scale * (q - offset), and quantizing it gives q back."""
    result = glow.dequantize(np.array([q], np.int8), scale, offset)
    assert result.dtype == np.float32
    assert float(result[0]) == _float32(Fraction(scale) * (q - offset))
    assert int(glow.quantize(result, scale, offset)[0]) == q


@budget(200)
@given(q=INT32, scale=scales(-30, 0), offset=offsets())
def test_dequantize_of_int32_takes_the_offset_off_exactly(q: int, scale: float, offset: int) -> None:
    """The difference of an int32 and an offset does not overflow; it is rounded to float32 before the product."""
    result = glow.dequantize(np.array([q], np.int32), scale, offset)
    assert float(result[0]) == _float32(Fraction(scale) * Fraction(_float32(Fraction(q - offset))))


@budget(300)
@given(a=FLOAT32, b=FLOAT32)
def test_float32_helpers_round_once(a: float, b: float) -> None:
    """Product and quotient of two float32 values are the float32 nearest to the exact ones."""
    with np.errstate(over="ignore", under="ignore"):
        normal = Fraction(2) ** -126
        for exact, value in (
            (Fraction(a) * Fraction(b), glow.multiply_float32(a, b)),
            *([(Fraction(a) / Fraction(b), glow.divide_float32(a, b))] if b else []),
        ):
            if abs(exact) >= normal or exact == 0:  # below, _float32 may round twice
                assert value == _float32(exact)
        assert glow.float32(a) == a
