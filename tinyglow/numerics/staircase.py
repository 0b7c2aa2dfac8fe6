"""An epilogue's int8 results by a few operations of floats, proven equal to its own integers.

A requantization that saturates is a staircase: it rises with the sum, in at most 255 steps. So does a chain of float
operations that each rise: round down, multiply, add, clip, round down. Two such functions are equal for all sums when
they are on both sides of each step of one of them. That is looked at, for each layer, before the floats are used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyglow.numerics.epilogue import Epilogue
from tinyglow.numerics.glow import INT8_MIN, Requant

Floats = npt.NDArray[np.float32]

MOST = 2**24  # the largest sum: beyond it float32 has no longer every integer
_INT16 = 2**15 - 1
_ROW = 8192  # numbers in a row of biases: numpy is slow where its inner loop is short


@dataclass(frozen=True)
class Staircase:
    """int8 results of sums in float32: ``floor(floor(sum * unit) * slope + start) - 128``, clipped before.

    Attributes:
        unit: A power of two, at most 1: sums that differ by less have one result.
        slope: Of the results.
        start: Result of the sum 0, plus 128.
        least: Smallest result, plus 128.
        most: Largest result, plus 128.
        dtype: Of the operations: float64 where float32 rounds too much.
        narrow: Whether int16 holds what is clipped: numpy clips it more than twice as fast.
    """

    unit: float
    slope: float
    start: float
    least: int
    most: int
    dtype: type[np.float32] | type[np.float64] = np.float32
    narrow: bool = False

    def apply(self, steps: Floats, out: npt.NDArray[np.int8]) -> None:
        """Put the results of sums times ``unit`` into ``out``, of the same shape. Overwrites ``steps``."""
        steps = steps.astype(self.dtype, copy=False)
        if self.unit != 1:
            np.floor(steps, out=steps)
        np.multiply(steps, self.dtype(self.slope), out=steps)
        if self.narrow:
            # 128 more: the lower byte of what is clipped is the result. The cast rounds up what is clipped after it.
            np.add(steps, self.dtype(self.start - INT8_MIN), out=steps)
            whole = steps.astype(np.int16)
            np.clip(whole, np.int16(self.least - INT8_MIN), np.int16(self.most - INT8_MIN), out=whole)
            np.copyto(out, whole, casting="unsafe")
            return
        np.add(steps, self.dtype(self.start), out=steps)
        np.clip(steps, self.dtype(self.least), self.dtype(self.most), out=steps)
        # A cast rounds towards zero, which is down of what is not negative.
        np.bitwise_xor(steps.astype(np.uint8), np.uint8(-INT8_MIN), out=out.view(np.uint8))


def repeated(bias: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Biases of units, again and again, as ``add_bias`` takes them."""
    return np.tile(bias, max(1, _ROW // bias.size))


def add_bias(sums: npt.NDArray[Any], row: npt.NDArray[Any]) -> None:
    """Add a bias for each unit to ``sums`` [..., units], contiguous, in place. row: ``repeated`` ones."""
    flat = sums.reshape(-1)
    whole = flat.size // row.size * row.size
    rows = flat[:whole].reshape(-1, row.size)
    np.add(rows, row, out=rows)
    np.add(flat[whole:], row[: flat.size - whole], out=flat[whole:])


# So many sums are worth the search for a staircase.
WORTH = 2**14
Rule = tuple[Epilogue, Requant, int, int]


def staircase_for(rule: Rule, bound: int, results: int) -> Staircase | None:
    """How to requantize many sums the fast way, if there is one.

    Args:
        rule: The epilogue, its constants, the least and the largest result.
        bound: On the magnitude of the sums.
        results: How many there are.

    Returns:
        Of few sums None: the search would take longer than it saves.
    """
    return staircase(*rule, bound) if results >= WORTH else None


@lru_cache(maxsize=256)
def staircase(epilogue: Epilogue, constants: Requant, least: int, most: int, bound: int) -> Staircase | None:
    """The staircase of an epilogue.

    Args:
        epilogue: The epilogue.
        constants: Its constants.
        least: The smallest result that is let through, of int8.
        most: The largest.
        bound: Sums are between its negative and itself.

    Returns:
        What computes the same for every such sum; None where the epilogue may wrap, or nothing was found.
    """
    if bound > MOST or not epilogue.rises(bound, constants) or least > most:
        return None
    results = np.arange(least + 1, most + 1)
    firsts = _firsts(epilogue, constants, results, bound)
    inside = (firsts > -bound) & (firsts <= bound)
    results, firsts = results[inside], firsts[inside]
    line = _fitted(results - INT8_MIN, firsts, (least - INT8_MIN, most - INT8_MIN))
    if line is None:
        return None
    sums = np.concatenate([firsts, firsts - 1, [-bound, bound]])
    wanted = np.clip(epilogue.requantize(sums.astype(np.int32), constants), least, most)
    given = np.empty(sums.size, np.int8)
    for found in _ways(line, bound):
        found.apply(sums.astype(np.float32) * np.float32(found.unit), given)
        if np.array_equal(given, wanted):
            return found
    return None


def _ways(line: Staircase, bound: int) -> Iterator[Staircase]:
    """The same line in other operations, the fastest first."""
    farthest = bound * line.unit * line.slope + abs(line.start - INT8_MIN) + 1
    for dtype in (np.float32, np.float64):
        if farthest < _INT16:
            yield replace(line, dtype=dtype, narrow=True)
        yield replace(line, dtype=dtype)


def _firsts(
    epilogue: Epilogue, constants: Requant, results: npt.NDArray[np.int64], bound: int
) -> npt.NDArray[np.int64]:
    """The smallest sum from ``-bound`` on with at least each of ``results``; ``bound + 1`` where there is none."""
    low = np.full(results.shape, -bound)
    high = np.full(results.shape, bound + 1)
    while (low < high).any():
        middle = (low + high) >> 1
        reached = epilogue.requantize(middle.astype(np.int32), constants) >= results
        high = np.where(reached, middle, high)
        low = np.where(reached | (low >= high), low, middle + 1)
    return low


def _fitted(results: npt.NDArray[np.int64], firsts: npt.NDArray[np.int64], ends: tuple[int, int]) -> Staircase | None:
    """The line that reaches each of ``results`` at its first sum, and not before; None if there is no such line."""
    if not results.size:
        return None
    bits = int(np.bitwise_or.reduce(firsts))
    shift = min((bits & -bits).bit_length() - 1, 24) if bits else 24
    steps = firsts >> shift
    rise = results[:, np.newaxis] - results
    run = steps[:, np.newaxis] - 1 - steps
    # Of two steps, slope * run < rise.
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = rise / run
    highest = float(slopes[run > 0].min(initial=2 * slopes[run < 0].max(initial=0) + 1))
    slope = (float(slopes[run < 0].max(initial=0)) + highest) / 2
    first, last = (results - slope * steps).max(), (results - slope * (steps - 1)).min()
    return Staircase(2.0**-shift, slope, float(first + last) / 2, *ends)
