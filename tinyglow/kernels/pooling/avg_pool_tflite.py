"""The mean over windows as LiteRT's reference kernels round it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I8, In, Kernel, Out
from tinyglow.kernels.pooling.avg_pool import window_range
from tinyglow.kernels.pooling.geometry import PoolGeometry
from tinyglow.numerics import tflite


@dataclass(frozen=True)
class AvgPoolTfliteParams(PoolGeometry):
    """Sizes in elements, and the bounds of the output. Input and output have the same parameters."""

    act_min: I8
    act_max: I8


def avg_pool_tflite_s8(p: AvgPoolTfliteParams, x: Array, out: Array) -> None:
    """Definition of tg_avg_pool_tflite_s8 (reference/integer_ops/pooling.h): of the integers as they are stored."""
    sums, taps = p.reduced(x.astype(np.int64), np.add, 0), p.taps_inside()
    mean = np.where(taps > 0, tflite.divide_rounded(sums, np.maximum(taps, 1).astype(np.int64)), 0)
    out[...] = tflite.saturate_int8(mean, p.act_min, p.act_max).reshape(out.shape)


AVG_POOL_TFLITE = Kernel(
    symbol="tg_avg_pool_tflite_s8",
    c_file="pooling/tg_avg_pool_tflite_s8.c",
    params=AvgPoolTfliteParams,
    operands=(In("input", "int8"), Out("output", "int8")),
    reference=avg_pool_tflite_s8,
    summary="mean over windows, rounded as LiteRT does",
    sums_of=lambda p: window_range(p, 0),
)
