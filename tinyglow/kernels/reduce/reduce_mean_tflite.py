"""The mean over dimensions as LiteRT's reference kernels round it."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I8, I32, Kernel
from tinyglow.ir.numbers import Numbers
from tinyglow.kernels.intermediates import scaled_twice, sum_ends
from tinyglow.kernels.reduce.loops import INT8_OPERANDS, INT16_OPERANDS, ReduceParams
from tinyglow.numerics import tflite, wide
from tinyglow.numerics.tflite import Multiplier


class ReduceMeanTfliteParams(ReduceParams):
    """Sums begin with ``start``: what the input's offset adds to them, negated."""

    start: I32
    multiplier: I32
    shift: I8
    out_offset: I8


def reduce_mean_tflite(p: ReduceMeanTfliteParams, x: Array, out: Array) -> None:
    """Definition of tg_reduce_mean_tflite_s8 and of that for int16 (reference/reduce.h, QuantizedMeanOrSum)."""
    sums = p.groups(x).sum(axis=2, dtype=np.int64) + p.start
    mean = tflite.scaled_twice(sums, Multiplier(p.multiplier, p.shift))
    limits = np.iinfo(x.dtype)
    out[...] = np.clip(mean + p.out_offset, limits.min, limits.max).astype(x.dtype)


def _numbers(p: ReduceMeanTfliteParams, dtype: str) -> Numbers:
    limits = np.iinfo(dtype)
    total = sum_ends(p.sums(int(limits.min), int(limits.max), p.start), dtype)
    return {"result": scaled_twice(total, p.multiplier, p.shift)[0]}


REDUCE_MEAN_TFLITE = Kernel(
    symbol="tg_reduce_mean_tflite_s8",
    c_file="reduce/tg_reduce_mean_tflite_s8.c",
    params=ReduceMeanTfliteParams,
    operands=INT8_OPERANDS,
    reference=reduce_mean_tflite,
    summary="mean over up to three runs of dimensions, rounded as LiteRT does",
    sums_of=lambda p: p.sums(tflite.INT8_MIN, tflite.INT8_MAX, p.start),
    numbers_of=lambda p: _numbers(p, "int8"),
)
REDUCE_MEAN_TFLITE_INT16 = REDUCE_MEAN_TFLITE.with_settings(
    "tg_reduce_mean_tflite_s16",
    {"TG_ELEMENT": "tg_i16", "TG_STORED": "tg_offset_s16", "TG_LOW": "INT16_MIN", "TG_HIGH": "INT16_MAX"},
    operands=INT16_OPERANDS,
    summary="the same in int16",
    sums_of=lambda p: p.sums(wide.INT16_MIN, wide.INT16_MAX, p.start),
    numbers_of=lambda p: _numbers(p, "int16"),
)


def mean_multiplier(scale: float, terms: int) -> Multiplier:
    """The multiplier for a ratio of scales, divided by the number of terms as LiteRT does it: cut to an integer."""
    whole = tflite.multiplier_of(scale)
    bits = min(terms.bit_length() - 1, 32, 31 + whole.shift)
    return Multiplier((whole.multiplier << bits) // terms, whole.shift - bits)
