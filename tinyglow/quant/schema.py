"""Choosing scales and offsets, as Glow does (lib/Quantization/Base/Base.cpp).

C++ mixes float32 and float64 there; the same steps are taken here in the same types, since one unit in the last place
of a scale moves outputs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum

import numpy as np

from tinyglow.ir.types import QuantParams
from tinyglow.numerics import glow
from tinyglow.quant.calibration import calibrated_range

# Glow keeps two bits of int32 free, for the subtraction of the offset and for float error (getQuantizedRange).
QUANTIZED_RANGE = {"int8": (-128, 127), "int16": (-(2**15), 2**15 - 1), "int32": (-(2**31) >> 2, (2**31 - 1) >> 2)}
_EPSILON = float(np.finfo(np.float32).eps)
# The scale of a range that is only zero; arbitrary, but not 0.
_SCALE_OF_ZERO = 0.1

# What int16 holds of a value over what calibration saw: data to come exceed the ranges of a few samples, and what
# saturates costs far more than one bit of 16.
INT16_HEADROOM = 2.0


class Schema(Enum):
    """How ranges become scales and offsets: Glow's -quantization-schema."""

    ASYMMETRIC = "asymmetric"
    SYMMETRIC = "symmetric"
    SYMMETRIC_WITH_UINT8 = "symmetric_with_uint8"
    SYMMETRIC_WITH_POWER2_SCALE = "symmetric_with_power2_scale"


def _symmetric_range(low: float, high: float, qmin: int, qmax: int) -> tuple[float, float]:
    """The range extended at the end that saturates later, so that zero falls on q = 0."""
    from_low, from_high = low / qmin, high / qmax
    if from_low > from_high:
        return low, glow.float32(from_low * qmax)
    return glow.float32(from_high * qmin), high


def _zero_point(low: float, high: float, scale: float, qmin: int, qmax: int) -> int:
    """The integer that stands for 0.0, computed from the end of the range whose error is smaller."""
    from_low, from_high = qmin - low / scale, qmax - high / scale
    low_error, high_error = abs(qmin) + abs(low / scale), abs(qmax) + abs(high / scale)
    point = from_low if low_error < high_error else from_high
    if abs(glow.float32(high + low)) <= _EPSILON:
        point = 0.0
    # C's round(): ties away from zero.
    rounded = math.copysign(math.floor(abs(point) + 0.5), point)
    return int(min(max(rounded, qmin), qmax))


def choose_params(
    low: float,
    high: float,
    schema: Schema = Schema.ASYMMETRIC,
    dtype: str = "int8",
    histogram: Sequence[float] = (),
) -> QuantParams:
    """Parameters for real values low..high (float32 values, low <= high); the range is widened to hold 0.

    histogram: counts between low and high, for KL calibration; without one, or with fewer than 255 bins, there is none.
    """
    qmin, qmax = QUANTIZED_RANGE[dtype]
    profiled = (low, high)
    low, high = min(low, 0.0), max(high, 0.0)
    if schema is Schema.SYMMETRIC_WITH_UINT8 and low < 0:
        schema = Schema.SYMMETRIC
    symmetric = schema in (Schema.SYMMETRIC, Schema.SYMMETRIC_WITH_POWER2_SCALE)
    if symmetric:
        low, high = _symmetric_range(low, high, qmin, qmax)
    if len(histogram) and profiled[0] != profiled[1] and low != high:
        low, high = calibrated_range(tuple(histogram), profiled, (low, high), symmetric)
    scale = (high - low) / (qmax - qmin) or _SCALE_OF_ZERO
    offset = _zero_point(low, high, scale, qmin, qmax)
    if schema is Schema.SYMMETRIC_WITH_POWER2_SCALE:
        scale = 2.0 ** math.ceil(math.log2(scale))
    # A range below float32's smallest scale would round to 0; the smallest normal float32 is as good as exact there.
    return QuantParams(max(glow.float32(scale), float(np.finfo(np.float32).tiny)), offset)


def specialize_bias(bias: QuantParams, inputs: QuantParams, weights: QuantParams, dtype: str) -> QuantParams:
    """The bias's parameters given those of its layer (specializeBiasQuantizationParams).

    Its scale becomes that of the accumulator unless that is finer than the bias's own range allows; an int32 bias has
    offset 0.
    """
    product = glow.multiply_float32(inputs.scale, weights.scale)
    return QuantParams(max(product, bias.scale), 0 if dtype == "int32" else bias.offset)


def specialize_channel(
    bias: QuantParams, inputs: QuantParams, weights: QuantParams, dtype: str, bias_is_zero: bool
) -> tuple[QuantParams, QuantParams]:
    """Bias and weights parameters of one channel (specializeBiasWeightsQuantizationParams).

    Where an int32 bias needs a coarser scale than the accumulator's, the weights' scale is raised to fit it.
    """
    product = glow.multiply_float32(inputs.scale, weights.scale)
    offset = 0 if dtype == "int32" else bias.offset
    if product >= bias.scale or bias_is_zero:
        return QuantParams(product, offset), weights
    if dtype != "int32":
        return QuantParams(bias.scale, offset), weights
    raised = QuantParams(glow.divide_float32(bias.scale, inputs.scale), weights.offset)
    return QuantParams(glow.multiply_float32(inputs.scale, raised.scale), offset), raised


# Of an int16 layer's bias, in steps of its sums. One weight's largest product is 2**22 of them: where a bias is larger
# than this, the weights hardly matter.
_LARGEST_BIAS = 2.0**40


def layer_params(low: float, high: float, bias: float, input_scale: float, schema: Schema) -> QuantParams:
    """Parameters of the int8 weights (float32 values low..high) of one output unit of an int16 layer: offset 0.

    They have their own range, but are never so small that the bias would leave what sums are proven to hold.
    """
    own = choose_params(low, high, schema)
    if low == high == 0:
        own = QuantParams(1.0, 0)
    least = glow.float32(abs(bias) / (input_scale * _LARGEST_BIAS))
    if schema is Schema.SYMMETRIC_WITH_POWER2_SCALE and least > own.scale:
        least = 2.0 ** math.ceil(math.log2(least))
    return QuantParams(max(own.scale, least), own.offset)
