"""What sigmoid and tanh of int16 compute on the way, of every int16: as gemmlowp does, and from a table.

Written after ``runtime_c/include/tg_gemmlowp16.h`` and ``tg_sigmoid_table.h``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyglow.checker.ranges import Range

Array = npt.NDArray[Any]
INT16 = (-(2**15), 2**15 - 1)
_EVERY = np.arange(INT16[0], INT16[1] + 1, dtype=np.int64)
_POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)  # of e, with 31 bits
MOST_BITS = 11  # integer bits of an argument: enough are left for its fraction


def _rounded(constant: int) -> int:
    return (constant + 32768) >> 16


class _Run:
    """One function of many arguments, with the ends of what 32 bits hold on the way."""

    def __init__(self) -> None:
        self.low = self.high = 0

    def see(self, x: Array) -> Array:
        self.low, self.high = min(self.low, int(x.min())), max(self.high, int(x.max()))
        return x

    def product(self, a: Array, b: Array | int) -> Array:
        plain = a * b
        nudged = self.see(np.where(plain < 0, plain + 1 - (1 << 14), plain + (1 << 14)))
        quotient = np.sign(nudged) * (np.abs(nudged) >> 15)  # towards zero
        return np.minimum(quotient, INT16[1])

    def left(self, x: Array, bits: int) -> Array:
        return np.clip(self.see(x * (1 << bits)), *INT16)

    def exp(self, a: Array, bits: int) -> Array:
        """e^a of a <= 0 with so many integer bits."""
        fraction = 15 - bits
        quarter = 1 << (fraction - 2)
        part = (a & (quarter - 1)) - quarter
        x = self.left(part, bits) + (1 << 12)
        square = self.product(x, x)
        cube = self.product(square, x)
        fourth = _halved(self.product(square, square), 2)
        third = self.product(fourth + cube, _rounded(715827883))
        start = _rounded(1895147668)
        result = start + self.product(x + _halved(third + square, 1), start)
        for place, power in enumerate(_POWERS):
            if bits <= place - 2:
                break
            chosen = (part - a) >> (fraction + place - 2) & 1 == 1
            result = np.where(chosen, self.product(result, _rounded(power)), result)
        if bits > 5:
            result = np.where(a < -(1 << (20 - bits)), 0, result)
        return np.where(a == 0, INT16[1], result)

    def newton(self, a: Array) -> Array:
        half = (a + INT16[1] + 1) >> 1
        x = _rounded(1515870810) + self.product(half, -_rounded(1010580540))
        for _ in range(3):
            rest = (1 << 13) - self.product(half, x)
            x = x + self.left(self.product(x, rest), 2)
        return x


def _halved(x: Array, bits: int) -> Array:
    """x / 2**bits, ties away from zero."""
    return np.sign(x) * ((np.abs(x) + (1 << bits >> 1)) >> bits)


@lru_cache(maxsize=64)
def gemmlowp(function: str, bits: int) -> tuple[Range, Range]:
    """The ends on the way and those of the results of "sigmoid" or "tanh", of int16 with so many integer bits."""
    run, negative = _Run(), -np.abs(_EVERY)
    if function == "sigmoid":
        positive = run.left(run.newton(run.exp(negative, bits)), 1)
        result = np.where(_EVERY > 0, positive, np.where(_EVERY < 0, INT16[1] - positive, 1 << 14))
    else:
        positive = run.left(run.newton(run.exp(negative, bits + 1)) - (1 << 13), 2)
        result = np.sign(_EVERY) * positive
    return (run.low, run.high), (int(result.min()), int(result.max()))


def by_table(function: str, multiplier: int, shift: int, table: Array) -> tuple[Range, Range, Range]:
    """The ends of arguments (before their shift), of lines between entries, and of the results.

    Args:
        function: "sigmoid" or "tanh".
        multiplier: Takes inputs to the table's steps.
        shift: To the right.
        table: int64 [256].
    """
    raised = _EVERY * multiplier + (1 << shift >> 1)
    argument = raised >> shift
    bits, most = (9, 0xFFFE) if function == "sigmoid" else (8, 0xFFFF)
    size = np.abs(argument)
    place = np.minimum(size >> bits, 254)
    line = table[place] * (1 << bits) + (size & ((1 << bits) - 1)) * (table[place + 1] - table[place])
    line = np.where(size >> bits > 254, most << bits, line)
    if function == "sigmoid":
        result = np.where(argument >= 0, line + 512, (1 << 25) - line + 511) >> 10
    else:
        result = np.where(argument >= 0, line - (1 << 23) + 128, (1 << 23) - line + 127) >> 8
    return (_ends(raised), _ends(line), _ends(result))


def _ends(x: Array) -> Range:
    return int(x.min()), int(x.max())
