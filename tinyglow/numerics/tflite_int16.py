"""Functions of int16 as LiteRT's reference kernels compute them: from tables, with straight lines between entries."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tinyglow.numerics import tflite
from tinyglow.numerics.tflite import IntArray

FloatFunction = Callable[[npt.NDArray[np.floating]], npt.NDArray[np.floating]]
Real = type[np.float32] | type[np.float64]

_STEP = 1 / 24  # of the sigmoid table's arguments
_PIECES = 512
SIGMOID_BITS, TANH_BITS = 9, 8  # of an argument between two entries
MOST = {SIGMOID_BITS: 0xFFFE, TANH_BITS: 0xFFFF}  # where the table ends
_INT16_MIN, _INT16_MAX = -(2**15), 2**15 - 1


def sigmoid_table() -> npt.NDArray[np.uint16]:
    """uint16 [256]: 2**16 / (1 + e ** -(i / 24)), raised by half of what a line lacks between two entries.

    A line of length h is h**2 / 8 * |f''| below a concave f at most (common.h, sigmoid_table_uint16).
    """
    x = np.arange(256) * _STEP
    value = 1 / (1 + np.exp(-x))
    bend = value * (1 - value) * (1 - 2 * value)
    table = np.floor(2.0**16 * (value - _STEP**2 / 16 * bend) + 0.5)
    table[-1] = 2**16 - 1
    return table.astype(np.uint16)


def argument_scale(scale: float, most_shift: int) -> tuple[int, int]:
    """Multiplier and shift to the right that take inputs to steps of 1 / (3 * 4096) (activations.cc, TanhPrepare).

    Args:
        scale: Of the inputs.
        most_shift: Inputs in steps of 2 ** (shift - 12) for shift from 0 up to this need no rounding.

    Returns:
        The multiplier, of 15 bits, and the shift.

    Raises:
        ValueError: The scale is too large or too small.
    """
    log = math.log2(scale)
    if abs(log - round(log)) < 1e-3 and 0 <= round(log) + 12 <= most_shift:
        return 3 << (round(log) + 12), 0
    multiplier, shift = scale * 4096.0 * 3.0, 0
    while multiplier <= 32767 / 2 and shift <= 30:
        multiplier, shift = 2 * multiplier, shift + 1
    if multiplier >= 2**15 or shift > 30:
        raise ValueError(f"inputs in steps of {scale:g} for a table of int16")
    return int(multiplier), shift


def scaled_argument(x: IntArray, multiplier: int, shift: int) -> IntArray:
    """Inputs in steps of the table."""
    half = (1 << shift) >> 1
    result: IntArray = (x.astype(np.int64) * multiplier + half) >> shift
    return result


def between(size: IntArray, table: npt.NDArray[np.uint16], bits: int) -> IntArray:
    """Entries with ``bits`` more bits, between which lines go, of arguments without their sign; ``MOST`` beyond."""
    entries = table.astype(np.int64)
    place = np.minimum(size >> bits, 254)
    rest = size & ((1 << bits) - 1)
    line = (entries[place] << bits) + rest * (entries[place + 1] - entries[place])
    result: IntArray = np.where(size >> bits >= 255, MOST[bits] << bits, line)
    return result


def sigmoid(argument: IntArray, table: npt.NDArray[np.uint16]) -> IntArray:
    """1 / (1 + e ** -x) with 15 fractional bits, of arguments in the table's steps (reference/logistic.h)."""
    value = between(np.abs(argument), table, SIGMOID_BITS)
    result: IntArray = np.where(argument >= 0, value + 512, (1 << 25) - value + 511) >> 10
    return result


def tanh(argument: IntArray, table: npt.NDArray[np.uint16]) -> IntArray:
    """The tangens hyperbolicus with 15 fractional bits (reference/tanh.h): twice the sigmoid of twice x, less 1."""
    value = between(np.abs(argument), table, TANH_BITS)
    result: IntArray = np.where(argument >= 0, value - (1 << 23) + 128, -value + (1 << 23) + 127) >> 8
    return result


def lines(
    function: FloatFunction, source: tuple[float, int], result: tuple[float, int], real: Real = np.float32
) -> npt.NDArray[np.int16]:
    """int16 [513]: a function at the ends of pieces of 128 inputs, shifted to halve the error in their middle.

    common.h, LUTPopulateInt16. source, result: scale and zero point. real: the type of all numbers on the way.
    """
    low, high = (real(source[0]) * real(end - source[1]) for end in (_INT16_MIN, _INT16_MAX))
    out_low, out_high = (real(result[0]) * real(end - result[1]) for end in (_INT16_MIN, _INT16_MAX))
    step = (high - low) / real(_PIECES)
    inverse = real(2**16) / (out_high - out_low)
    places = np.arange(_PIECES + 1, dtype=real)
    value = function(low + places * step).astype(real)
    middle = function(low + places[:-1] * step + step / real(2)).astype(real)
    steps = tflite.round_away(value * inverse)
    straight = tflite.round_away((value[1:] * inverse + steps[:-1]) / real(2))
    bias = tflite.round_away((straight - tflite.round_away(middle * inverse)) / real(2))
    end = tflite.round_away(function(np.array([high], real)).astype(real) * inverse)
    table = np.concatenate([steps[:-1] - bias, end])
    return np.clip(table, _INT16_MIN, _INT16_MAX).astype(np.int16)


def look_up(x: IntArray, table: npt.NDArray[np.int16]) -> IntArray:
    """Values of ``lines`` for int16 numbers (common.h, LUTLookup)."""
    place, ends = x + 2**15, table.astype(np.int64)
    piece, rest = place >> 7, place & 127
    result: IntArray = ends[piece] + (((ends[piece + 1] - ends[piece]) * rest + 64) >> 7)
    return result
