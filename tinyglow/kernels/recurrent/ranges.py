"""Ranges of the numbers inside of layers with a memory, by their weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.numbers import Number, Numbers
from tinyglow.kernels.elementwise.sigmoid_tflite_s16 import table_numbers
from tinyglow.kernels.intermediates import Ends, scaled_twice
from tinyglow.numerics import gemmlowp, tflite_int16
from tinyglow.numerics.tflite import IntArray

_INT8, _INT16 = (-128, 127), (-(2**15), 2**15 - 1)
_AT = ("inputs at the ends of their type", "inputs at the ends of their type")
Function = Callable[[IntArray], IntArray]


def joined(numbers: Sequence[Number]) -> Number:
    """One range of several numbers of the same type."""
    return replace(numbers[0], low=min(one.low for one in numbers), high=max(one.high for one in numbers))


def row_sums(weights: Array, bias: Array, inputs: tuple[int, int]) -> Ends:
    """The sums of all rows of ``weights`` [rows, terms] with inputs of a range."""
    wide, start = weights.astype(np.int64), bias.astype(np.int64).reshape(-1)
    positive, negative = np.maximum(wide, 0).sum(axis=1), np.minimum(wide, 0).sum(axis=1)
    low, high = start + positive * inputs[0] + negative * inputs[1], start + positive * inputs[1] + negative * inputs[0]
    return Ends(int(low.min()), int(high.max()), _AT)


def scaled(x: Ends, multiplier: int, shift: int) -> tuple[Number, Ends]:
    """LiteRT's product of 32 bits: what is shifted to the left before it, and the result."""
    held = x if x.number().fits else Ends(-(2**31), 2**31 - 1, x.at)
    return scaled_twice(held, multiplier, shift)


def wrapping(x: Ends, is_refused: bool = True) -> Number:
    """A sum that C makes of unsigned numbers."""
    return replace(x.number(), may_wrap=True, is_refused=is_refused)


def bounded(x: Ends, limits: tuple[int, int]) -> Ends:
    """Clipped."""
    return replace(x, low=min(max(x.low, limits[0]), limits[1]), high=min(max(x.high, limits[0]), limits[1]))


class _Watched(gemmlowp.FixedPoint):
    """gemmlowp's functions of int16; ``seen`` has the ends of all products and shifted numbers, before they are cut."""

    def __init__(self) -> None:
        super().__init__(16)
        self.seen: list[int]
        object.__setattr__(self, "seen", [])  # the class is frozen

    def high_product(self, a: IntArray, b: IntArray | int) -> IntArray:
        product = np.asarray(a, np.int64) * b
        nudge = 1 << (self.bits - 2)
        self._see(product + np.where(product >= 0, nudge, 1 - nudge))
        return super().high_product(a, b)

    def left(self, x: IntArray, exponent: int) -> IntArray:
        self._see(x << exponent)
        return super().left(x, exponent)

    def _see(self, x: IntArray) -> None:
        self.seen += [int(x.min()), int(x.max())]


@cache
def fixed_point_function(name: str, integer_bits: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """The ends of what gemmlowp's "logistic" or "tanh" computes on the way, and of its results, of all int16."""
    watched = _Watched()
    results = getattr(watched, name)(np.arange(_INT16[0], _INT16[1] + 1), integer_bits)
    return (min(watched.seen), max(watched.seen)), (int(results.min()), int(results.max()))


def table_function(name: str, arguments: IntArray, argument: Number, table: Array) -> tuple[Numbers, Ends]:
    """The same of the sigmoid's table: its numbers and the ends of its results."""
    function, bits = (
        (tflite_int16.tanh, tflite_int16.TANH_BITS)
        if name == "tanh"
        else (tflite_int16.sigmoid, tflite_int16.SIGMOID_BITS)
    )
    found = table_numbers(arguments, table.reshape(-1), function, bits)
    return {"argument": argument, "line": found["line"]}, Ends(found["result"].low, found["result"].high, _AT)


def svdf_numbers(p: Any, constants: Sequence[Array | None], state: str) -> Numbers:
    """A feature's sum and a unit's, which wrap as LiteRT's do; each before its product; and the terms of the last."""
    features, times, bias = (np.asarray(constants[place]) for place in (2, 3, 4))
    limits, filters = np.iinfo(state), p.units * p.rank
    sums = row_sums(features.reshape(filters, -1), np.zeros(filters), (_INT8[0] - p.in_offset, _INT8[1] - p.in_offset))
    inside, _ = scaled(sums, p.multiplier, p.shift)
    past = (int(limits.min) - p.state_offset, int(limits.max) - p.state_offset)
    own = times.astype(np.int64)
    terms = Ends(*past, _AT).times(Ends(int(own.min()), int(own.max()), _AT))
    totals = row_sums(own.reshape(p.units, -1), bias, past)
    out, _ = scaled(totals, p.out_multiplier, p.out_shift)
    return {
        "feature": wrapping(sums, is_refused=False),
        "input": replace(inside, is_refused=False),
        "term": replace(terms.number(), at=_AT),
        "total": wrapping(totals, is_refused=False),
        "result": replace(out, is_refused=False),
    }
