"""Sigmoid of int16 as LiteRT computes it: from a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I32, U8, U32, In, Kernel, Out, Params
from tinyglow.ir.numbers import Number, Numbers
from tinyglow.numerics import tflite_int16
from tinyglow.numerics.tflite import IntArray

_INT16_MIN, _INT16_MAX = -(2**15), 2**15 - 1


class SigmoidTflite16Params(Params):
    """``count`` elements; the multiplier and the shift to the right that take them to the table's steps."""

    count: U32
    multiplier: I32
    shift: U8


def sigmoid_tflite_s16(p: SigmoidTflite16Params, x: Array, table: Array, out: Array) -> None:
    """Definition of tg_sigmoid_tflite_s16."""
    argument = tflite_int16.scaled_argument(x, p.multiplier, p.shift)
    out[...] = tflite_int16.sigmoid(argument, table[0]).astype(np.int16)


Interpolated = Callable[[IntArray, Array], IntArray]


def table_numbers(arguments: IntArray, table: Array, function: Interpolated, bits: int) -> Numbers:
    """Of every argument: the number between two entries with ``bits`` more bits, and the result before it is cut."""
    size = np.abs(arguments)
    found = function(arguments, table), tflite_int16.between(size, table, bits)
    result, line = (Number(int(array.min()), int(array.max())) for array in found)
    return {"line": line, "result": replace(result, bits=16)}


def numbers_by(
    p: SigmoidTflite16Params, constants: Sequence[Array | None], function: Interpolated, bits: int
) -> Numbers:
    """All of a kernel with the sigmoid's table: the product with its half for rounding, besides."""
    assert constants[1] is not None
    half, ends = (1 << p.shift) >> 1, (_INT16_MIN * p.multiplier, _INT16_MAX * p.multiplier)
    at = ("-32768 of its input", "32767 of its input")
    arguments = tflite_int16.scaled_argument(np.arange(_INT16_MIN, _INT16_MAX + 1), p.multiplier, p.shift)
    table = constants[1].reshape(-1)
    return {
        "argument": Number(min(ends) + half, max(ends) + half, at=at),
        **table_numbers(arguments, table, function, bits),
    }


SIGMOID_TFLITE_INT16 = Kernel(
    symbol="tg_sigmoid_tflite_s16",
    c_file="elementwise/tg_sigmoid_tflite_s16.c",
    params=SigmoidTflite16Params,
    operands=(In("input", "int16"), In("table", "uint16"), Out("output", "int16", may_alias="input")),
    reference=sigmoid_tflite_s16,
    summary="1 / (1 + e^-x) in int16, as LiteRT computes it",
    table_numbers_of=lambda p, constants: numbers_by(p, constants, tflite_int16.sigmoid, tflite_int16.SIGMOID_BITS),
)
