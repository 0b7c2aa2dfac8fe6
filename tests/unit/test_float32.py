"""Functions of float32 numbers: how far off they are, what special values give, and that nothing is fused."""

from __future__ import annotations

import math
import platform
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tinyglow import resources
from tinyglow.numerics import float32

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
INF, NAN = math.inf, math.nan
SMALLEST = 2.0**-149


def _numbers() -> Floats:
    """Numbers of all magnitudes, ordinary ones, and the neighbours of where a function changes its formula."""
    rng = np.random.default_rng(7)
    bits = rng.integers(0, 2**32, 200_000, np.uint32).view(np.float32)
    ordinary = rng.normal(0, 4, 200_000).astype(np.float32)
    limits = (0.625, 0.875, 4.0, math.sqrt(0.5), math.sqrt(2.0), 88.72284, 103.97208, 104.0, 89.0, 2.0**-126)
    steps = np.arange(-200, 200)
    near = np.concatenate([np.float32(x).view(np.int32) + steps for x in limits]).astype(np.int32).view(np.float32)
    return np.concatenate([bits, ordinary, near, -near])


def _ulps(actual: Floats, exact: Doubles) -> Doubles:
    """Distance in units in the last place of the exact result; 0 where both are the same infinity or NaN."""
    with np.errstate(all="ignore"):
        unit = np.ldexp(1.0, np.maximum(np.frexp(np.abs(exact))[1], -125) - 24)
        distance = np.abs(actual.astype(np.float64) - exact) / unit
        same = (actual == exact.astype(np.float32)) | (np.isnan(actual) & np.isnan(exact))
    return np.where(same, 0.0, distance)


# Name: the function, the same in double precision, and the largest error that is claimed.
FUNCTIONS: dict[str, tuple[Callable[[Floats], Floats], Callable[[Doubles], Doubles], float]] = {
    "exp": (float32.exp, np.exp, 0.90),
    "log": (float32.log, np.log, 0.91),
    "tanh": (float32.tanh, np.tanh, 1.33),
    "sigmoid": (float32.sigmoid, lambda x: 1 / (1 + np.exp(-x)), 1.81),
    "erf": (float32.erf, np.vectorize(math.erf, [float]), 1.40),
    "sin": (float32.sin, np.sin, 1.6),
    "cos": (float32.cos, np.cos, 1.6),
    "sqrt": (float32.sqrt, np.sqrt, 0.5),
    "floor": (float32.floor, np.floor, 0.0),
    "ceil": (float32.ceil, np.ceil, 0.0),
    "nearest": (float32.nearest, np.rint, 0.0),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_errors_are_as_small_as_claimed(name: str) -> None:
    """Beside double precision, no result is further off than the module's docstring says."""
    function, exact, claimed = FUNCTIONS[name]
    x = _numbers()
    with np.errstate(all="ignore"):
        expected = exact(x.astype(np.float64))
    assert _ulps(function(x), expected).max() <= claimed


@pytest.mark.parametrize("name", FUNCTIONS)
def test_there_is_one_nan(name: str) -> None:
    """Whatever the sign and the bits of a NaN, and where a function has no value, the result is 0x7fc00000."""
    odd = np.array([0x7FC00000, 0xFFC00000, 0x7F800001, 0xFFABCDEF], np.uint32).view(np.float32)
    undefined = np.array([-1, -INF, -SMALLEST] if name in ("log", "sqrt") else [], np.float32)
    result = FUNCTIONS[name][0](np.concatenate([odd, undefined]))
    assert set(result.view(np.uint32).tolist()) == {0x7FC00000}


def _same(actual: Floats, expected: list[float]) -> None:
    """Equal to the bit, zeros' signs included."""
    assert actual.view(np.uint32).tolist() == np.array(expected, np.float32).view(np.uint32).tolist()


def test_ends_of_the_range() -> None:
    """Overflow is infinity, underflow is subnormal first and 0 then; zeros have the signs they have."""
    x = np.array([INF, 88.72284, 88.72283, -103.9721, -103.9, -INF], np.float32)
    assert float32.exp(x).tolist() == [INF, INF, pytest.approx(3.4028e38, rel=1e-4), 0, SMALLEST, 0]
    _same(float32.log(np.array([0.0, -0.0, 1.0, INF], np.float32)), [-INF, -INF, 0.0, INF])
    edges = np.array([0.0, -0.0, INF, -INF], np.float32)
    _same(float32.tanh(edges), [0.0, 0.0, 1.0, -1.0])
    _same(float32.erf(edges), [0.0, -0.0, 1.0, -1.0])
    _same(float32.sigmoid(edges), [0.5, 0.5, 1.0, 0.0])
    _same(float32.sqrt(edges[:3]), [0.0, -0.0, INF])
    _same(float32.ceil(np.array([-0.5, 0.5, -0.0], np.float32)), [-0.0, 1.0, -0.0])
    _same(float32.nearest(np.array([0.5, 1.5, -0.5, 2.0**23 + 1], np.float32)), [0.0, 2.0, -0.0, 2.0**23 + 1])


@pytest.mark.parametrize("name", ["exp", "log", "tanh", "sigmoid", "erf"])
def test_functions_do_not_fall_where_they_should_rise(name: str) -> None:
    """Along 20000 neighbours around where the formulas meet, no result is more than one step below its predecessor."""
    function = FUNCTIONS[name][0]
    for start in (0.05, 0.625, 0.875, 1.0, 3.99):
        x = (np.float32(start).view(np.int32) + np.arange(-10_000, 10_000)).astype(np.int32).view(np.float32)
        steps = function(x).view(np.int32).astype(np.int64)
        rising = np.diff(np.where(steps < 0, -(steps & 0x7FFFFFFF), steps))
        assert rising.min() >= -1


def test_pi_has_the_bits_that_it_has() -> None:
    """224 bits of 2 / pi after 32 zeros, and 63 of pi / 2: by Machin's formula in integers."""
    one = 1 << 300

    def arc(k: int) -> int:
        """The arc whose tangent is 1 / k."""
        total, term, n = 0, one // k, 1
        while term:
            total, term, n = total + (term // n if n % 4 == 1 else -(term // n)), term // (k * k), n + 2
        return total

    pi = 4 * (4 * arc(5) - arc(239))
    words = [int(word) for word in float32._TWO_OVER_PI]
    assert sum(word << 32 * (7 - i) for i, word in enumerate(words)) == (2 * one << 224) // pi
    high, low = (int(word) for word in float32._QUARTER_STEP)
    assert (high << 32) + low == pi * 2**61 // one


# Powers


def test_powers_are_as_close_as_claimed() -> None:
    """x ** y is within 1.1 ulp of the truth, also where y * log(x) is large and where x is next to 1."""
    rng = np.random.default_rng(3)
    x = np.exp(rng.uniform(-85, 85, 200_000)).astype(np.float32)
    wide = (rng.uniform(-150, 130, x.size) / np.log2(x.astype(np.float64))).astype(np.float32)
    near_one = (1 + rng.integers(-99, 99, x.size) * 2.0**-24).astype(np.float32)
    small = rng.choice(np.array([-3, -2, -0.5, 0.25, 1, 3, 7, 2.5], np.float32), x.size)
    cases = [(x, wide), (near_one, rng.normal(0, 1e6, x.size).astype(np.float32)), (x, small)]
    for base, exponent in cases:
        with np.errstate(all="ignore"):
            exact = np.power(base.astype(np.float64), exponent.astype(np.float64))
        assert _ulps(float32.power(base, exponent), exact).max() <= 1.1


def test_special_powers_are_those_of_ieee_754() -> None:
    """Zeros, infinities, NaN, negative bases, odd and even exponents in all combinations, signs of zeros included."""
    special = [0, -0.0, 1, -1, 2, -2, 0.5, -0.5, 3, -3, 2.5, INF, -INF, NAN, SMALLEST, -SMALLEST]
    special += [2.0**24 - 1, -(2.0**24) + 1, 2.0**24, 2.0**25 + 4, 1 - 2.0**-24, 1 + 2.0**-23, 3e38]
    x, y = (grid.ravel() for grid in np.meshgrid(*[np.array(special, np.float32)] * 2))
    with np.errstate(all="ignore"):
        exact = np.power(x.astype(np.float64), y.astype(np.float64))
    result = float32.power(x, y)
    assert _ulps(result, exact).max() <= 1.1
    defined = ~np.isnan(exact)
    assert (np.signbit(result) == np.signbit(exact))[defined].all()
    assert (result[~defined].view(np.uint32) == 0x7FC00000).all()


# Compilers

_FUSED = re.compile(r"^\s+(vfn?m[as]\w*|vfn?m(add|sub)\w*|fn?m(add|sub))\b", re.MULTILINE)
_SOURCE = """#include "tg_float.h"
void probe(const float *x, float *y);
void probe(const float *x, float *y) {
  y[0] += x[0] * x[1];
  y[1] = tg_exp_f32(x[0]) + tg_log_f32(x[1]) * tg_tanh_f32(x[2]);
  for (int i = 2; i < 64; i++) {
    y[i] = x[i] * x[i + 1] + tg_sigmoid_f32(x[i + 2]);
  }
}
"""
_M7 = ["-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard"]
COMPILERS = {
    "gcc": ["gcc", "-mfma"],
    "clang": ["clang", "-mfma", "-ffp-contract=on"],
    "arm gcc": ["arm-none-eabi-gcc", *_M7],
    "arm clang": ["clang", "--target=arm-none-eabi", "-ffreestanding", "-ffp-contract=on", *_M7],
}


def _assembly(name: str, folder: Path, header: str) -> str:
    """What a compiler makes of the probe as GNU C, in which it may fuse unless it is told not to."""
    program, *flags = COMPILERS[name]
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    if "-mfma" in flags and platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("-mfma is a flag of another processor's")
    (folder / "tg_float.h").write_text(header, encoding="utf-8")
    (folder / "probe.c").write_text(_SOURCE, encoding="utf-8")
    include = f"-I{resources.RUNTIME / 'include'}"  # for what the header includes; the one beside the probe comes first
    command = [program, *flags, include, "-std=gnu99", "-O3", "-S", "probe.c", "-o", "probe.s"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return (folder / "probe.s").read_text(encoding="utf-8")


def _header() -> str:
    return (resources.RUNTIME / "include" / "tg_float.h").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", COMPILERS)
def test_no_product_is_fused_with_a_sum(name: str, tmp_path: Path) -> None:
    """With an FPU that can, at -O3 and as GNU C, no compiler makes a fused multiply-add of what includes the header."""
    assert not _FUSED.findall(_assembly(name, tmp_path, _header()))


@pytest.mark.parametrize("name", COMPILERS)
def test_without_the_pragma_products_are_fused(name: str, tmp_path: Path) -> None:
    """The test above would see it: without the header's pragma the compilers do fuse."""
    bare = re.sub(r"#pragma (GCC optimize|STDC FP_CONTRACT).*", "", _header())
    assert bare != _header()
    assert _FUSED.findall(_assembly(name, tmp_path, bare))
