"""The kernel that adds two tensors by one linear formula, and the search for a formula that equals another sum.

Runtimes round a sum of two int8 several times. A sum has 65,536 pairs of operands: where one linear function with one
shift gives the same result for every pair, it is that sum, to the bit, and takes two multiplications.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I32, U8, Kernel
from tinyglow.ir.numbers import Numbers
from tinyglow.ir.record import Record
from tinyglow.kernels.elementwise.broadcast import INT8_OPERANDS, BroadcastParams
from tinyglow.kernels.intermediates import int8_ends
from tinyglow.numerics import glow

_FAR = 1 << 40
_NEAR = 6  # multipliers that are tried to either side of the nearest


class LinearSumParams(BroadcastParams):
    """The multipliers of both operands, what is added to the products, and the shift to the right after that."""

    input_multiplier: I32
    other_multiplier: I32
    start: I32
    shift: U8


class LinearSum(Record):
    """saturate((x * multipliers[0] + y * multipliers[1] + start) >> shift), in 32 bits."""

    multipliers: tuple[int, int]
    start: int
    shift: int

    def params(self, loops: dict[str, int]) -> LinearSumParams:
        """As the kernel takes it."""
        first, second = self.multipliers
        return LinearSumParams(
            **loops, input_multiplier=first, other_multiplier=second, start=self.start, shift=self.shift
        )


def add_linear_s8(p: LinearSumParams, x: Array, other: Array, out: Array) -> None:
    """Definition of tg_add_linear_s8."""
    products = x.astype(np.int64) * p.input_multiplier + p.spread(other).astype(np.int64) * p.other_multiplier
    out[...] = np.clip((products + p.start) >> p.shift, glow.INT8_MIN, glow.INT8_MAX).astype(np.int8)


def _numbers(p: LinearSumParams) -> Numbers:
    """What the products are, and their sum, with and without what is added: all of these fit."""
    x, y = int8_ends("input"), int8_ends("other")
    a = x.made(x.low * p.input_multiplier, x.high * p.input_multiplier)
    b = y.made(y.low * p.other_multiplier, y.high * p.other_multiplier)
    total = a.plus(b)
    return {"products": total.number(), "result": total.made(total.low + p.start, total.high + p.start).number()}


ADD_LINEAR = Kernel(
    symbol="tg_add_linear_s8",
    c_file="elementwise/tg_add_linear_s8.c",
    params=LinearSumParams,
    operands=INT8_OPERANDS,
    reference=add_linear_s8,
    numbers_of=_numbers,
    summary="sum or difference of two tensors, by one linear formula that equals another one's rounding",
)


def equal_sum(results: Array, slopes: tuple[float, float]) -> LinearSum | None:
    """The linear sum that gives the same results.

    Args:
        results: int8 [256, 256]: of each x and y from -128 to 127.
        slopes: About how much a step of x and one of y change the result.

    Returns:
        The sum, whose products and numbers before the shift stay within 32 bits; None if none was found.
    """
    far = 128 * (abs(slopes[0]) + abs(slopes[1]))
    if not 0 < far < 1 << 20:
        return None
    most_bits = 31 - math.ceil(math.log2(far))
    found = (_with_shift(results.astype(np.int64), slopes, shift) for shift in range(most_bits, most_bits - 3, -1))
    return next((one for one in found if one is not None), None)


def _with_shift(results: Array, slopes: tuple[float, float], shift: int) -> LinearSum | None:
    x = np.arange(glow.INT8_MIN, glow.INT8_MAX + 1, dtype=np.int64)
    # Every result holds its number before the shift between two others, unless it is saturated.
    least = np.where(results > glow.INT8_MIN, results << shift, -_FAR)
    most = np.where(results < glow.INT8_MAX, ((results + 1) << shift) - 1, _FAR)
    nearest = [round(slope * (1 << shift)) for slope in slopes]
    steps = range(-_NEAR, _NEAR + 1)
    for first, second in sorted(itertools.product(steps, steps), key=lambda pair: abs(pair[0]) + abs(pair[1])):
        multipliers = nearest[0] + first, nearest[1] + second
        products = x[:, np.newaxis] * multipliers[0] + x * multipliers[1]
        low, high = int((least - products).max()), int((most - products).min())
        start = (low + high) // 2
        ends = [int(end) + more for end in (products.min(), products.max()) for more in (0, start)]
        if low <= high and all(glow.INT32_MIN <= number <= glow.INT32_MAX for number in (*ends, start)):
            return LinearSum(multipliers, start, shift)
    return None
