"""Functions of float32 arrays in float32 steps: the definition of the C kernels' own, to the last bit.

No C library or numpy build is trusted with a transcendental function: each rounds in its own way. Here every step is an
IEEE 754 single-precision operation of its own, in the order in which ``tg_float.h``, ``tg_angle.h``,
``tg_map_erf_f32.c`` and ``tg_pow_f32.c`` have it, and a NaN result is always the same NaN.

How the polynomials came about: for a function's tail, as ``(exp(r) - 1 - r) / r**2``, the coefficients minimize the
largest error relative to the *function* over the interval (Lawson's reweighted least squares on 4000 Chebyshev points);
they are rounded to float32 from the lowest to the highest, the higher ones fitted anew to what the rounding left. The
error of the polynomial alone is below 2**-27 of the result everywhere.

Largest error in units in the last place (ulp) of the result, over all 2**32 arguments, beside the same function in
double precision: exp 0.90, log 0.91, tanh 1.33, sigmoid 1.81, erf 1.40, sqrt 0.5 (correctly rounded). Of power it is
1.1, measured over ten million random pairs of all magnitudes and signs; of sin and cos 1.6, over 24 million arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

NAN = np.array(0x7FC00000, np.uint32).view(np.float32)[()]
_INFINITY, _ONE, _TWO, _HALF = (np.float32(x) for x in (np.inf, 1.0, 2.0, 0.5))


def _float(text: str) -> np.float32:
    """A hexadecimal constant, as C has it."""
    return np.float32(float.fromhex(text))


def _floats(text: str) -> list[np.float32]:
    """Coefficients from the highest power to the lowest."""
    return [_float(word) for word in text.split()]


# ln(2) in two parts, the first of 15 bits: its product with an exponent is exact.
_LN2_HIGH, _LN2_LOW, _LOG2_E = _float("0x1.62e4p-1"), _float("0x1.7f7d1cp-20"), _float("0x1.715476p+0")
# 1.5 * 2**23: adding it rounds to an integer.
_ROUNDING = np.float32(12582912.0)
# sqrt(1/2) as a float32's bits: where the mantissas of logarithms begin.
_ROOT_OF_HALF = 0x3F3504F3

_EXP = _floats("0x1.6a4d6p-10 0x1.12398ep-7 0x1.5558bp-5 0x1.555492p-3 0x1.fffffcp-2")
_LOG = _floats(
    "-0x1.38c968p-4 0x1.055eacp-3 -0x1.0d8246p-3 0x1.22d93p-3 -0x1.54728ap-3 0x1.99a01cp-3 -0x1.000226p-2 0x1.555554p-2"
)
_TANH = _floats("-0x1.75619ap-8 0x1.5207b8p-6 -0x1.b83738p-5 0x1.1106fcp-3 -0x1.555532p-2")
_ERF = _floats("0x1.49af3ap-14 -0x1.a4c29p-11 0x1.5430c6p-8 -0x1.b7ff8ap-6 0x1.ce2d5cp-4 -0x1.812740p-2 0x1.06eba8p-3")
# -log(1 - erf(x)) from 0.875 on.
_ERF_FAR = _floats(
    "-0x1.a58496p-13 0x1.954fbp-9 -0x1.6f54fep-6 0x1.ab533ap-4 0x1.46026ep-1 0x1.20c06cp+0 0x1.181c34p-13"
)
_SIN = _floats("-0x1.9954p-13 0x1.110778p-7 -0x1.555546p-3")
_COS = _floats("0x1.99e90ep-16 -0x1.6c0c2ap-10 0x1.55554ap-5")
# 2 / pi: 32 zeros, then 224 bits after the point. pi / 2 * 2**-62.
_TWO_OVER_PI = np.array(
    (0, 0xA2F9836E, 0x4E441529, 0xFC2757D1, 0xF534DDC0, 0xDB629599, 0x3C439041, 0xFE5163AB), np.uint64
)
_QUARTER_STEP, _UNIT = (np.uint64(0x6487ED51), np.uint64(0x10B4611A)), _float("0x1p-62")  # pi / 2 * 2**62 in two parts
_BELOW_QUARTER = 0x3F490FDB  # pi / 4
# ln(2) * 2**-30.
_LN2_STEP = _float("0x1.62e43p-31")
_FAR = 200  # 2**200 is infinite, and 2**-200 is 0
# log2(1 + f) / f with 36 bits after the point, from the highest power of f to the lowest; off by 2**-35 at most.
_LOG2_FIXED = (
    *(0x13CE794F9, -0x249110B2F, 0x250E3E240, -0x24A5EA17A, 0x28A523561, -0x2E282DD8F, 0x34C7E8855),
    *(-0x3D8E56B56, 0x49DD947F5, -0x5C551C25E, 0x7B1C27AEE, -0xB8AA3B2B3, 0x171547652A),
)


def quietly(function: Callable[..., Floats]) -> Callable[..., Floats]:
    """``function`` of float32 arrays without numpy's warnings: NaN, infinity and underflow are results like others."""

    def quiet(*arrays: npt.NDArray[np.generic]) -> Floats:
        with np.errstate(all="ignore"):
            result = function(*(array.astype(np.float32) for array in arrays))
        return np.where(np.isnan(result), NAN, result)

    quiet.__name__, quiet.__doc__ = function.__name__, function.__doc__
    return quiet


def _polynomial(coefficients: Sequence[np.float32], x: Floats) -> Floats:
    """Horner's rule, each product and each sum rounded."""
    result: Floats = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        result = result * x + coefficient
    return result


def _bits(x: Floats) -> Integers:
    return np.ascontiguousarray(x).view(np.uint32).astype(np.int64)


def _of_bits(bits: Integers) -> Floats:
    return (bits & 0xFFFFFFFF).astype(np.uint32).view(np.float32)


def _power_of_two(exponent: Integers) -> Floats:
    return _of_bits((exponent + 127) << 23)


def _scale(x: Floats, exponent: Integers) -> Floats:
    """x * 2**exponent, rounded once."""
    half = exponent >> 1
    return x * _power_of_two(half) * _power_of_two(exponent - half)


def _exp_near_zero(high: Floats, low: Floats) -> Floats:
    """e ** (high - low)."""
    r = high - low
    return _ONE + (high + (r * r * _polynomial(_EXP, r) - low))


@quietly
def exp(x: Floats) -> Floats:
    """``tg_exp_f32``: e ** x; infinity from 88.72284 on, 0 below -103.97208."""
    bounded = np.clip(x, np.float32(-104), np.float32(89))
    whole = (bounded * _LOG2_E + _ROUNDING) - _ROUNDING
    power = _exp_near_zero(bounded - whole * _LN2_HIGH, whole * _LN2_LOW)
    return np.where(np.isnan(x), NAN, _scale(power, whole.astype(np.int64)))


def _mantissa(x: Floats) -> tuple[Integers, Floats]:
    """(exponent, f) with x = 2**exponent * (1 + f), 1 + f from sqrt(1/2) to sqrt(2); x positive and finite."""
    subnormal = _bits(x) < 0x00800000
    above = _bits(np.where(subnormal, x * np.float32(2.0**23), x)) - _ROOT_OF_HALF
    f = _of_bits((above & 0x007FFFFF) + _ROOT_OF_HALF) - _ONE
    return (above >> 23) - np.where(subnormal, 23, 0), f


@quietly
def log(x: Floats) -> Floats:
    """``tg_log_f32``: the natural logarithm; minus infinity of 0 and -0, NaN of negative numbers."""
    ordinary = (x > 0) & np.isfinite(x)
    exponent, f = _mantissa(np.where(ordinary, x, _ONE))
    e, square = exponent.astype(np.float32), f * f
    small = (square * f * _polynomial(_LOG, f) - _HALF * square) + e * _LN2_LOW
    result = (f + small) + e * _LN2_HIGH
    special = np.where(x == _INFINITY, x, np.where(x == 0, -_INFINITY, NAN))
    return np.where(ordinary, result, special)


@quietly
def tanh(x: Floats) -> Floats:
    """``tg_tanh_f32``: the hyperbolic tangent."""
    size, square = np.abs(x), x * x
    near = x + x * square * _polynomial(_TANH, square)
    far = _ONE - _TWO / (exp(size + size) + _ONE)
    return np.where(size < np.float32(0.625), near, np.copysign(far, x))


@quietly
def sigmoid(x: Floats) -> Floats:
    """``tg_sigmoid_f32``: 1 / (1 + e ** -x)."""
    power = exp(-np.abs(x))
    return np.where(x < 0, power - power * (power / (_ONE + power)), _ONE / (_ONE + power))


@quietly
def sqrt(x: Floats) -> Floats:
    """``tg_sqrt_f32``: the square root, correctly rounded, as IEEE 754 asks of numpy's; NaN of negative ones."""
    return np.sqrt(x)


@quietly
def erf(x: Floats) -> Floats:
    """The error function (``tg_map_erf_f32``)."""
    size, square = np.abs(x), x * x
    near = x + x * _polynomial(_ERF, square)
    bounded = np.minimum(size, np.float32(4))
    far = _ONE - exp(-_polynomial(_ERF_FAR, bounded))
    return np.where(size < np.float32(0.875), near, np.copysign(far, x))


def _log2(x: Floats) -> tuple[Integers, Integers]:
    """(l, bits) with log2(x) = l * 2**-bits, |l| below 2**38 and with as many significant bits as that allows.

    In integers: float32 has too few bits for a logarithm that is to be multiplied. x is positive and finite.
    """
    exponent, f = _mantissa(x)
    steps = (f * np.float32(2.0**24)).astype(np.int64)
    ratio = np.full(x.shape, _LOG2_FIXED[0], np.int64)
    for coefficient in _LOG2_FIXED[1:]:
        ratio = ((ratio * steps) >> 24) + coefficient
    product = steps * ratio
    whole = exponent != 0
    logarithm = np.where(whole, (product >> 12) + exponent * 2**48, product)
    bits = np.where(whole, 48, 60)
    while (large := np.abs(logarithm) >= 2**38).any():
        logarithm, bits = np.where(large, logarithm >> 1, logarithm), np.where(large, bits - 1, bits)
    return logarithm, bits


def _positive_power(x: Floats, y: Floats) -> Floats:
    """x ** y of finite numbers, x above 0."""
    logarithm, bits = _log2(x)
    words = _bits(np.abs(y))
    # The exponent, y * log2(x), with ``point`` bits after the point; of a subnormal y it is next to nothing anyway.
    product = logarithm * (words & 0x007FFFFF | 0x00800000) * np.sign(y).astype(np.int64)
    point = bits + 150 - (words >> 23)
    inside = np.clip(point, 52, 63)
    n = (product + (1 << (inside - 1))) >> inside
    far = point < 52  # the exponent is in the hundreds
    rest = ((product - (n << inside)) >> (point - 30)) * ~far
    n = np.where(far, np.sign(product) * _FAR, np.clip(n, -_FAR, _FAR))
    r = rest.astype(np.float32) * _LN2_STEP
    return _scale(_exp_near_zero(r, np.zeros_like(r)), n)


@quietly
def power(x: Floats, y: Floats) -> Floats:
    """x ** y (``tg_pow_f32``), of special values as IEEE 754 has pow; x and y of the same shape."""
    size, infinite = np.abs(x), np.isinf(y)
    integer = (np.floor(y) == y) & ~infinite
    odd = integer & (np.fmod(y, _TWO) != 0)
    ordinary = (size > 0) & np.isfinite(size) & np.isfinite(y)
    result = _positive_power(np.where(ordinary, size, _ONE), np.where(ordinary, y, _ONE))
    grows = (y > 0) == (size > 1)
    special = np.where(infinite & (size == 1), _ONE, np.where(grows, _INFINITY, np.float32(0)))
    result = np.where(ordinary, result, special)
    result = np.where(odd & np.signbit(x), -result, result)
    undefined = np.isnan(x) | np.isnan(y) | ((x < 0) & np.isfinite(x) & ~integer & ~infinite)
    return np.where((y == 0) | (x == 1), _ONE, np.where(undefined, NAN, result))


@quietly
def floor(x: Floats) -> Floats:
    """The largest integer not above x (``tg_map_floor_f32``)."""
    return np.floor(x)


@quietly
def ceil(x: Floats) -> Floats:
    """The smallest integer not below x (``tg_map_ceil_f32``)."""
    return np.ceil(x)


@quietly
def nearest(x: Floats) -> Floats:
    """The nearest integer, of two the even one (``tg_map_round_f32``)."""
    return np.rint(x)


def turns(x: Floats) -> tuple[Integers, Integers, npt.NDArray[np.bool_]]:
    """(n, rest, small) with x = (n + rest * 2**-62) * pi / 2, n modulo 4; where small n is 0, and rest means nothing.

    x is at least 0; |rest| is up to 2**61.

    x * 2 / pi modulo 4 has 62 bits after the point, of a product with those 96 bits of 2 / pi that count (Payne and
    Hanek, 1983): exact enough for all floats.
    """
    bits = _bits(x)
    mantissa = ((bits & 0x007FFFFF) | 0x00800000).astype(np.uint64)
    first = (bits >> 23) - 120  # of the table's bits; below 0 where it means nothing
    word, shift = first >> 5, (first & 31).astype(np.uint64)
    pairs = [(_TWO_OVER_PI[word + i] << np.uint64(32)) | _TWO_OVER_PI[word + i + 1] for i in range(3)]
    high, middle, low = ((pair << shift) >> np.uint64(32) for pair in pairs)
    middle = mantissa * middle + ((mantissa * low) >> np.uint64(32))
    high = mantissa * high + (middle >> np.uint64(32))
    both = (high << np.uint64(32)) | (middle & np.uint64(0xFFFFFFFF))
    n = (both + np.uint64(1 << 61)) >> np.uint64(62)
    small = bits < _BELOW_QUARTER
    return np.where(small, 0, n.astype(np.int64) & 3), (both - (n << np.uint64(62))).view(np.int64), small


def _quarters(x: Floats) -> tuple[Integers, Floats]:
    """(n, y) with x = n * pi / 2 + y and |y| up to pi / 4, n modulo 4; of x at least 0."""
    n, rest, small = turns(x)
    size, (high, low) = np.abs(rest).view(np.uint64), _QUARTER_STEP
    top, bottom = size >> np.uint64(32), size & np.uint64(0xFFFFFFFF)
    angle = ((top * high) << np.uint64(2)) + ((top * low + bottom * high) >> np.uint64(30))
    y = angle.astype(np.float32) * _UNIT
    return n, np.where(small, x, y * np.sign(rest).astype(np.float32))


def _of_quarter(n: Integers, y: Floats) -> Floats:
    """sin(n * pi / 2 + y)."""
    square = y * y
    sine = y + y * square * _polynomial(_SIN, square)
    cosine = _ONE - (_HALF * square - square * square * _polynomial(_COS, square))
    result = np.where(n & 1, cosine, sine)
    return np.where(n & 2, -result, result)


@quietly
def sin(x: Floats) -> Floats:
    """``tg_sin_f32``: of an angle in radians; NaN of infinities."""
    size = np.abs(x)
    result = _of_quarter(*_quarters(size))
    return np.where(np.isfinite(x), np.where(np.signbit(x), -result, result), NAN)


@quietly
def cos(x: Floats) -> Floats:
    """``tg_cos_f32``: of an angle in radians; NaN of infinities."""
    n, y = _quarters(np.abs(x))
    return np.where(np.isfinite(x), _of_quarter((n + 1) & 3, y), NAN)
