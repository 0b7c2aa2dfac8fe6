"""Requantization in float32 against the epilogues' own integers, for every sum."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyglow.kernels.convolution.conv2d import CONV2D
from tinyglow.kernels.fully_connected.fully_connected import FULLY_CONNECTED
from tinyglow.numerics import glow
from tinyglow.numerics import staircase as module
from tinyglow.numerics.epilogues import EPILOGUES
from tinyglow.numerics.glow import Requant
from tinyglow.numerics.staircase import MOST, Staircase, add_bias, repeated, staircase, staircase_for
from tinyglow.testing import cases
from tinyglow.testing.case import Case

GLOW = EPILOGUES["glow"]


def _expected(name: str, constants: Requant, sums: np.ndarray, least: int = -128, most: int = 127) -> np.ndarray:
    return np.clip(EPILOGUES[name].requantize(sums.astype(np.int32), constants), least, most).astype(np.int8)


def _applied(found: Staircase, sums: np.ndarray) -> np.ndarray:
    out = np.empty((1, sums.size), np.int8)
    found.apply(sums.astype(np.float32)[np.newaxis] * np.float32(found.unit), out)
    return out[0]


@pytest.mark.parametrize("name", sorted(EPILOGUES))
@given(st.floats(-14, -5), st.integers(-128, 127), st.tuples(st.integers(-128, 127), st.integers(-128, 127)))
@settings(max_examples=8, deadline=None)
def test_every_sum_has_the_result_of_its_integers(name: str, power: float, offset: int, ends: tuple[int, int]) -> None:
    """All sums between the bounds, or every seventh; scales from those of wide layers to those of narrow ones."""
    scale = math.ldexp(round(math.ldexp(2**power, 34)), -34)  # as those of integers at run time are
    constants, bound = EPILOGUES[name].constants(glow.float32(scale), offset), 30_000
    found = staircase(EPILOGUES[name], constants, min(ends), max(ends), bound)
    if found is not None:
        sums = np.arange(-bound, bound + 1)[:: 1 if name == "glow" else 7]
        np.testing.assert_array_equal(_applied(found, sums), _expected(name, constants, sums, min(ends), max(ends)))


@pytest.mark.parametrize("name", ["glow", "tflite", "tflite20", "tflmr", "tflmr20"])
def test_layers_of_usual_scales_have_one(name: str) -> None:
    """Without a staircase all would be right, and slow. The other numerics round ties to even, or away from zero."""
    scales = [0.0021, 0.0008, 0.011, 0.00031, 1 / 512]
    found = [staircase(EPILOGUES[name], EPILOGUES[name].constants(s, -7), -128, 127, 400_000) for s in scales]
    assert None not in found


def test_it_is_right_at_the_ends_of_what_float32_holds() -> None:
    """Large sums, near each step of the results and at the bounds."""
    constants = GLOW.constants(float(np.float32(7.3e-5)), 11)
    found = staircase(GLOW, constants, -128, 127, MOST)
    assert found is not None
    rng = np.random.default_rng(0)
    sums = np.concatenate([rng.integers(-MOST, MOST + 1, 200_000), [-MOST, MOST], np.arange(-50_000, 50_000)])
    np.testing.assert_array_equal(_applied(found, sums), _expected("glow", constants, sums))


def test_where_integers_wrap_or_floats_round_there_is_none() -> None:
    """Glow's requantization of these sums leaves 32 bits; float32 does not have all of those."""
    constants = Requant(0, 8, 30_000, 0)
    assert staircase(GLOW, constants, -128, 127, 2**20) is None
    assert staircase(GLOW, GLOW.constants(math.ldexp(1.5, -12)), -128, 127, MOST + 1) is None


@pytest.mark.parametrize("count", [3, 6000, 8190 * 3, 8190 * 2 + 9])
def test_a_bias_is_added_to_each_unit(count: int) -> None:
    """In rows of many numbers, and what is left over."""
    sums, bias = np.arange(count, dtype=np.float32).reshape(-1, 3), np.array([1, -20, 300], np.float32)
    wanted = sums + bias
    add_bias(sums, repeated(bias))
    np.testing.assert_array_equal(sums, wanted)


def _computed(case: Case, worth: int, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    monkeypatch.setattr(module, "WORTH", worth)
    operands = [
        case.inputs[operand.name][np.newaxis]
        if operand.name in case.inputs
        else np.zeros((1, case.outputs[operand.name]), operand.dtype)
        for operand in case.kernel.operands
    ]
    case.kernel.run(case.params, operands)
    return operands[-1]


@pytest.mark.parametrize("kernel", [CONV2D, FULLY_CONNECTED], ids=lambda kernel: kernel.symbol)
@pytest.mark.parametrize("epilogue", ["glow", "tflite"])
def test_layers_are_equal_with_it_and_without(kernel: object, epilogue: str) -> None:
    """The definition by floats against the plain one, for layers of all forms."""
    assert isinstance(kernel, type(CONV2D))

    @given(cases(kernel.with_epilogue(EPILOGUES[epilogue])))
    @settings(max_examples=15, deadline=None)
    def compare(case: Case) -> None:
        with pytest.MonkeyPatch.context() as patch:
            fast, plain = (_computed(case, worth, patch) for worth in (0, 2**62))
        np.testing.assert_array_equal(fast, plain)

    compare()


def _line(name: str, constants: Requant, ends: tuple[int, int], bound: int) -> tuple[float, float, float]:
    """Unit, slope and start in the middle of what all steps allow, by a look at every sum and every pair of steps."""
    sums = np.arange(-bound, bound + 1)
    found = np.clip(EPILOGUES[name].requantize(sums.astype(np.int32), constants), *ends)
    places = np.flatnonzero(np.diff(found)) + 1
    steps = [(int(r) + 128, int(sums[i])) for i in places for r in range(found[i - 1] + 1, found[i] + 1)]
    shift = next((k for k in range(24) if any(first >> k & 1 for _, first in steps)), 24)
    steps = [(result, first >> shift) for result, first in steps]
    lowest, highest = 0.0, math.inf
    for result, first in steps:
        for other, begin in steps:
            if first - 1 > begin:
                highest = min(highest, (result - other) / (first - 1 - begin))
            elif first - 1 < begin:
                lowest = max(lowest, (result - other) / (first - 1 - begin))
    slope = (lowest + (2 * lowest + 1 if highest == math.inf else highest)) / 2
    starts = (
        [result - slope * first for result, first in steps],
        [result - slope * (first - 1) for result, first in steps],
    )
    return 2.0**-shift, slope, (max(starts[0]) + min(starts[1])) / 2


@pytest.mark.parametrize("name", ["glow", "tflite", "tflmr"])
@pytest.mark.parametrize(
    ("scale", "offset", "ends", "bound"),
    [
        (0.013, -7, (-128, 127), 12_000),
        (0.0031, 100, (-128, 127), 30_000),
        (2.0**-9, 3, (3, 127), 40_000),
        (0.7, 0, (-20, 30), 700),
        (0.013, 5, (-128, 127), 300),
        (1.0, 0, (0, 127), 64),
    ],
)
def test_lines_are_in_the_middle(name: str, scale: float, offset: int, ends: tuple[int, int], bound: int) -> None:
    """Of few steps and of many, of a scale that is a power of two, of bounds within the results' range."""
    constants = EPILOGUES[name].constants(scale, offset)
    found = staircase(EPILOGUES[name], constants, *ends, bound)
    assert found is not None
    assert (found.unit, found.slope, found.start) == pytest.approx(_line(name, constants, ends, bound), rel=1e-12)
    assert (found.least, found.most) == (ends[0] + 128, ends[1] + 128)
    sums = np.arange(-bound, bound + 1)
    assert np.array_equal(_applied(found, sums), _expected(name, constants, sums, *ends))


def test_bounds_between_which_nothing_changes() -> None:
    """No step, no line; bounds in the wrong order have none; a single result between equal ones."""
    constants = GLOW.constants(0.001, 5)
    assert staircase(GLOW, constants, -128, 127, 100) is None
    assert staircase(GLOW, constants, 6, 5, 20_000) is None and staircase(GLOW, constants, 6, 6, 20_000) is None
    found = staircase(GLOW, constants, 5, 6, 20_000)
    assert found is not None and found.slope == 0.5  # any would do: half way to the largest that is looked at
    assert set(_applied(found, np.arange(-20_000, 20_001)).tolist()) == {5, 6}


def test_few_sums_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search takes longer than it saves there; and bounds beyond float32 have none."""
    monkeypatch.setattr(module, "WORTH", 12)
    rule = (GLOW, GLOW.constants(2.0**-9, 3), -128, 127)
    assert staircase_for(rule, 26_000, 12) is not None and staircase_for(rule, 26_000, 11) is None
    assert staircase_for(rule, MOST, 12) is not None and staircase_for(rule, MOST + 1, 12) is None
