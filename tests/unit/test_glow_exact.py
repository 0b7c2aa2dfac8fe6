"""Glow's arithmetic at its borders, against rational numbers: fused products, sizes, words and shifts at their ends."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from tinyglow.numerics import glow
from tinyglow.numerics.glow import Requant


def _nearest_float32(x: Fraction) -> float:
    """Ties to even; infinite from half a step beyond the largest on."""
    if x == 0:
        return 0.0
    size = abs(x)
    exponent = max(math.frexp(float(size))[1] - 24 if size < 2**140 else 117, -149)
    while size / Fraction(2) ** exponent >= 2**24:
        exponent += 1
    whole = round(size / Fraction(2) ** exponent)
    value = math.inf if whole * Fraction(2) ** exponent >= 2**128 else float(whole * Fraction(2) ** exponent)
    return -value if x < 0 else value


def test_fused_products_are_rounded_once() -> None:
    """Of numbers that cancel, of far apart ones, of ties, of subnormal and of infinite results."""
    rng = np.random.default_rng(8)
    count = 600
    a, b = ((rng.choice((-1, 1), count) * np.exp2(rng.uniform(-28, 28, count))).astype(np.float32) for _ in range(2))
    product = a.astype(np.float64) * b
    kinds = [
        -product.astype(np.float32),  # what is left is the product's own rounding error
        (product * np.exp2(rng.integers(-60, 60, count))).astype(np.float32),
        np.full(count, 2.0**-149, np.float32) * rng.choice((-1, 0, 1), count).astype(np.float32),
        (product * rng.choice((-2, -1, 1, 3), count) * (1 + 2.0**-23)).astype(np.float32),
    ]
    # Halfway between two floats, and the least bit beside it that there is.
    one, ulp = np.float32(1), np.float32(2.0**-24)
    special = [(one + np.float32(2.0**-23), ulp, one), (ulp, one, one), (ulp, one + 2 * ulp, -one), (ulp, -one, one)]
    special += [(3 * ulp, one, one), (np.float32(2.0**-60), np.float32(2.0**-60), one + 2 * ulp)]
    special += [
        (np.float32(2.0**-75), np.float32(2.0**-75), np.float32(2.0**-149)),
        (one, np.float32(3.4e38), np.float32(3.4e38)),
    ]
    special += [(np.float32(2.0**-80), np.float32(2.0**-69), np.float32(0.0)), (np.float32(-3e38), np.float32(2), one)]
    special += [(one + 2 * ulp, one + 2 * ulp, ulp * s) for s in (-2, -1, 1, 2)]
    # Half way but for what double precision does not hold, on either side of it.
    near = one + 2 * ulp, (one - 2 * ulp) * ulp
    special += [(near[0] * s, near[1] * t, (one + 2 * ulp) * u) for s in (-1, 1) for t in (-1, 1) for u in (-1, 1)]
    step, least = np.float32(2.0**-12), np.float32(2.0**-80)
    special += [(s * (one + step), one + k * step, s * t * least) for s in (1, -1) for k in (1, 3) for t in (1, -1)]
    triples = [(a, b, c) for c in kinds] + [tuple(np.array(side, np.float32) for side in zip(*special, strict=True))]
    for x, y, z in triples:
        found = glow.fused(x, y, z)
        assert found.dtype == np.float32
        due = [
            _nearest_float32(Fraction(float(p)) * Fraction(float(q)) + Fraction(float(r)))
            for p, q, r in zip(x, y, z, strict=True)
        ]
        assert found.tolist() == due


def test_fused_products_of_what_is_no_number() -> None:
    """Infinities and NaN pass; nothing warns."""
    x = np.array([math.inf, -math.inf, math.nan, 1.0], np.float32)
    with np.errstate(all="raise"):
        found = glow.fused(x, 2.0, -3.0)
    assert found[:2].tolist() == [math.inf, -math.inf] and np.isnan(found[2]) and found[3] == -1.0
    assert glow.quantize_fused(x, 2.0, -3).tolist() == [127, -128, -128, -1]
    steps = np.array([-128.5, -127.5, -126.5, 126.5, 127.4, 127.5, 300, -300], np.float32)
    assert glow.quantize_fused(steps, 1.0, 0).tolist() == [-128, -128, -126, 126, 127, 127, 127, -128]


@pytest.mark.parametrize("pre", [0, 1, 31])
def test_requantization_by_the_upper_word(pre: int) -> None:
    """The shifted sum times the scale over 2**32, ties upwards, plus the offset, which may wrap."""
    x = np.array([0, 1, -1, 2, -2, 3, -3, 2**31 - 1, -(2**31), 2**30, 12345678, -87654321], np.int32)
    for scale in (2**31 - 1, 2**30, 2**24, -(2**30)):
        for offset in (0, -128, 127):
            due = [math.floor(Fraction((n >> pre) * scale, 2**32) + Fraction(1, 2)) + offset for n in x.tolist()]
            found = glow.requantize_high(x, pre, scale, offset)
            assert found.dtype == np.int32 and found.tolist() == due


def test_requantization_of_channels() -> None:
    """Each channel by its own constants."""
    constants = [Requant(0, 0, 3, 1), Requant(2, 5, 77, -9), Requant(0, 31, 2**31 - 1, 0)]
    x = np.arange(-30, 30, dtype=np.int32).reshape(4, 5, 3) * 1001
    found = glow.requantize_channels(x, constants)
    for channel, own in enumerate(constants):
        assert np.array_equal(found[..., channel], glow.requantize(x[..., channel], own))
    assert found.dtype == np.int32 and found.shape == x.shape


BORDERS = {
    # Where doubling against the last shift ends, at 256 or above or after 15 bits; then against the first, at 255.
    256.0 - 2.0**-15: (0, 1, 512),
    256.0 + 2.0**-15: (0, 0, 256),
    255.5: (0, 1, 511),
    2.0**-7 * (1 + 2.0**-20): (0, 15, 256),
    2.0**-7 * (1 - 2.0**-20): (0, 15, 256),
    2.0**-8 * (1 - 2.0**-20): (1, 15, 256),
    254.9 * 2.0**-15: (1, 15, 510),
    255.0 * 2.0**-15: (0, 15, 255),
    255.1 * 2.0**-15: (0, 15, 255),
    0.5 * 2.0**-15 * (1 + 2.0**-20): (7, 15, 64),
    0.5 * 2.0**-15 * (1 - 2.0**-20): (8, 16, 128),
    2.0**-32 * (1 + 2.0**-20): (9, 31, 256),
    2.0**-32 * (1 - 2.0**-20): (0, 0, 0),
    3.0 * 2.0**-33: (8, 31, 192),
}


@pytest.mark.parametrize("scale", BORDERS)
def test_constants_at_their_borders(scale: float) -> None:
    """Worked out from the rule, in rational numbers."""
    pre = post = 0
    exact = Fraction(scale)
    while exact < Fraction(1, 2) or (exact < 256 and post < 15):
        exact, post = exact * 2, post + 1
    while exact < 255 and pre < post // 2:
        exact, pre = exact * 2, pre + 1
    due = Requant(pre, post, math.floor(exact + Fraction(1, 2)), 4) if post <= 31 else Requant(0, 0, 0, 4)
    assert glow.requantize_params(scale, 4) == due
    assert glow.requantize_params(scale).offset == 0


def test_powers_of_two() -> None:
    """A product above 1, which int32 bounds; a shift below; nothing left beyond 31 bits."""
    found = [glow.requantize_params(2.0**k, 1) for k in (0, 1, 30, 31, 90, -1, -31, -32, -33)]
    assert found == [
        *(Requant(0, 0, m, 1) for m in (1, 2, 2**30, 2**31 - 1, 2**31 - 1)),
        *(Requant(0, s, 1, 1) for s in (1, 31)),
        *[Requant(0, 0, 0, 1)] * 2,
    ]


def test_quantized_floats_at_the_ends() -> None:
    """Steps beyond the type are saturated, where float32 has its limits and where it has not; int8 unless named."""
    edge = {"int8": 127, "int16": 32767, "int32": 2**31 - 1}
    for dtype, most in edge.items():
        x = np.array(
            [most + d for d in (-1.0, -0.5, 0.0, 0.5, 1.0)] + [-most - d for d in (0.0, 0.5, 1.0, 1.5, 2.0)], np.float32
        )
        due = [min(max(round(float(value)), -most - 1), most) for value in x]
        assert glow.quantize(x, 1.0, 0, dtype).tolist() == due
    assert glow.quantize(np.array([300.0, 1.0], np.float32), 1.0, 0).dtype == np.int8
    assert glow.quantize(np.float32(3.0), 1.0, 1) == 4
    large = np.array([2.0**24 + 2, -(2.0**24) - 2, 2.0**31 - 128], np.float32)
    assert glow.quantize(large, 1.0, 0, "int32").tolist() == [2**24 + 2, -(2**24) - 2, 2**31 - 128]


def test_products_and_quotients_of_float32() -> None:
    """Too large ones are infinite, too small ones 0; nothing warns."""
    with np.errstate(all="raise"):
        assert glow.multiply_float32(3e38, 2.0) == math.inf and glow.divide_float32(3e38, 0.1) == math.inf
        assert glow.divide_float32(1e-44, 3e38) == 0.0 and glow.multiply_float32(1e-44, -1e-44) == 0.0
        assert math.isnan(glow.divide_float32(0.0, 0.0)) and glow.divide_float32(-1.0, 0.0) == -math.inf
    assert glow.multiply_float32(0.1, 0.3) == float(np.float32(0.1) * np.float32(0.3))
    assert glow.divide_float32(0.1, 0.3) == float(np.float32(0.1) / np.float32(0.3))
