"""Sigmoid of int16 as LiteRT computes it: from a table."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I32, U8, U32, In, Kernel, Out, Params
from tinyglow.numerics import tflite_int16


class SigmoidTflite16Params(Params):
    """``count`` elements; the multiplier and the shift to the right that take them to the table's steps."""

    count: U32
    multiplier: I32
    shift: U8


def sigmoid_tflite_s16(p: SigmoidTflite16Params, x: Array, table: Array, out: Array) -> None:
    """Definition of tg_sigmoid_tflite_s16."""
    argument = tflite_int16.scaled_argument(x, p.multiplier, p.shift)
    out[...] = tflite_int16.sigmoid(argument, table[0]).astype(np.int16)


SIGMOID_TFLITE_INT16 = Kernel(
    symbol="tg_sigmoid_tflite_s16",
    c_file="elementwise/tg_sigmoid_tflite_s16.c",
    params=SigmoidTflite16Params,
    operands=(In("input", "int16"), In("table", "uint16"), Out("output", "int16", may_alias="input")),
    reference=sigmoid_tflite_s16,
    summary="1 / (1 + e^-x) in int16, as LiteRT computes it",
)
