"""The constants of gemmlowp's exponential are the powers of e that they stand for."""

from __future__ import annotations

import math

from tinyglow.numerics import gemmlowp


def test_constants_are_powers_of_e() -> None:
    """In steps of 2**-31, to the nearest; a third and the two of the division too, in their own steps."""
    found = {2.0**exponent: constant for exponent, constant in gemmlowp._POWERS} | {0.125: gemmlowp._EXP_MINUS_EIGHTH}
    for power, constant in found.items():
        assert constant == round(math.exp(-power) * 2**31), power
    assert round(2**31 / 3) == gemmlowp._THIRD
    assert [round(x * 2**29 / 17) for x in (48, -32)] == [gemmlowp._48_OVER_17, gemmlowp._MINUS_32_OVER_17]
