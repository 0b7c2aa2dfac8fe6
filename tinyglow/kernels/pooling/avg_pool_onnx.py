"""The mean over windows of int8 as onnxruntime's QLinearAveragePool computes it: in float, row by row.

C computes it in integers wherever they decide the result: everywhere but next to half way between two integers, where
float's roundings do.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import F32, I8, I32, U8, In, Kernel, Out
from tinyglow.ir.numbers import Numbers
from tinyglow.kernels.intermediates import int8_ends
from tinyglow.kernels.pooling.avg_pool import window_range
from tinyglow.kernels.pooling.geometry import PoolGeometry
from tinyglow.numerics import glow

_FAR = np.float32(1024)  # beyond int8 and uint8, and within int32


class AvgPoolOnnxParams(PoolGeometry):
    """Sizes in elements.

    Attributes:
        count_pads: Whether a sum is divided by the window's area, or by the taps inside the image.
        raised: How much larger the model's integers are than these: 128 where they are uint8.
        multiplier: in_scale over scale, times 2**fraction_bits, rounded; 0 where C computes all in float.
        fraction_bits: See there.
        near: How far the integers' mean may be from the float one, in steps of 2**-fraction_bits.
    """

    count_pads: U8
    in_offset: I8
    out_offset: I8
    raised: U8
    in_scale: F32
    scale: F32
    multiplier: I32
    fraction_bits: U8
    near: I32


_MOST_BITS = 23
_LEAST_BITS = 12
_LEAST_SCALE = 2.0**-100  # of ordinary ones: no product or sum of theirs is subnormal or overflows
_HALF_BIT = 2.0**-24  # of a float32, beside its value


def in_integers(in_scale: float, scale: float, area: int) -> dict[str, Any]:
    """The fields multiplier, fraction_bits and near for windows of ``area`` taps.

    Of a window with n taps, each product is rounded once, and a sum of them n - 1 times; all are below 255 * n times
    the input's scale. The mean is rounded twice, and once more with the offset added.
    """
    ordinary = all(_LEAST_SCALE < value < 1 / _LEAST_SCALE for value in (in_scale, scale))
    ratio = in_scale / scale
    largest = 255.0 * ratio
    for bits in range(_MOST_BITS, _LEAST_BITS, -1) if ordinary and area < 1 << 14 else ():
        rounding = 1.01 * _HALF_BIT * ((area + 3) * largest + 256)
        # C divides the multiplier by the taps, rounded down: it is off by less than 1 1/2 for each of the sum's steps.
        near = math.ceil(rounding * 2.0**bits + 1.5 * 255 * area) + 1
        fits = (largest + 1 + 128 + 1) * 2.0**bits + near < glow.INT32_MAX
        if fits and near * 8 < 1 << bits:
            return {"multiplier": round(ratio * 2.0**bits), "fraction_bits": bits, "near": near}
    return {"multiplier": 0, "fraction_bits": 8, "near": 128}


def avg_pool_onnx_s8(p: AvgPoolOnnxParams, x: Array, out: Array) -> None:
    """Definition of tg_avg_pool_onnx_s8 (onnxruntime/contrib_ops/cpu/quantization/qlinear_pool.cc).

    The taps of a window are added up row by row. The mean over the scale is rounded together with the offset of the
    model's integers: a float32 near 200 has fewer bits below 1 than one near 72, and ties go to even sums.
    """
    real = (p.image(x).astype(np.int32) - p.in_offset).astype(np.float32) * np.float32(p.in_scale)
    window = p.window()
    top, left, bottom, right = window.pads
    padded = np.pad(real, ((0, 0), (top, bottom), (left, right), (0, 0)))
    total = np.zeros((len(real), p.out_h, p.out_w, p.channels), np.float32)
    for row, column in np.ndindex(p.kernel_h, p.kernel_w):
        rows = slice(row, row + (p.out_h - 1) * p.stride_h + 1, p.stride_h)
        columns = slice(column, column + (p.out_w - 1) * p.stride_w + 1, p.stride_w)
        total = total + padded[:, rows, columns]
    area = np.int32(p.kernel_h * p.kernel_w) if p.count_pads else np.maximum(p.taps_inside(), 1)
    steps = total / area.astype(np.float32) / np.float32(p.scale) + np.float32(p.out_offset + p.raised)
    whole = np.rint(np.clip(steps, -_FAR, _FAR)).astype(np.int64) - p.raised
    out[...] = np.clip(whole, -128, 127).reshape(out.shape)


def _numbers(p: AvgPoolOnnxParams) -> Numbers:
    """The mean before its shift: a sum of n taps is multiplied by the n-th part of the multiplier, or less."""
    start = (p.out_offset << p.fraction_bits) + (1 << p.fraction_bits >> 1) + p.near
    x = int8_ends("input", p.in_offset)
    mean = x.made(x.low * p.multiplier, x.high * p.multiplier)
    return {"result": mean.made(mean.low + start, mean.high + start).number()}


AVG_POOL_ONNX = Kernel(
    symbol="tg_avg_pool_onnx_s8",
    c_file="pooling/tg_avg_pool_onnx_s8.c",
    params=AvgPoolOnnxParams,
    operands=(In("input", "int8"), Out("output", "int8")),
    reference=avg_pool_onnx_s8,
    summary="mean over windows, as onnxruntime computes it",
    sums_of=lambda p: window_range(p, p.in_offset),
    numbers_of=_numbers,
)
