"""The numbers inside of kernels: how large each can get over all inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from tinyglow.ir.record import Record

# float32 holds numbers below 2**128; a bit is left for what is rounded on the way.
FLOAT_BITS = 127


class Number(Record):
    """The range of one intermediate over all inputs that the operands' types hold.

    Attributes:
        low: The least.
        high: The largest.
        bits: Of the integer that holds it.
        may_wrap: Whether C computes it with unsigned numbers, so that a wrap is defined, as in the runtime whose
            rounding it is.
        at: Elements of the operands that give the least, and those that give the largest.
        held: What C holds it in. Of a "float", low and high are the whole numbers around its ends.
        is_refused: Whether a network is refused where it leaves its bits, unless wrapping was asked for.
    """

    low: int
    high: int
    bits: int = 32
    may_wrap: bool = False
    at: tuple[str, str] = ("", "")
    held: Literal["signed", "unsigned", "float"] = "signed"
    is_refused: bool = True

    @property
    def limits(self) -> tuple[int, int]:
        """The least and the largest number that its type holds."""
        if self.held == "unsigned":
            return 0, (1 << self.bits) - 1
        most = 1 << (FLOAT_BITS if self.held == "float" else self.bits - 1)
        return -most, most - 1

    @property
    def fits(self) -> bool:
        """Whether its type holds it."""
        least, most = self.limits
        return least <= self.low and self.high <= most

    @property
    def beyond(self) -> tuple[int, str]:
        """The end that lies farther outside, and what gives it."""
        return (self.high, self.at[1]) if self.high > -self.low else (self.low, self.at[0])

    def wrapped(self, value: int) -> int:
        """What its type makes of a number."""
        least = self.limits[0]
        return (value - least) % (1 << self.bits) + least


Numbers = Mapping[str, Number]
