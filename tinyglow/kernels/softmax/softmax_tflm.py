"""Softmax as CMSIS-NN computes it of int8: in fixed point, with the exponentials from a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import U32, In, Kernel, Out, Params
from tinyglow.ir.numbers import Number, Numbers
from tinyglow.kernels.softmax.ranges import data_of, row_sum
from tinyglow.numerics import gemmlowp, tflite
from tinyglow.numerics.tflite import INT8_MIN, IntArray

_SUM_BITS = 12  # integer bits of the sum of exponentials
_LEAST_EXPONENT = _SUM_BITS + 23 - 32  # of a sum without bits
MAX_COLUMNS = (1 << _SUM_BITS) - 1


class SoftMaxTflmParams(Params):
    """``rows`` of ``columns`` elements, at most ``MAX_COLUMNS``."""

    rows: U32
    columns: U32


def softmax_tflm_s8(p: SoftMaxTflmParams, x: Array, table: Array, out: Array) -> None:
    """Definition of tg_softmax_tflm_s8 (CMSIS-NN, arm_nn_softmax_common_s8.c): results are 1 / 256, about -128."""
    rows = x.reshape(-1, p.columns).astype(np.int64)
    powers = table[0].astype(np.int64)[rows.max(axis=1, keepdims=True) - rows]
    total = tflite.divide_by_power(powers, _SUM_BITS).sum(axis=1)
    headroom = 32 - _bit_length(total)
    inverse = gemmlowp.INT32.one_over_one_plus((total << headroom) - (1 << 31))
    exponent = (_SUM_BITS + 23 - headroom)[:, np.newaxis]
    steps = tflite.divide_by_power(tflite.high_product(powers, inverse[:, np.newaxis]), exponent)
    out[...] = tflite.saturate_int8(steps + INT8_MIN).reshape(out.shape)


def _numbers(p: SoftMaxTflmParams, constants: Sequence[Array | None]) -> Numbers:
    """The sum of a row; a power's product with the inverse of that, and this in steps of the result."""
    powers = data_of(constants, 1).reshape(-1).astype(np.int64)
    own, least, most = (int(power) for power in (powers[0], powers.min(), powers.max()))
    parts = [int(tflite.divide_by_power(np.array(power), _SUM_BITS)) for power in (own, least, most)]
    total = row_sum(parts[0], (parts[1], parts[2]), p.columns)
    exponent = max(total.low.bit_length() + _LEAST_EXPONENT, 0)
    product = int(tflite.high_product(np.array(most), gemmlowp.INT32.most))
    return {
        "sum": replace(total.number(), held="unsigned"),
        "product": Number(0, product),
        "steps": Number(0, int(tflite.divide_by_power(np.array(product), exponent))),
    }


def _bit_length(x: IntArray) -> IntArray:
    """Of numbers from 1 to 2**53."""
    return np.frexp(x.astype(np.float64))[1].astype(np.int64)


def exponentials(scale: float) -> Array:
    """int32 [256]: e ** (-scale * d) for distances d from the largest, as CMSIS-NN has it.

    Source: TensorFlow Lite, quantization_util.cc (PreprocessSoftmaxScaling, CalculateInputRadius), with 5 integer bits
    of the scaled distance.

    Args:
        scale: Of the input, a float32 value.

    Returns:
        The numbers with 31 fractional bits; 0 beyond the radius.

    Raises:
        ValueError: The scale is too small for a multiplier above 1.
    """
    by = tflite.multiplier_of(min(scale * (1 << 26), 2.0**30 - 1))
    if by.shift < 0:
        raise ValueError(f"scale {scale!r} is below 2**-27")
    radius = (31 << 26) >> by.shift
    distance = np.arange(256, dtype=np.int64)
    scaled = tflite.high_product(-np.minimum(distance, radius) << by.shift, by.multiplier)
    return np.where(distance <= radius, gemmlowp.INT32.exp_of_negative(scaled, 5), 0).astype(np.int32)


SOFTMAX_TFLM = Kernel(
    symbol="tg_softmax_tflm_s8",
    c_file="softmax/tg_softmax_tflm_s8.c",
    params=SoftMaxTflmParams,
    operands=(In("input", "int8"), In("table", "int32"), Out("output", "int8", may_alias="input")),
    reference=softmax_tflm_s8,
    summary="softmax of rows, as CMSIS-NN computes it",
    turns_by_data=32,  # a sum is shifted until its first bit is 1
    table_numbers_of=_numbers,
)
