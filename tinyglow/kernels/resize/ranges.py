"""Ranges of what interpolates between pixels, by the weights in its tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.numbers import Number, Numbers
from tinyglow.numerics import glow

FRACTION_BITS = 11  # of a weight: two of them and an int8 fill 32 bits
_ONE = 1 << FRACTION_BITS
Range = tuple[int, int]


def _blended(table: Array, pixels: Range) -> Range:
    """``first * (1 - weight) + second * weight`` of numbers in a range, over the words of a table."""
    words = np.ascontiguousarray(table).reshape(-1).view(np.uint32).astype(np.int64)
    ends = []
    # Where both pixels are one, its weight does not count.
    for weight in np.unique(np.where(words >> 15 & 1, words & 0x7FFF, 0)).tolist():
        shares = _ONE - weight, weight
        for low, high in (pixels, pixels[::-1]):
            ends.append(sum(share * (low if share > 0 else high) for share in shares))
    return min(ends), max(ends)


def fixed_point_numbers(p: Any, constants: Sequence[Array | None]) -> Numbers:
    """The blend of two rows, that of two columns of such, with its rounding, and the result."""
    assert constants[1] is not None and constants[2] is not None
    rows = _blended(constants[1], (glow.INT8_MIN, glow.INT8_MAX))
    low, high = _blended(constants[2], rows)
    # What is added depends on the sign: the ends of each sign's sums.
    sums = [total for total in (low, high, -1, 0) if low <= total <= high]
    rounded = [total + (p.round_negative if total < 0 else p.round_positive) for total in sums]
    at = (f"{glow.INT8_MIN} of its input", f"{glow.INT8_MAX} of its input")
    results = [total >> 2 * FRACTION_BITS for total in rounded]
    return {
        "rows": Number(*rows, at=at),
        "columns": Number(min(rounded), max(rounded), at=at),
        "result": Number(min(results), max(results), bits=8, at=at),
    }


def float_numbers(p: Any, constants: Sequence[Array | None]) -> Numbers:
    """The result: with weights from 0 to 1, no step leaves the range of the pixels, however it is rounded."""
    low, high = 0.0, 0.0
    for data in (constants[2], constants[4]):
        assert data is not None
        weights = np.ascontiguousarray(data).view(np.float32)
        low, high = min(low, float(weights.min())), max(high, float(weights.max()))
    assert low >= 0 and high <= 1, (low, high)
    return {"result": Number(glow.INT8_MIN, glow.INT8_MAX, bits=8)}
