"""Softmax of int8 as onnxruntime's QLinearSoftmax computes it: with floats from a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import F32, I8, U32, In, Kernel, Out, Params
from tinyglow.ir.numbers import Number, Numbers
from tinyglow.kernels.softmax.ranges import data_of, float_sum
from tinyglow.numerics.libm import log_float32

_FAR = 512  # beyond int8 for each offset
_LOG_ROOM = 5.0  # of a sum of the largest entries, below float32's largest number (qlinear_softmax.cc)


class SoftMaxOnnxParams(Params):
    """``rows`` of ``columns`` elements; so many whole steps of the result are 1, and its offset."""

    rows: U32
    columns: U32
    steps_of_one: F32
    offset: I8


def softmax_onnx_s8(p: SoftMaxOnnxParams, x: Array, table: Array, out: Array) -> None:
    """Definition of tg_softmax_onnx_s8: e ** (x - largest) added up in order; each over the sum, times the steps."""
    rows = x.reshape(-1, p.columns).astype(np.int64)
    powers = table[0][rows.max(axis=1, keepdims=True) - rows]
    total = np.zeros(len(rows), np.float32)
    for column in range(p.columns):
        total = total + powers[:, column]
    shares = np.minimum(powers / total[:, np.newaxis] * np.float32(p.steps_of_one), np.float32(_FAR))
    out[...] = np.clip(np.rint(shares).astype(np.int64) + p.offset, -128, 127).reshape(out.shape)


def _numbers(p: SoftMaxOnnxParams, constants: Sequence[Array | None]) -> Numbers:
    """The sum of a row, in float, and the result as a whole number."""
    return {"sum": float_sum(data_of(constants, 1), p.columns), "result": Number(p.offset, _FAR + p.offset)}


def power_table(scale: float, columns: int) -> Array:
    """float32 [256]: e ** (-scale * d) for distances d from the largest of a row, times one large factor.

    onnxruntime raises all exponents by one number, so that a row's sum comes near to the largest float32
    (onnxruntime/contrib_ops/cpu/quantization/qlinear_softmax.cc, QlinearBuildLookupTableUint32). The logarithm is that
    of float32: it decides what the entries are rounded to.
    """
    step = float(np.float32(scale))
    largest = np.array([np.finfo(np.float32).max / np.float32(columns)], np.float32)
    shift = max(0.0, float(log_float32(largest)[0]) - _LOG_ROOM) / step
    return np.exp((shift - np.arange(256.0)) * step).astype(np.float32)


def whole_steps(scale: float) -> float:
    """How many steps of the result onnxruntime takes for 1: rounded down to a whole number."""
    return float(np.floor(np.float32(1) / np.float32(scale)))


SOFTMAX_ONNX = Kernel(
    symbol="tg_softmax_onnx_s8",
    c_file="softmax/tg_softmax_onnx_s8.c",
    params=SoftMaxOnnxParams,
    operands=(In("input", "int8"), In("table", "float32"), Out("output", "int8", may_alias="input")),
    reference=softmax_onnx_s8,
    summary="softmax of rows, as onnxruntime computes it",
    table_numbers_of=_numbers,
)
