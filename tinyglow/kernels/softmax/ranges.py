"""Ranges of what softmax kernels make of their tables. A row's largest element is at distance 0, others at any."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.numbers import Number
from tinyglow.kernels.intermediates import Ends


def row_sum(own: int, others: tuple[int, int], columns: int) -> Ends:
    """The sum of a row: ``own`` of its largest element, and a number of a range for each of the others."""
    at = "a row whose other elements are the farthest from its largest", "a row of equal elements"
    return Ends(own + (columns - 1) * others[0], own + (columns - 1) * others[1], at)


def float_sum(table: Array, columns: int) -> Number:
    """The sum of a row's powers in float32, by a table of float32 from distance 0 on."""
    from fractions import Fraction  # few networks have a softmax in floats

    powers = np.ascontiguousarray(table).view(np.float32).reshape(-1)
    own, least, most = (Fraction(float(power)) for power in (powers[0], powers.min(), powers.max()))
    low, high = floor(own + (columns - 1) * least), ceil(own + (columns - 1) * most)
    return Number(low, high, held="float", at=("a row of the least powers", "a row of equal elements"))


def data_of(constants: Sequence[Array | None], place: int) -> Array:
    """A table that a kernel needs as a constant."""
    data = constants[place]
    assert data is not None
    return data
