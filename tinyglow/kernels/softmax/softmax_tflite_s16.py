"""Softmax of int16 as LiteRT computes it: exponentials and the reciprocal of their sum from tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I8, I32, U32, In, Kernel, Out, Params
from tinyglow.ir.numbers import Number, Numbers
from tinyglow.kernels.intermediates import Ends, scaled_twice
from tinyglow.kernels.softmax.ranges import data_of, row_sum
from tinyglow.numerics import tflite, tflite_int16
from tinyglow.numerics.tflite import IntArray, Multiplier

_RANGE = 2**16 - 1
_REACH = 10.0  # e ** -10 is the least exponential that counts


class SoftMaxTflite16Params(Params):
    """``rows`` of ``columns`` elements; the multiplier takes distances from the largest to steps of 10 / 65535."""

    rows: U32
    columns: U32
    multiplier: I32
    shift: I8


def softmax_tflite_s16(p: SoftMaxTflite16Params, x: Array, powers: Array, inverses: Array, out: Array) -> None:
    """Definition of tg_softmax_tflite_s16 (reference/softmax.h, SoftmaxInt16)."""
    rows = x.reshape(-1, p.columns).astype(np.int64)
    each = _powers(p, rows - rows.max(axis=1, keepdims=True), powers[0])
    total = each.sum(axis=1, keepdims=True)
    bits = np.floor(np.log2(np.maximum(total, 1))).astype(np.int64) + 1
    shifted = ((total << (31 - bits)) + (1 << 13)) >> 14
    inverse = tflite_int16.look_up(np.clip(shifted - (1 << 15) - (1 << 16), -(2**15), 2**15 - 1), inverses[0])
    right = bits - 1
    result = (each * inverse + ((np.int64(1) << right) >> 1)) >> right
    out[...] = np.clip(result, 0, 32767).astype(np.int16).reshape(out.shape)


def _powers(p: SoftMaxTflite16Params, distance: IntArray, powers: Array) -> IntArray:
    """Powers of distances from the largest of a row."""
    scaled = tflite.scaled_twice(distance, Multiplier(p.multiplier, p.shift))
    return tflite_int16.look_up(np.clip(scaled + 32767, -(2**15), 2**15 - 1), powers)


def _numbers(p: SoftMaxTflite16Params, constants: Sequence[Array | None]) -> Numbers:
    """A distance before its product, the sum of a row's powers, and a power's product with the inverse of that."""
    ends = Ends(-_RANGE, 0, ("a row of -32768 and 32767", "a row of equal elements"))
    each = _powers(p, np.arange(-_RANGE, 1), data_of(constants, 1).reshape(-1))
    inverses = tflite_int16.look_up(np.arange(-(2**15), 2**15), data_of(constants, 2).reshape(-1))
    powers, by = (int(each.min()), int(each.max())), (int(inverses.min()), int(inverses.max()))
    total = row_sum(int(each[-1]), powers, p.columns)
    half = (1 << max(total.high.bit_length() - 1, 0)) >> 1
    products = [power * inverse for power in powers for inverse in by]
    return {
        "distance": scaled_twice(ends, p.multiplier, p.shift)[0],
        "sum": total.number(),
        "product": Number(min(products), max(products) + half),
    }


SOFTMAX_TFLITE_INT16 = Kernel(
    symbol="tg_softmax_tflite_s16",
    c_file="softmax/tg_softmax_tflite_s16.c",
    params=SoftMaxTflite16Params,
    operands=(
        In("input", "int16"),
        In("powers", "int16"),
        In("inverses", "int16"),
        Out("output", "int16", may_alias="input"),
    ),
    reference=softmax_tflite_s16,
    summary="softmax of rows in int16, as LiteRT computes it",
    turns_by_data=31,  # the bits of a sum are counted
    table_numbers_of=_numbers,
)


def power_table() -> Array:
    """int16 [513]: e ** x for x from -10 to 0, with 15 fractional bits."""
    return tflite_int16.lines(np.exp, (float(np.float32(_REACH) / np.float32(_RANGE)), 32767), (_unit(2), 0))


def inverse_table(of_micro: bool = False) -> Array:
    """int16 [513]: 1 / (1 + x) for x from 0 to 1, with 15 fractional bits.

    LiteRT computes it in float64. of_micro: as TensorFlow Lite Micro does, in float32 (softmax_common.cc), where two
    entries are others.
    """
    real: tflite_int16.Real = np.float32 if of_micro else np.float64
    return tflite_int16.lines(lambda x: 1 / (1 + x), (_unit(1), -32768), (_unit(2), 0), real)


def _unit(whole: int) -> float:
    return float(np.float32(whole) / np.float32(_RANGE))


def distance_multiplier(scale: float) -> Multiplier:
    """What takes distances from the largest input to steps of 10 / 65535. Raises ValueError for a large scale."""
    return tflite.multiplier_of(scale / (_REACH / _RANGE))
