"""When two computations of the same outputs count as equal, and when the error of one is more than int8 explains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tinyglow.ir.graph import Array, Graph

# Of floats, relative to the largest element: what the order of sums and a folded normalization change.
_FLOAT_ERROR = 2e-4
_CANCELLED = 1e-3
# Where a network holds operators with jumps, such a part of the elements may have jumped.
_JUMPED = 0.05
_JUMPS = ("Floor", "Ceil", "Round", "ArgMax", "ArgMin")
# The bar: so much more noise than the simulation has (1 dB), and no more precision asked for than 60 dB.
MARGIN = 10**0.1
_PRECISE = 10**-6.0
# So many standard errors are no chance: Student's t of 24 draws is above 4 in 0.03 % of cases.
_SIGNIFICANT = 4.0


def has_jumps(graph: Graph) -> bool:
    """Whether the smallest change of a value may change a result a lot."""
    return any(node.op.kind in _JUMPS for node in graph.nodes)


def differing(one: Array, other: Array, jumps: bool, largest: float = 0.0) -> str:
    """What differs between two arrays of floats that should be the same; "" if nothing does.

    largest: of the network's values, whose rounding in float32 is all that is left where they cancel out.
    """
    if one.shape != other.shape:
        return f"has shape {list(other.shape)}, not {list(one.shape)}"
    if not np.isfinite(other).all():
        return "" if not np.isfinite(one).all() else "is not finite"
    if one.size == 0:
        return ""
    size = max(float(np.abs(one).max()), _CANCELLED * largest) or 1.0
    off = np.abs(one - other) > _FLOAT_ERROR * size
    if not off.any() or (jumps and off.mean() <= _JUMPED):
        return ""
    where = np.unravel_index(int(np.abs(one - other).argmax()), one.shape)
    place = f"sample {where[0]}, element {where[1]}" if one.ndim == 2 else f"element {list(map(int, where))}"
    return f"{off.mean():.1%} of elements differ; {place} is {other[where]:.6g}, not {one[where]:.6g}"


def noise(exact: Mapping[str, Array], other: Mapping[str, Array]) -> dict[str, float]:
    """Sum of squared errors of each output; of integers (indices) the number that differ."""
    return {
        name: float(((array - other[name]) ** 2).sum())
        if array.dtype.kind == "f"
        else float((array != other[name]).sum())
        for name, array in exact.items()
    }


def power(exact: Array) -> float:
    """What noise is measured against: the sum of squares of floats, the number of integers."""
    return float((exact.astype(np.float64) ** 2).sum()) if exact.dtype.kind == "f" else float(exact.size)


def decibels(signal: float, error: float) -> float:
    """Signal over noise; 99 if there is none."""
    return 10 * float(np.log10(signal / error)) if error > 0 and signal > 0 else 99.0


def bar(exact: Array, allowed: float) -> float:
    """The most noise that an output may have where a simulation has so much: of floats by ``MARGIN`` more."""
    if exact.dtype.kind == "f":
        return MARGIN * allowed + _PRECISE * power(exact)
    return 2 * allowed + 0.1 * exact.size


@dataclass(frozen=True)
class Excess:
    """An output whose error is more than it may be; figures in dB."""

    output: str
    found: float
    allowed: float

    def __str__(self) -> str:
        return f"output {self.output}: {self.found:.1f} dB against float, {self.allowed:.1f} dB expected"


def excess(exact: Mapping[str, Array], found: Mapping[str, float], allowed: Mapping[str, float]) -> list[Excess]:
    """The outputs whose noise is above the ``bar`` for what is ``allowed``."""
    return [
        Excess(name, decibels(power(array), found[name]), decibels(power(array), allowed[name]))
        for name, array in exact.items()
        if not found[name] <= bar(array, allowed[name])
    ]


def is_significant(excesses: Sequence[float]) -> bool:
    """Whether the mean of at least two independent draws is above zero by more than chance explains."""
    mean, deviation = float(np.mean(excesses)), float(np.std(excesses, ddof=1))
    return not mean <= _SIGNIFICANT * deviation / np.sqrt(len(excesses))
