"""The mean over dimensions as LiteRT's reference kernels round it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I8, I32, Kernel
from tinyglow.kernels.reduce.loops import INT8_OPERANDS, ReduceParams
from tinyglow.numerics import tflite
from tinyglow.numerics.tflite import Multiplier


@dataclass(frozen=True)
class ReduceMeanTfliteParams(ReduceParams):
    """Sums begin with ``start``: what the input's offset adds to them, negated."""

    start: I32
    multiplier: I32
    shift: I8
    out_offset: I8


def reduce_mean_tflite_s8(p: ReduceMeanTfliteParams, x: Array, out: Array) -> None:
    """Definition of tg_reduce_mean_tflite_s8 (reference/reduce.h, QuantizedMeanOrSum)."""
    sums = p.groups(x).sum(axis=2, dtype=np.int64) + p.start
    mean = tflite.scaled_twice(sums, Multiplier(p.multiplier, p.shift))
    out[...] = tflite.saturate_int8(mean + p.out_offset)


REDUCE_MEAN_TFLITE = Kernel(
    symbol="tg_reduce_mean_tflite_s8",
    c_file="reduce/tg_reduce_mean_tflite_s8.c",
    params=ReduceMeanTfliteParams,
    operands=INT8_OPERANDS,
    reference=reduce_mean_tflite_s8,
    summary="mean over up to three runs of dimensions, rounded as LiteRT does",
    sums_of=lambda p: p.sums(tflite.INT8_MIN, tflite.INT8_MAX, p.start),
)


def mean_multiplier(scale: float, terms: int) -> Multiplier:
    """The multiplier for a ratio of scales, divided by the number of terms as LiteRT does it: cut to an integer."""
    whole = tflite.multiplier_of(scale)
    bits = min(terms.bit_length() - 1, 32, 31 + whole.shift)
    return Multiplier((whole.multiplier << bits) // terms, whole.shift - bits)
