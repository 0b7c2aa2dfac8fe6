"""Softmax as LiteRT computes it of int8: with floats from a table (optimized_ops.h, Softmax with a lookup table)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import F32, I8, U32, In, Kernel, Out, Params
from tinyglow.ir.numbers import Number, Numbers
from tinyglow.kernels.softmax.ranges import data_of, float_sum
from tinyglow.numerics import tflite

_FAR = 65536  # beyond int8 for each offset


class SoftMaxTfliteParams(Params):
    """``rows`` of ``columns`` elements; scale and offset of the result."""

    rows: U32
    columns: U32
    scale: F32
    offset: I8


def softmax_tflite_s8(p: SoftMaxTfliteParams, x: Array, table: Array, out: Array) -> None:
    """Definition of tg_softmax_tflite_s8: e ** (x - largest) added up in order, each over the sum."""
    rows = x.reshape(-1, p.columns).astype(np.int64)
    powers = table[0][rows.max(axis=1, keepdims=True) - rows]
    total = np.zeros(len(rows), np.float32)
    for column in range(p.columns):
        total = total + powers[:, column]
    inverse = np.float32(1) / (total * np.float32(p.scale))
    raised = powers * inverse[:, np.newaxis] + np.float32(0.5)
    whole = np.minimum(raised, np.float32(_FAR)).astype(np.int64)
    out[...] = tflite.saturate_int8(whole + p.offset).reshape(out.shape)


def _numbers(p: SoftMaxTfliteParams, constants: Sequence[Array | None]) -> Numbers:
    """The sum of a row, in float, and the result as a whole number."""
    return {"sum": float_sum(data_of(constants, 1), p.columns), "result": Number(p.offset, _FAR + p.offset)}


def distance_table(scale: float) -> Array:
    """float32 [256]: e ** (-scale * d) for distances d from the largest (PopulateSoftmaxLookupTable)."""
    exponents = -np.float32(scale) * np.arange(256, dtype=np.float32)
    return np.exp(exponents.astype(np.float64)).astype(np.float32)


SOFTMAX_TFLITE = Kernel(
    symbol="tg_softmax_tflite_s8",
    c_file="softmax/tg_softmax_tflite_s8.c",
    params=SoftMaxTfliteParams,
    operands=(In("input", "int8"), In("table", "float32"), Out("output", "int8", may_alias="input")),
    reference=softmax_tflite_s8,
    summary="softmax of rows, as LiteRT computes it",
    table_numbers_of=_numbers,
)
