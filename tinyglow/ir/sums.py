"""What a layer's sums can be: the range of each unit over all inputs, and what is made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.record import Record
from tinyglow.numerics.glow import Requant

# Of another intermediate of a kernel: the largest magnitude that it can have, and the most that it may have.
Limits = Mapping[str, tuple[int, int]]


class SumRange(Record, eq=False):
    """The sums of one call of a kernel with constant weights.

    Each product's range holds 0. So no partial sum, in whatever order, lies outside of the range of the whole sum.

    Attributes:
        low: The least sum of each unit, int64 [units].
        high: The largest.
        scales: What maps each unit's sums to the output.
        limits: The kernel's other intermediates, by name (``docs/how-to/proof.md``).
        may_wrap: Whether sums may leave 32 bits and wrap, as was asked for (``Target.wraps``).
    """

    low: Array
    high: Array
    scales: Sequence[Requant]
    limits: Limits = field(default_factory=dict)
    may_wrap: bool = False


def sum_range(
    weights: Array,
    start: Array,
    inputs: tuple[int, int],
    scales: Sequence[Requant],
    limits: Limits | None = None,
) -> SumRange:
    """The range of ``start`` + sum of x * weight.

    Args:
        weights: [units, terms], free of offsets.
        start: [units]: what sums begin with.
        inputs: The least and the largest x, less its offset; one is not above 0, the other not below.
        scales: What maps each unit's sums to the output; one for all, or one each.
        limits: See ``SumRange``.

    Returns:
        The range, exact.
    """
    wide = weights.astype(np.int64)
    positive, negative = np.maximum(wide, 0).sum(axis=1), np.minimum(wide, 0).sum(axis=1)
    (least, most), base = inputs, start.astype(np.int64)
    low, high = base + positive * least + negative * most, base + positive * most + negative * least
    each = scales if len(scales) == len(wide) else list(scales) * len(wide)
    return SumRange(low, high, each, limits or {})
