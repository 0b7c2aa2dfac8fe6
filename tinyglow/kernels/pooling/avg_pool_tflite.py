"""The mean over windows as LiteRT's reference kernels round it."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I16, In, Kernel, Out
from tinyglow.kernels.intermediates import sum_ends
from tinyglow.kernels.pooling.avg_pool import halved, window_range
from tinyglow.kernels.pooling.geometry import PoolGeometry
from tinyglow.numerics import tflite, wide


class AvgPoolTfliteParams(PoolGeometry):
    """Sizes in elements, and the bounds of the output. Input and output have the same parameters."""

    act_min: I16
    act_max: I16


def avg_pool_tflite(p: AvgPoolTfliteParams, x: Array, out: Array) -> None:
    """Definition of tg_avg_pool_tflite_s8 and _s16 (integer_ops/pooling.h): of the integers as they are stored."""
    sums, taps = p.reduced(x.astype(np.int64), np.add, 0), p.taps_inside()
    mean = np.where(taps > 0, tflite.divide_rounded(sums, np.maximum(taps, 1).astype(np.int64)), 0)
    out[...] = np.clip(mean, p.act_min, p.act_max).astype(x.dtype).reshape(out.shape)


def avg_pool_tflite_ties_up(p: AvgPoolTfliteParams, x: Array, out: Array) -> None:
    """Definition of tg_avg_pool_tflite_ties_up_s8: as LiteRT rounds uint8, of integers that are 128 less."""
    sums, taps = p.reduced(x.astype(np.int64), np.add, 0), p.taps_inside().astype(np.int64)
    mean = np.where(taps > 0, (sums + taps // 2) // np.maximum(taps, 1), 0)
    out[...] = np.clip(mean, p.act_min, p.act_max).astype(x.dtype).reshape(out.shape)


def _taps(p: AvgPoolTfliteParams) -> int:
    return p.kernel_h * p.kernel_w


def _range_s16(p: AvgPoolTfliteParams) -> tuple[int, int]:
    return _taps(p) * wide.INT16_MIN, _taps(p) * wide.INT16_MAX


AVG_POOL_TFLITE = Kernel(
    symbol="tg_avg_pool_tflite_s8",
    c_file="pooling/tg_avg_pool_tflite_s8.c",
    params=AvgPoolTfliteParams,
    operands=(In("input", "int8"), Out("output", "int8")),
    reference=avg_pool_tflite,
    summary="mean over windows, rounded as LiteRT does",
    sums_of=lambda p: window_range(p, 0),
    numbers_of=lambda p: {"dividend": halved(sum_ends(window_range(p, 0), "int8"), _taps(p))},
)
AVG_POOL_TFLITE_TIES_UP = AVG_POOL_TFLITE.with_settings(
    "tg_avg_pool_tflite_ties_up_s8",
    {"TG_TIES_UP": "1"},
    reference=avg_pool_tflite_ties_up,
    summary="mean over windows, rounded as LiteRT does of uint8",
)
AVG_POOL_TFLITE_INT16 = AVG_POOL_TFLITE.with_settings(
    "tg_avg_pool_tflite_s16",
    {"TG_ELEMENT": "tg_i16", "TG_CLAMPED": "tg_clamp_s16", "TG_BYTES": "0"},
    operands=(In("input", "int16"), Out("output", "int16")),
    summary="the same in int16",
    sums_of=_range_s16,
    numbers_of=lambda p: {"dividend": halved(sum_ends(_range_s16(p), "int16"), _taps(p))},
)
