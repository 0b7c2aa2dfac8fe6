"""LiteRT's functions of int16 once more, in integers of any size: to the bit, and at every border."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from tinyglow.numerics import tflite_int16
from tinyglow.numerics.tflite_int16 import argument_scale, scaled_argument, sigmoid_table

TABLE = sigmoid_table()


def test_the_table_is_the_sigmoid_raised_by_half_a_line_s_lack() -> None:
    """Entries 1 / 24 apart; the last is the largest number."""
    assert TABLE.dtype == np.uint16 and TABLE.shape == (256,)
    assert TABLE[:6].tolist() == [32768, 33451, 34133, 34813, 35493, 36169]
    assert TABLE[-1] == 65535
    for i, entry in enumerate(TABLE.tolist()[:-1]):
        value = 1 / (1 + math.exp(-i / 24))
        bend = value * (1 - value) * (1 - 2 * value)
        assert entry == math.floor(2**16 * (value - bend / (16 * 24 * 24)) + 0.5)


def _scale_of(scale: float, most_shift: int) -> tuple[int, int]:
    """Multiplier and shift, by rational numbers: 2 ** 14 or a little less up to below 2 ** 15."""
    power = round(math.log2(scale))
    if abs(math.log2(scale) - power) < 1e-3 and 0 <= power + 12 <= most_shift:
        return 3 * 2 ** (power + 12), 0
    exact, shift = Fraction(scale * 4096.0 * 3.0), 0
    while exact <= Fraction(32767, 2) and shift < 31:
        exact, shift = exact * 2, shift + 1
    return math.floor(exact), shift


# At a border: of the powers of two, of 15 bits, of the shifts.
SCALES = [
    2.0**-12,
    2.0**-11,
    2.0**-10,
    2.0**-13,
    2.0**-12 * 1.0005,
    2.0**-12 * 1.0008,
    2.0**-12 * 0.9994,
    2.0**-12 * 0.999,
]
SCALES += [
    16383.5 / 12288,
    16383.49 / 12288,
    16384 / 12288,
    32767.9 / 12288,
    0.000305,
    0.01,
    0.5,
    1.0,
    2.0,
    1.3e-9,
    1e-6,
]
SCALES += [16383.5 / 12288 * 2.0**-29, 16383.6 / 12288 * 2.0**-30]


@pytest.mark.parametrize("most_shift", [0, 1, 2])
def test_scales_of_arguments(most_shift: int) -> None:
    """Powers of two within a thousandth of an octave need no rounding; others have 15 bits."""
    for scale in SCALES:
        assert argument_scale(scale, most_shift) == _scale_of(scale, most_shift), scale


@pytest.mark.parametrize("scale", [2**15 / 12288, 10.0, 16383.5 / 12288 * 2.0**-30, 1e-12])
def test_scales_that_no_table_serves(scale: float) -> None:
    """Too large for 15 bits, or for the shifts."""
    with pytest.raises(ValueError, match="for a table of int16"):
        argument_scale(scale, 0)


@pytest.mark.parametrize("shift", [0, 1, 7, 15, 30])
def test_arguments_are_rounded_upwards(shift: int) -> None:
    """Ties too, of all int16."""
    x = np.arange(-(2**15), 2**15)[::31]
    for multiplier in (3, 16385, 32767):
        due = [(n * multiplier + 2**shift // 2) // 2**shift for n in x.tolist()]
        assert scaled_argument(x, multiplier, shift).tolist() == due


def _between(size: int, bits: int, most: int) -> int:
    place, rest = divmod(size, 2**bits)
    if place >= 255:
        return most * 2**bits
    low, high = int(TABLE[place]), int(TABLE[place + 1])
    return low * 2**bits + rest * (high - low)


def test_curves_between_entries() -> None:
    """Of arguments of both signs, up to beyond the table's end: ties away from the middle as LiteRT has them."""
    sizes = {*range(0, 140_000, 97), *(255 * 2**b + d for b in (8, 9) for d in range(-3, 4)), *range(40), 2**31 - 1}
    sizes |= {k * 2**b + d for k in (1, 2, 100, 254, 255) for b in (8, 9) for d in (-1, 0, 1)}
    both = sorted(sizes | {-size for size in sizes})
    found = tflite_int16.sigmoid(np.array(both), TABLE).tolist()
    for x, y in zip(both, found, strict=True):
        value = _between(abs(x), 9, 0xFFFE)
        assert y == (value + 512 if x >= 0 else 2**25 - value + 511) // 1024
    found = tflite_int16.tanh(np.array(both), TABLE).tolist()
    for x, y in zip(both, found, strict=True):
        value = _between(abs(x), 8, 0xFFFF) - 2**23
        assert y == (value + 128 if x >= 0 else -value + 127) // 256


def _away(x: np.floating) -> int:
    return int(math.copysign(math.floor(abs(float(x)) + 0.5), float(x)))


def test_tables_of_lines() -> None:
    """513 entries by float32 steps, one after the other; clipped; and what lies between by lines, rounded upwards."""
    f = np.float32
    # The offset of the results leaves their range but for the rounding of its ends.
    ranges = [((0.0003, 0), (1 / 32768, 0)), ((0.001, 77), (0.01, -5)), ((0.0002, -9000), (0.0001, 3))]
    ranges += [
        ((0.0001, 5), (scale, offset)) for scale, offset in ((3.39e-5, -10914), (3.73e-5, -13989), (3.19e-5, 14527))
    ]
    for source, result in ranges:
        table = tflite_int16.lines(lambda x: np.sin(x.astype(np.float64)).astype(np.float32), source, result)

        def sine(x: np.float32) -> np.float32:
            return np.float32(np.sin(np.float64(x)))

        low, high = (f(source[0]) * f(end - source[1]) for end in (-32768, 32767))
        step = (high - low) / f(512)
        out_low, out_high = (f(result[0]) * f(end - result[1]) for end in (-32768, 32767))
        inverse, due = f(65536) / (out_high - out_low), []
        for i in range(512):
            first, second, middle = (sine(low + f(i) * step), sine(low + f(i + 1) * step), None)
            middle = sine(low + f(i) * step + step / f(2))
            steps = f(_away(first * inverse))
            straight = _away((second * inverse + steps) / f(2))
            due.append(int(steps) - _away(f(straight - _away(middle * inverse)) / f(2)))
        due.append(_away(sine(high) * inverse))
        assert table.dtype == np.int16 and table.tolist() == [min(max(y, -32768), 32767) for y in due]
        x, ends = np.arange(-(2**15), 2**15), table.tolist()
        between = [
            ends[n >> 7] + ((ends[(n >> 7) + 1] - ends[n >> 7]) * (n & 127) + 64) // 128 for n in range(0, 65536, 5)
        ]
        assert tflite_int16.look_up(x, table)[::5].tolist() == between
