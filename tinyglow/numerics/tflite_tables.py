"""Functions of one int8 element as LiteRT's reference kernels compute them, for all 256 inputs.

Each function takes scale and offset of input and result, and gives int8 [256]: the results for -128 to 127.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tinyglow.numerics import gemmlowp, tflite
from tinyglow.numerics.tflite import INT8_MAX, INT8_MIN, Int8Array, IntArray, Multiplier, multiplier_of
from tinyglow.numerics.wide import INT16_MAX, INT16_MIN

Params = tuple[float, int]  # scale and offset
Truths = npt.NDArray[np.bool_]
FloatFunction = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]

_INTEGER_BITS = 4  # of the fixed-point inputs of logistic and tanh


def _inputs(source: Params) -> IntArray:
    return np.arange(-128, 128, dtype=np.int64) - source[1]


def bound(real: float, result: Params) -> int:
    """A bound of an activation as int8: see ``tflite.steps_of``."""
    return int(np.clip(tflite.steps_of(real, result[0]) + result[1], INT8_MIN, INT8_MAX))


def rescale(source: Params, result: Params) -> Int8Array:
    """Another scale (reference/requantize.h)."""
    return _rescaled(source, result, source[0] / result[0], INT8_MIN, INT8_MAX)


def bounded(source: Params, result: Params, low: int, high: int = INT8_MAX) -> Int8Array:
    """Another scale, between bounds (activations.h, ReluX): the ratio of scales is a float."""
    return _rescaled(source, result, tflite.float_ratio(source[0], result[0]), low, high)


def _rescaled(source: Params, result: Params, ratio: float, low: int, high: int) -> Int8Array:
    scaled = tflite.scaled_twice(_inputs(source), multiplier_of(ratio))
    return tflite.saturate_int8(scaled + result[1], low, high)


def compared(source: Params) -> IntArray:
    """int64 [256]: what a comparison makes of -128 to 127, steps of 2**-8 (comparisons.h, ComparisonWithScaling)."""
    return tflite.scaled_twice(_inputs(source) << 8, multiplier_of(source[0]))


def absolute(source: Params, result: Params) -> Int8Array:
    """The absolute value (elementwise.cc, AbsEvalQuantized): the ratio of scales is a float."""
    by = multiplier_of(tflite.float_ratio(source[0], result[0]))
    return tflite.saturate_int8(tflite.scaled_twice(np.abs(_inputs(source)), by) + result[1])


def negated() -> Int8Array:
    """Of one scale and opposite zero points: the integers' own (reference/neg.h), which wrap at -128."""
    return (-np.arange(-128, 128)).astype(np.int8)


def root(source: Params, result: Params) -> Int8Array:
    """The square root, cut off (elementwise.cc, SqrtEvalQuantized). LiteRT refuses numbers below 0: here they are 0."""
    x = np.float32(source[0]) * np.maximum(_inputs(source), 0).astype(np.float32)
    return tflite.saturate_int8(np.trunc(np.sqrt(x) / np.float32(result[0])).astype(np.int64) + result[1])


def leaky_relu(source: Params, result: Params, alpha: float) -> Int8Array:
    """A slope below 0 (reference/leaky_relu.h)."""
    x = _inputs(source)
    above = tflite.scaled_twice(x, multiplier_of(tflite.float_ratio(source[0], result[0])))
    slope = tflite.float_ratio(source[0], result[0], alpha)
    below = tflite.scaled_twice(x, multiplier_of(abs(slope)))
    below = -below if slope < 0 else below
    return tflite.saturate_int8(np.where(x >= 0, above, below) + result[1])


def _fixed_inputs(source: Params) -> tuple[IntArray, Truths, Truths]:
    """Inputs with 4 integer bits, and where they lie below the range of the approximation, or above: those wrap."""
    real = source[0] * 2.0 ** (31 - _INTEGER_BITS)
    mantissa, shift = math.frexp(real)
    by = Multiplier(math.floor(mantissa * 2**31 + 0.5), shift)
    radius = math.floor(((1 << _INTEGER_BITS) - 1) * 2.0 ** (31 - _INTEGER_BITS - shift))
    x = _inputs(source)
    return tflite.scaled_twice(x, by), x <= -radius, x >= radius


def logistic(source: Params, result: Params) -> Int8Array:
    """1 / (1 + e ** -x); the result's parameters are 1 / 256 and -128 (reference/integer_ops/logistic.h)."""
    x, below, above = _fixed_inputs(source)
    steps = tflite.divide_by_power(gemmlowp.INT32.logistic(x, _INTEGER_BITS), 23) - 128
    return tflite.saturate_int8(np.where(below, INT8_MIN, np.where(above, INT8_MAX, steps)))


def tanh(source: Params, result: Params) -> Int8Array:
    """Hyperbolic tangent; the result's parameters are 1 / 128 and 0 (reference/integer_ops/tanh.h)."""
    x, below, above = _fixed_inputs(source)
    steps = tflite.divide_by_power(gemmlowp.INT32.tanh(x, _INTEGER_BITS), 24)
    return tflite.saturate_int8(np.where(below, INT8_MIN, np.where(above, INT8_MAX, steps)))


def _upper_half(multiplier: int) -> int:
    """DownScaleInt32ToInt16Multiplier."""
    return min((multiplier + (1 << 15)) >> 16, INT16_MAX)


def hard_swish(source: Params, result: Params) -> Int8Array:
    """x * min(max(x + 3, 0), 6) / 6 in 16 bits (reference/hard_swish.h)."""
    fine = np.float32(1 / 128) * np.float32(source[0])
    out = multiplier_of(float(fine / np.float32(result[0])))
    share = multiplier_of(float(fine / (np.float32(3) / np.float32(32768))))
    x = _inputs(source) << 7
    scaled = tflite.high_product(x, _upper_half(out.multiplier), 16)
    reluish = np.clip(x << (share.shift - 1), INT16_MIN, INT16_MAX) if share.shift > 0 else x
    reluish = tflite.high_product(reluish, _upper_half(share.multiplier), 16)
    if share.shift > 0:
        reluish = np.clip(reluish << 1, INT16_MIN, INT16_MAX)
    elif share.shift < 0:
        reluish = tflite.divide_by_power(reluish, -share.shift)
    reluish = (reluish + (1 << 15)) >> 1
    product = reluish * scaled
    product = np.sign(product) * (np.abs(product) >> 15)
    return tflite.saturate_int8(tflite.divide_by_power(product, -out.shift) + result[1])


def function(source: Params, result: Params, of: FloatFunction) -> Int8Array:
    """A function that LiteRT itself looks up (common.h, LUTPopulate)."""
    real = np.float32(source[0]) * _inputs(source).astype(np.float32)
    with np.errstate(all="ignore"):
        y = of(real.astype(np.float64)).astype(np.float32)
        steps = tflite.round_away(y * (np.float32(1) / np.float32(result[0]))).astype(np.float64)
    steps = np.where(np.isnan(steps), 0, steps) + result[1]
    return np.clip(steps, INT8_MIN, INT8_MAX).astype(np.int8)
