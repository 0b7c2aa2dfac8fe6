"""Tanh of int16 as LiteRT computes it: from the table of the sigmoid."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.kernels.elementwise.sigmoid_tflite_s16 import SIGMOID_TFLITE_INT16, SigmoidTflite16Params, numbers_by
from tinyglow.numerics import tflite_int16


def tanh_tflite_s16(p: SigmoidTflite16Params, x: Array, table: Array, out: Array) -> None:
    """Definition of tg_tanh_tflite_s16."""
    argument = tflite_int16.scaled_argument(x, p.multiplier, p.shift)
    out[...] = tflite_int16.tanh(argument, table[0]).astype(np.int16)


TANH_TFLITE_INT16 = SIGMOID_TFLITE_INT16.with_settings(
    "tg_tanh_tflite_s16",
    {"TG_FUNCTION": "tg_tanh_s16"},
    reference=tanh_tflite_s16,
    summary="tanh in int16, as LiteRT computes it",
    table_numbers_of=lambda p, constants: numbers_by(p, constants, tflite_int16.tanh, tflite_int16.TANH_BITS),
)
