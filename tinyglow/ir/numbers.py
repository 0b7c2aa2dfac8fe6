"""The numbers inside of kernels that have no constant weights: how large each can get over all inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Number:
    """The range of one intermediate over all inputs that the operands' types hold.

    Attributes:
        low: The least.
        high: The largest.
        bits: Of the integer that holds it.
        may_wrap: Whether C computes it with unsigned numbers, so that a wrap is defined, as in the runtime whose
            rounding it is.
        at: Elements of the operands that give the least, and those that give the largest.
    """

    low: int
    high: int
    bits: int = 32
    may_wrap: bool = False
    at: tuple[str, str] = ("", "")

    @property
    def fits(self) -> bool:
        """Whether its integer holds it."""
        most = 1 << (self.bits - 1)
        return -most <= self.low and self.high < most

    @property
    def beyond(self) -> tuple[int, str]:
        """The end that lies farther outside, and what gives it."""
        return (self.high, self.at[1]) if self.high > -self.low else (self.low, self.at[0])


Numbers = Mapping[str, Number]
