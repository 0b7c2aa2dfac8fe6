"""Functions of float32 arrays, computed in double precision and rounded once: the definition of ``tg_double.h``.

Every step is an IEEE 754 double-precision operation of its own, in the order in which C has it, so that both have the
same bits. Series are Taylor's, cut off where their rest is below 2**-40 of the result: the result is off by hardly more
than half a unit in the last place of a float32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from tinyglow.numerics import float32
from tinyglow.numerics.float32 import Floats, turns

Doubles = npt.NDArray[np.float64]

_LN2 = float.fromhex("0x1.62e42fefa39efp-1")
# ln(2) in two parts, the first of 32 bits: its product with an exponent is exact.
_LN2_HIGH, _LN2_LOW = float.fromhex("0x1.62e42fep-1"), float.fromhex("0x1.f473de6af278fp-30")
_LOG2_E = float.fromhex("0x1.71547652b82fep+0")
_HALF_PI = float.fromhex("0x1.921fb54442d18p+0")
_PI = float.fromhex("0x1.921fb54442d18p+1")
# 1.5 * 2**52: adding it rounds to an integer.
_ROUNDING = 6755399441055744.0
_QUARTER_STEP = float.fromhex("0x1.921fb54442d18p-62")  # pi / 2 * 2**-62
_ATAN_HALF, _ATAN_ONE = float.fromhex("0x1.dac670561bb4fp-2"), float.fromhex("0x1.921fb54442d18p-1")
_ROOT_OF_HALF = float.fromhex("0x1.6a09e667f3bcdp-1")
_LARGE = 1e9  # where 1 is nothing beside the square
_SMALL = 1e-4  # below it, x ** 3 / 6 is less than half of a float32's last bit, and so is x ** 3 / 3
_FAR = 100.0  # e ** 100 is infinite, and e ** -100 is 0


def _series(divisors: Sequence[float], x: Doubles) -> Doubles:
    """1 + x / divisors[-1] * (1 + x / divisors[-2] * (...)), as C has it: from the inside out."""
    result = np.ones_like(x)
    for divisor in divisors:
        result = 1.0 + x / divisor * result
    return result


_EXP = tuple(float(k) for k in range(14, 0, -1))
_SIN = tuple(-float(k * (k + 1)) for k in (16, 14, 12, 10, 8, 6, 4, 2))
_COS = tuple(-float(k * (k + 1)) for k in (15, 13, 11, 9, 7, 5, 3, 1))
_SINH = tuple(float(k * (k + 1)) for k in (8, 6, 4, 2))
# Odd numbers of the series of atan and atanh, from the last one on.
_ODD = tuple(float(k) for k in (25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1))


def _odd_series(square: Doubles) -> Doubles:
    """1 + square / 3 + square ** 2 / 5 + ...; of the negative of a square, the signs alternate."""
    result = np.zeros_like(square)
    for odd in _ODD:
        result = 1.0 / odd + square * result
    return result


def _exp(x: Doubles) -> Doubles:
    """e ** x; x from -200 to 200."""
    n = (x * _LOG2_E + _ROUNDING) - _ROUNDING
    power = (n.astype(np.int64) + 1023 << 52).view(np.float64)
    return _series(_EXP, (x - n * _LN2_HIGH) - n * _LN2_LOW) * power


def _log(x: Doubles) -> Doubles:
    """ln(x) of a positive normal number."""
    bits = np.ascontiguousarray(x).view(np.int64)
    exponent = (bits >> 52) - 1023
    m = ((bits & 0x000FFFFFFFFFFFFF) | 0x3FE0000000000000).view(np.float64)  # from 1/2 on
    low = m < _ROOT_OF_HALF
    m, exponent = np.where(low, m + m, m), np.where(low, exponent, exponent + 1)
    ratio = (m - 1.0) / (m + 1.0)
    return exponent.astype(np.float64) * _LN2 + 2.0 * ratio * _odd_series(ratio * ratio)


def _sqrt(x: Doubles) -> Doubles:
    """The square root of a number from 0 to 2**127; two of Newton's steps from a float32's."""
    root = float32.sqrt(x.astype(np.float32)).astype(np.float64)
    for _ in range(2):
        root = 0.5 * (root + x / np.where(root == 0.0, 1.0, root))
    return root


def _atan(x: Doubles) -> Doubles:
    """The arc whose tangent is x, of x at least 0; pi / 2 of infinity."""
    above = x > 1.0
    t = np.where(above, 1.0 / np.where(above, x, 1.0), x)
    center = np.where(t > 0.75, 1.0, np.where(t > 0.25, 0.5, 0.0))
    rest = (t - center) / (1.0 + t * center)
    near = np.where(t > 0.75, _ATAN_ONE, np.where(t > 0.25, _ATAN_HALF, 0.0))
    arc = near + rest * _odd_series(-(rest * rest))
    return np.where(above, _HALF_PI - arc, arc)


def _odd(function: Callable[[Doubles], Doubles]) -> Callable[[Floats], Floats]:
    """A function with f(-x) = -f(x), from what it is of numbers at least 0."""

    def whole(x: Floats) -> Floats:
        size = np.abs(x).astype(np.float64)
        result = function(size).astype(np.float32)
        return np.where(np.isnan(x), float32.NAN, np.where(np.signbit(x), -result, result))

    return float32.quietly(whole)


def _asin_of(x: Doubles) -> Doubles:
    inside = np.minimum(x, 1.0)
    root = _sqrt((1.0 - inside) * (1.0 + inside))
    arc = _atan(np.where(root == 0.0, np.inf, inside / np.where(root == 0.0, 1.0, root)))
    return np.where(x > 1.0, np.nan, arc)


def _sinh_of(x: Doubles) -> Doubles:
    bounded = np.minimum(x, _FAR)
    far = (_exp(bounded) - _exp(-bounded)) * 0.5
    return np.where(x < 0.5, x * _series(_SINH, np.minimum(x, 1.0) * np.minimum(x, 1.0)), far)


def _asinh_of(x: Doubles) -> Doubles:
    middle = np.minimum(x, _LARGE)
    far = _log(np.where(np.isinf(x), 1.0, np.maximum(x, 1.0))) + _LN2
    result = _log(middle + _sqrt(middle * middle + 1.0))
    return np.where(x < _SMALL, x, np.where(np.isinf(x), x, np.where(x > _LARGE, far, result)))


def _atanh_of(x: Doubles) -> Doubles:
    result = 0.5 * _log((1.0 + x) / (1.0 - x))
    edge = np.where(x == 1.0, np.inf, np.nan)
    return np.where(x < _SMALL, x, np.where(x < 1.0, result, edge))


def _tan_of(x: Doubles) -> Doubles:
    finite = np.isfinite(x)
    n, rest, small = turns(np.where(finite, x, 0.0).astype(np.float32))
    y = np.where(small, np.where(finite, x, 0.0), rest.astype(np.float64) * _QUARTER_STEP)
    square = y * y
    sine, cosine = y * _series(_SIN, square), _series(_COS, square)
    odd = (n & 1) == 1
    top, bottom = np.where(odd, -cosine, sine), np.where(odd, sine, cosine)
    return np.where(finite, top / np.where(bottom == 0.0, 1.0, bottom), np.nan)


asin, atan, sinh = _odd(_asin_of), _odd(_atan), _odd(_sinh_of)
asinh, atanh, tan = _odd(_asinh_of), _odd(_atanh_of), _odd(_tan_of)


@float32.quietly
def acos(x: Floats) -> Floats:
    """``tg_acos_f32``: twice the arc of half the angle, exact near 1 too; NaN outside of -1 to 1."""
    inside = x.astype(np.float64)
    below = 1.0 + inside
    ratio = np.where(below == 0.0, np.inf, (1.0 - inside) / np.where(below == 0.0, 1.0, below))
    root = _sqrt(ratio)
    result = np.where(np.isinf(ratio), _PI, 2.0 * _atan(root))
    return np.where(np.abs(x) <= 1.0, result, np.nan).astype(np.float32)


@float32.quietly
def cosh(x: Floats) -> Floats:
    """``tg_cosh_f32``."""
    size = np.minimum(np.abs(x).astype(np.float64), _FAR)
    return ((_exp(size) + _exp(-size)) * 0.5).astype(np.float32)


@float32.quietly
def acosh(x: Floats) -> Floats:
    """``tg_acosh_f32``; NaN below 1."""
    valid = (x >= 1.0) & np.isfinite(x)
    size = x.astype(np.float64)
    middle = np.minimum(size, _LARGE)
    near = _log(middle + _sqrt((middle - 1.0) * (middle + 1.0)))
    result = np.where(size > _LARGE, _log(size) + _LN2, near)
    return np.where(valid, result, np.where(x == np.inf, np.inf, np.nan)).astype(np.float32)


@float32.quietly
def expm1(x: Floats) -> Floats:
    """``tg_expm1_f32``: e ** x - 1, exact near 0 too."""
    size = np.clip(x.astype(np.float64), -_FAR, _FAR)
    near = size + size * size * 0.5
    result = np.where(np.abs(size) < 1e-5, near, _exp(size) - 1.0)
    return np.where(x == 0, x, result).astype(np.float32)


@float32.quietly
def softplus(x: Floats) -> Floats:
    """``tg_softplus_f32``: ln(1 + e ** x)."""
    size = x.astype(np.float64)
    power = _exp(np.minimum(np.maximum(-np.abs(size), -120.0), 0.0))
    tail = np.where(power < 1e-8, power, _log(1.0 + power))
    return (np.maximum(size, 0.0) + tail).astype(np.float32)
