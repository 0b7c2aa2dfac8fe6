"""The mean over dimensions as onnxruntime rounds it."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I32, Kernel
from tinyglow.kernels.intermediates import sum_ends
from tinyglow.kernels.reduce.loops import INT8_OPERANDS, ReduceParams
from tinyglow.numerics import glow
from tinyglow.numerics.epilogues.onnx import ONNX
from tinyglow.numerics.epilogues.onnxi import ONNXI, SUM_BITS


class ReduceMeanOnnxParams(ReduceParams):
    """Sums begin with ``start``: what the input's offset adds, negated. ``out`` holds the number of elements."""

    start: I32
    out: glow.Requant


def _sums(p: ReduceMeanOnnxParams, x: Array) -> Array:
    return (p.groups(x).sum(axis=2, dtype=np.int64) + p.start).astype(np.int32)


def reduce_mean_onnx_s8(p: ReduceMeanOnnxParams, x: Array, out: Array) -> None:
    """Definition of tg_reduce_mean_onnx_s8: the sum, by the ``onnxi`` epilogue."""
    out[...] = glow.saturate_int8(ONNXI.requantize(_sums(p, x), p.out))


def reduce_mean_onnx_float_s8(p: ReduceMeanOnnxParams, x: Array, out: Array) -> None:
    """Definition of tg_reduce_mean_onnx_float_s8: the sum, by the ``onnx`` epilogue."""
    out[...] = glow.saturate_int8(ONNX.requantize(_sums(p, x), p.out))


REDUCE_MEAN_ONNX = Kernel(
    symbol="tg_reduce_mean_onnx_s8",
    c_file="reduce/tg_reduce_mean_onnx_s8.c",
    params=ReduceMeanOnnxParams,
    operands=INT8_OPERANDS,
    reference=reduce_mean_onnx_s8,
    summary="mean over up to three runs of dimensions, rounded as onnxruntime does",
    sums_of=lambda p: p.sums(glow.INT8_MIN, glow.INT8_MAX, p.start),
    numbers_of=lambda p: {"sum": sum_ends(p.sums(glow.INT8_MIN, glow.INT8_MAX, p.start), "int8").number(SUM_BITS)},
)
REDUCE_MEAN_ONNX_FLOAT = REDUCE_MEAN_ONNX.with_settings(
    "tg_reduce_mean_onnx_float_s8",
    {"TG_REQUANTIZED": "tg_epilogue_onnx"},
    reference=reduce_mean_onnx_float_s8,
    summary="the same by a float, for means of few elements",
    numbers_of=lambda p: {"sum": sum_ends(p.sums(glow.INT8_MIN, glow.INT8_MAX, p.start), "int8").number()},
)
