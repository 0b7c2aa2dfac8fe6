"""Ranges of numbers, the types that hold them, and the ways in which kernels scale them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinyglow.checker.source import Call

Range = tuple[int, int]
Stated = dict[str, dict[str, Any]]
Data = Callable[[str], bytes]
INT32 = (-(2**31), 2**31 - 1)
_FLOAT = (-(2**127), 2**127 - 1)  # float32 holds more by a bit, which is left for roundings
MOST_SHIFT = 31  # of 32 bits


class Found:
    """Ranges by name, and what refuses the call.

    Attributes:
        stated: What the proof must state: by name ``bits``, ``low``, ``high``; ``type`` of what is no signed integer;
            ``wraps`` where the range leaves them and may.
        unsound: Names of those that leave their type though C may not let them wrap.
        faults: What else must hold, and does not: what is there, and what would hold.
    """

    def __init__(self) -> None:
        self.stated: Stated = {}
        self.unsound: list[str] = []
        self.faults: list[tuple[str, str]] = []

    def add(self, name: str, span: Range, bits: int = 32, wraps: bool = False, kind: str = "signed") -> Range:
        """Note a number; what its type holds of it."""
        entry: dict[str, Any] = {"bits": bits, "low": span[0], "high": span[1]}
        if kind != "signed":
            entry["type"] = kind
        most = 1 << (bits - 1)
        limits = {"signed": (-most, most - 1), "unsigned": (0, 2 * most - 1), "float": _FLOAT}[kind]
        self.stated[name] = entry
        if limits[0] <= span[0] and span[1] <= limits[1]:
            return span
        if wraps:
            entry["wraps"] = True
        else:
            self.unsound.append(name)
        return limits

    def require(self, holds: bool, found: str, expected: str) -> None:
        """Refuse the call unless ``holds``."""
        if not holds:
            self.faults.append((found, expected))

    def glow(self, name: str, span: Range, scale: dict[str, int]) -> Range:
        """``((x >> pre) * multiplier + half >> post) + offset``."""
        post, half = scale["post"], (1 << scale["post"]) // 2
        inside = ordered(*((x >> scale["pre"]) * scale["multiplier"] + half for x in span))
        result = (inside[0] >> post) + scale["offset"], (inside[1] >> post) + scale["offset"]
        whole = min(inside[0], result[0]), max(inside[1], result[1])
        return result if self.add(name, whole, wraps=True) == whole else INT32

    def litert(self, name: str, span: Range, call: Call, prefix: str = "") -> Range:
        """A number shifted to the left, times a multiplier of 31 bits, shifted to the right: rounded twice."""
        multiplier = call.whole(f"{prefix}multiplier")
        return self.twice(name, span, multiplier, call.shift(f"{prefix}shift", least=-MOST_SHIFT, most=MOST_SHIFT))

    def twice(self, name: str, span: Range, multiplier: int, shift: int) -> Range:
        """The same, by a multiplier and a shift."""
        held = self.add(name, (span[0] << max(shift, 0), span[1] << max(shift, 0)), wraps=True)
        return ordered(*(scaled_twice(x, multiplier, max(-shift, 0)) for x in held))

    def wide(self, name: str, span: Range, call: Call, multiplier: str = "") -> None:
        """A product of 64 bits, and half of what its shift takes off."""
        half, factor = (1 << call.shift("shift")) // 2, call.whole(multiplier) if multiplier else 1
        self.add(name, ordered(span[0] * factor + half, span[1] * factor + half), 64)


def ordered(a: int, b: int) -> Range:
    """Two numbers, the smaller first."""
    return min(a, b), max(a, b)


def scaled_twice(x: int, multiplier: int, right: int) -> int:
    """The upper word of the doubled product, ties upwards; over 2**right, ties away from zero."""
    return away_from_zero(min((x * multiplier + (1 << 30)) >> 31, INT32[1]), right)


def away_from_zero(x: int, right: int) -> int:
    """x / 2**right, ties away from zero."""
    magnitude = abs(x) + ((1 << right) >> 1) >> right
    return magnitude if x >= 0 else -magnitude


def times(a: Range, b: Range) -> Range:
    """The product of two numbers, each of its own range."""
    corners = [x * y for x in a for y in b]
    return min(corners), max(corners)


def plus(a: Range, b: Range, sign: int = 1) -> Range:
    """The sum of two numbers, or their difference."""
    return (a[0] + b[0], a[1] + b[1]) if sign > 0 else (a[0] - b[1], a[1] - b[0])


def clipped(a: Range, limits: Range) -> Range:
    """A range brought between two limits."""
    low, high = (min(max(end, limits[0]), limits[1]) for end in a)
    return low, high
