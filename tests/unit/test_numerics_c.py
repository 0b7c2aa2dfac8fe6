"""Functions of single numbers in numpy and in the headers of C: the same bits, of many numbers."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tinyglow import resources
from tinyglow.bundle.kernel_header import kernel_headers
from tinyglow.numerics import float32, float64, glow, scalar, tflite, tflite_int16, wide
from tinyglow.numerics.gemmlowp import INT16, INT32
from tinyglow.numerics.glow import Requant
from tinyglow.numerics.nan import one_nan
from tinyglow.numerics.tflite import Multiplier
from tinyglow.registry import KERNELS
from tinyglow.sim.toolchain import find_compiler
from tinyglow.targets.boards import HOST

Array = npt.NDArray[Any]
pytestmark = pytest.mark.slow  # compiles C

_INCLUDES = """
#include "tg_angle.h"
#include "tg_double.h"
#include "tg_float.h"
#include "tg_gemmlowp16.h"
#include "tg_high_word.h"
#include "tg_numerics.h"
#include "tg_scalar.h"
#include "tg_sigmoid_table.h"
#include "tg_tflite.h"
#include "tg_wide.h"
#include "elementwise/tg_map_erf_f32.c"
#include "elementwise/tg_pow_f32.c"
#include "elementwise/tg_quantize_fused_f32_s8.c"
int words_6m(int a, int b);
int words_6m_rounded(int a, int b);
static int32_t fused(float x, float inverse, int32_t offset) {
  tg_quantize_fused_f32_s8_params p = {0};
  int8_t y;
  p.count = 1, p.inverse = inverse, p.offset = offset;
  tg_quantize_fused_f32_s8(&p, &x, &y);
  return y;
}
"""
# Each is a loop over arrays of a first and a second operand, and of results.
_LOOP = """
void all_{name}(const {source} *x, const {source} *z, {result} *y, int n);
void all_{name}(const {source} *x, const {source} *z, {result} *y, int n) {{
  for (int i = 0; i < n; i++) {{
    const {source} a = x[i], b = z[i];
    int32_t bits;
    (void)b, (void)bits;
    y[i] = {c};
  }}
}}
"""
# As ARMv6-M computes them, with products of halfwords.
_ARMV6M = """
#define __ARM_ARCH_6M__ 1
#include "tg_high_word.h"
int words_6m(int a, int b) { return tg_high_word(a, b); }
int words_6m_rounded(int a, int b) { return tg_high_word_rounded(a, b); }
"""
_KERNELS = ("tg_pow_f32", "tg_map_erf_f32", "tg_quantize_fused_f32_s8")
_FLOATS = ("exp", "log", "tanh", "sigmoid", "sqrt", "sin", "cos", "floor", "nearest")
_DOUBLES = ("asin", "acos", "atan", "sinh", "cosh", "tan", "asinh", "acosh", "atanh", "expm1", "softplus")
_FLOAT_PAIRS: dict[str, tuple[str, Callable[..., Array]]] = {
    "power": ("tg_pow_f32_power(a, b)", float32.power),
    "divide": ("tg_one_nan_f32(tg_divide_f32(a, b))", lambda x, y: one_nan(x / y)),
    "fmod": ("tg_fmod_f32(a, b)", scalar.fmod_f32),
    "mod": ("tg_mod_f32(a, b)", scalar.mod_f32),
}
FLOATS: dict[str, tuple[str, Callable[..., Array]]] = {
    **{name: (f"tg_{name}_f32(a)", getattr(float32, name)) for name in _FLOATS},
    **{name: (f"tg_{name}_f32(a)", getattr(float64, name)) for name in _DOUBLES},
    "erf": ("tg_map_erf_f32_error_function(a)", float32.erf),
    "half": ("tg_half_f32(a)", scalar.half),
    "brain": ("tg_brain_f32(a)", scalar.brain),
    **_FLOAT_PAIRS,
}
# Before they are rounded to float32: of numbers from 0 on, and those for which the series are meant.
_NEAR = "(b > -2 && b < 2 ? (double)b * b : 0)"
DOUBLES: dict[str, tuple[str, Callable[[Array, Array], Array]]] = {
    "exp_64": ("b > -200 && b < 200 ? tg_exp_f64(b) : 0", lambda x, z: np.where(np.abs(z) < 200, float64._exp(z), 0)),
    "log_64": ("a > 1e-30 && a < 1e30 ? tg_log_f64(a) : 0", lambda x, z: float64._log(x) * ((x > 1e-30) & (x < 1e30))),
    "root_64": ("a >= 0 && a < 1e30 ? tg_sqrt_f64((double)a * a + 0.3) : 0", lambda x, z: np.where(
        (x >= 0) & (x < 1e30), float64._sqrt(x * x + 0.3), 0)),
    "atan_64": ("a >= 0 ? tg_atan_f64(a) : 0", lambda x, z: np.where(x >= 0, float64._atan(x), 0)),
    "sin_64": (f"tg_angle_series_f64(16, -1.0, {_NEAR})", lambda x, z: float64._series(float64._SIN, z)),
    "cos_64": (f"tg_angle_series_f64(15, -1.0, {_NEAR})", lambda x, z: float64._series(float64._COS, z)),
    "sinh_64": (f"tg_angle_series_f64(8, 1.0, {_NEAR})", lambda x, z: float64._series(float64._SINH, z)),
}  # fmt: skip
_TABLE = tflite_int16.sigmoid_table()
_REQUANTS = [Requant(0, 0, 3, -7), Requant(2, 9, 181, 5), Requant(7, 24, 30_000, -128), Requant(31, 31, -1, 127)]
_MULTIPLIERS = [
    Multiplier(2**30, 0),
    Multiplier(1_518_500_250, -7),
    Multiplier(2**31 - 1, 8),
    Multiplier(2**30 + 1, -31),
]
# (name, C of operands a and b, numpy of arrays): of all int16, or of int32 of all sizes in pairs.
OF_INT16: list[tuple[str, str, Callable[..., Array]]] = [
    *(
        (f"exp_{n}", f"a > 0 ? 0 : tg_exp16(a, {n})", lambda a, b, n=n: np.where(a > 0, 0, INT16.exp_of_negative(a, n)))
        for n in range(0, 8)
    ),
    *((f"logistic_{n}", f"tg_logistic16(a, {n})", lambda a, b, n=n: INT16.logistic(a, n)) for n in (0, 3, 4, 6)),
    *((f"tanh_{n}", f"tg_tanh16(a, {n})", lambda a, b, n=n: INT16.tanh(a, n)) for n in (0, 3, 4, 6)),
    ("newton", "a < 0 ? 0 : tg_newton16(a)", lambda a, b: np.where(a < 0, 0, INT16.newton(a))),
    ("product16", "tg_product16(a, b)", INT16.high_product),
]
OF_INT32: list[tuple[str, str, Callable[..., Array]]] = [
    ("high", "tg_high_product(a, b)", tflite.high_product),
    *((f"by_power_{n}", f"tg_divide_by_power(a, {n})", lambda a, b, n=n: tflite.divide_by_power(a, n))
      for n in (0, 1, 5, 31)),
    *((f"up_{n}", f"tg_shifted_up(a, {n})", lambda a, b, n=n: INT32.left(a, n)) for n in (0, 1, 2, 31)),
    ("over", "a < 0 ? 0 : tg_one_over_one_plus(a)", lambda a, b: np.where(a < 0, 0, INT32.one_over_one_plus(a))),
    *((f"twice_{i}", f"tg_scaled_twice(a, {m.multiplier}, {m.shift})", lambda a, b, m=m: tflite.scaled_twice(a, m))
      for i, m in enumerate(_MULTIPLIERS)),
    *((f"once_{i}", f"tg_scaled_once(a, {m.multiplier}, {m.shift})",
       lambda a, b, m=m: np.clip(tflite.scaled_once(a, m), -(2**30), 2**30)) for i, m in enumerate(_MULTIPLIERS)),
    *((f"requantize_{i}", f"tg_requantize(a, &(tg_requant){{{r.multiplier}, {r.offset}, {r.pre}, {r.post}}})",
       lambda a, b, r=r: glow.requantize(a.astype(np.int32), r)) for i, r in enumerate(_REQUANTS)),
    *((f"scaled_{n}", f"tg_scaled(a, b, {n})", lambda a, b, n=n: wide.scaled(a, b, n)) for n in (0, 1, 30, 62)),
    ("offset_8", "tg_offset_s8(a, b >> 24, -128, 127)",
     lambda a, b: np.clip(np.clip(a, -(2**20), 2**20) + (b >> 24), -128, 127)),
    ("offset_16", "tg_offset_s16(a, b >> 24, -32768, 32767)",
     lambda a, b: np.clip(np.clip(a, -(2**20), 2**20) + (b >> 24), -32768, 32767)),
    ("clamp_8", "tg_clamp_s8(a, -100, b >> 25)", lambda a, b: np.maximum(np.minimum(a, b >> 25), -100)),
    ("clamp_16", "tg_clamp_s16(a, -100, b & 0x7fff)", lambda a, b: np.clip(a, -100, b & 0x7FFF)),
    ("high_word", "tg_high_word(a, b & 0x7fffffff)", lambda a, b: (a * (b & 0x7FFFFFFF)) >> 32),
    ("high_word_rounded", "tg_high_word_rounded(a, b & 0x7fffffff)",
     lambda a, b: (a * (b & 0x7FFFFFFF) + 2**31) >> 32),
    ("words_6m", "words_6m(a, b & 0x7fffffff)", lambda a, b: (a * (b & 0x7FFFFFFF)) >> 32),
    ("words_6m_rounded", "words_6m_rounded(a, b & 0x7fffffff)", lambda a, b: (a * (b & 0x7FFFFFFF) + 2**31) >> 32),
    ("sigmoid_16", "tg_sigmoid_s16(a, table)", lambda a, b: tflite_int16.sigmoid(a, _TABLE)),
    ("tanh_16", "tg_tanh_s16(a, table)", lambda a, b: tflite_int16.tanh(a, _TABLE)),
]  # fmt: skip


# Reciprocals of scales, with offsets.
FUSED = [
    (1 + 2.0**-22, 100),
    (1 + 6 * 2.0**-23, -100),
    (1.0, 3),
    (25.5 / 7 + 2.0**-20, -128),
    (2.0**-120, 0),
    (2.0**120, 5),
]
FUSED = [(float(np.float32(inverse)), offset) for inverse, offset in FUSED]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """All of them as loops over arrays, for this machine."""
    folder: Path = tmp_path_factory.mktemp("numerics")
    for name, text in kernel_headers([KERNELS[name] for name in _KERNELS]).items():
        (folder / name).write_text(text, encoding="utf-8")
    lines = [_INCLUDES, f"static const uint16_t table[256] = {{{', '.join(map(str, _TABLE))}}};"]
    lines += [_LOOP.format(name=name, c=c, source="float", result="float") for name, (c, _) in FLOATS.items()]
    fused = [(f"fused_{i}", f"fused(a, {inverse.hex()}f, {offset})") for i, (inverse, offset) in enumerate(FUSED)]
    lines += [_LOOP.format(name=name, c=c, source="float", result="int32_t") for name, c in fused]
    lines += [_LOOP.format(name=name, c=c, source="float", result="double") for name, (c, _) in DOUBLES.items()]
    lines += [_LOOP.format(name=name, c=c, source="int32_t", result="int32_t") for name, c, _ in (*OF_INT16, *OF_INT32)]
    lines.append(_LOOP.format(name="whole", c="tg_integer_of_f32(a)", source="float", result="int64_t"))
    lines.append(
        _LOOP.format(name="log2", c="tg_pow_f32_log2_fixed(a, &bits) * 64 + bits", source="float", result="int64_t")
    )
    lines.append(_LOOP.format(name="turns", c="tg_turns_f32(a, y + i) + 4 * y[i]", source="float", result="int64_t"))
    (folder / "all.c").write_text("\n".join(lines), encoding="utf-8")
    include = [folder, resources.RUNTIME / "include", resources.RUNTIME / "src"]
    compiler = find_compiler(None, HOST)
    (folder / "armv6m.c").write_text(_ARMV6M, encoding="utf-8")
    sources = [folder / "all.c", folder / "armv6m.c"]
    made = compiler.compile_shared(sources, folder / "all.so", include_dirs=include, flags=("-O1", "-w"))
    return ctypes.CDLL(str(made))


def _in_c(library: ctypes.CDLL, name: str, x: Array, z: Array, dtype: type) -> Array:
    y = np.empty(x.shape, dtype)
    pointers = [ctypes.c_void_p(np.ascontiguousarray(array).ctypes.data) for array in (x, z, y)]
    getattr(library, f"all_{name}")(*pointers, x.size)
    return y


@cache
def _floats() -> tuple[Array, Array]:
    """Floats of all bits, of usual sizes, and the neighbours of where formulas change; beside others."""
    rng = np.random.default_rng(21)
    every = rng.integers(0, 2**32, 12_000, np.uint32).view(np.float32)
    usual = (rng.standard_normal(12_000) * 3).astype(np.float32)
    unit, tiny = rng.uniform(-1.1, 1.1, 6_000).astype(np.float32), (rng.uniform(-1, 1, 2_000) * 1e-4).astype(np.float32)
    large = (rng.standard_normal(4_000) * 60).astype(np.float32)
    edges = (0, 2.0**-149, 2.0**-126, 2.0**-24, 2.0**-14, 1e-5, 1e-4, 0.25, 1 / 3, 0.5, 0.625, 0.6875, 2**-0.5, 0.75)
    edges += (0.7853982, 0.875, 1.0, 2**0.5, 1.5, 2.0, 4.0, 88.72284, 89.0, 100.0, 103.97208, 104.0, 120.0, 200.0)
    edges += (2.0**11, 65504.0, 65520.0, 2.0**22, 2.0**23, 2.0**24, 2.0**31, 1e9, 2.0**63, 3.4028235e38)
    steps = np.arange(-3, 4, dtype=np.int64)
    near = np.abs(np.concatenate([int(np.float32(edge).view(np.int32)) + steps for edge in edges]))
    edge = np.concatenate([near, [0x7F800001, 0x7FC00000, 0x7F800000]]).astype(np.uint32).view(np.float32)
    x = np.concatenate([every, usual, unit, tiny, large, edge, -edge])
    some = np.concatenate([edge[::5], -edge[::5], edge[-3:], np.arange(-5, 6, dtype=np.float32) / 2])
    left, right = np.repeat(some, some.size), np.tile(some, some.size)
    powers = np.array([1, -1, 0.5, 2, 3, -0.25], np.float32)
    left, right = np.concatenate([left, np.repeat(edge, 6)]), np.concatenate([right, np.tile(powers, edge.size)])
    # Of these the remainder is the largest subnormal number.
    below = np.array([0x00FFFFFF, 0x80FFFFFF], np.uint32).view(np.float32)
    left, right = np.concatenate([left, below]), np.concatenate([right, np.full(2, 2.0**-126, np.float32)])
    return np.concatenate([x, left]), np.concatenate([rng.permutation(x), right])


@pytest.mark.parametrize("name", FLOATS)
def test_functions_of_floats(library: ctypes.CDLL, name: str) -> None:
    """Each step is rounded as it is in C, of numbers of all magnitudes."""
    x, z = _floats()
    _, function = FLOATS[name]
    with np.errstate(all="ignore"):
        due = (function(x, z) if name in _FLOAT_PAIRS else function(x)).astype(np.float32)
    found = _in_c(library, name, x, z, np.float32)
    wrong = found.view(np.uint32) != due.view(np.uint32)
    assert not wrong.any(), (x[wrong][:5], z[wrong][:5], found[wrong][:5], due[wrong][:5])


@pytest.mark.parametrize("number", range(len(FUSED)))
def test_fused_quantization(library: ctypes.CDLL, number: int) -> None:
    """Of sums that are half way between two integers but for bits that no float has."""
    inverse, offset = FUSED[number]
    halves = (np.arange(-40, 40) / 2)[:, np.newaxis] * (1 + np.arange(-100, 100) * 2.0**-23)
    steps = np.concatenate([halves.ravel(), halves.ravel() / inverse]).astype(np.float32)
    x = np.concatenate([steps, _floats()[0]])
    assert np.array_equal(_in_c(library, f"fused_{number}", x, x, np.int32), glow.quantize_fused(x, inverse, offset))


@pytest.mark.parametrize("name", DOUBLES)
def test_functions_of_doubles(library: ctypes.CDLL, name: str) -> None:
    """What the functions of floats above are made of, to the last bit of double precision."""
    with np.errstate(all="ignore"):
        x, z = (numbers.astype(np.float64) for numbers in _floats())
    if DOUBLES[name][0].endswith(f"{_NEAR})"):
        z = np.where(np.abs(z) < 2, z * z, 0.0)
    with np.errstate(all="ignore"):
        due = DOUBLES[name][1](x, z)
        wrong = (_in_c(library, name, *_floats(), np.float64) != due) & ~np.isnan(due)
    assert not wrong.any(), (x[wrong][:5], z[wrong][:5])


def test_turns_of_angles(library: ctypes.CDLL) -> None:
    """Quarters and what is left, in steps of 2 ** -62 of one, of angles up to the largest."""
    x, z = _floats()
    x = np.abs(np.where(np.isfinite(x), x, np.float32(1)))
    n, rest, small = float32.turns(x)
    found = _in_c(library, "turns", x, z, np.int64)
    assert np.array_equal(found[~small], (n + 4 * rest)[~small])


def test_logarithms_that_are_multiplied(library: ctypes.CDLL) -> None:
    """To the last of 38 bits: near 1 and as far from it as the polynomial goes, where every coefficient counts."""
    low, high = np.float32([0.7071068, 1.4142135]).view(np.int32)
    ends = np.concatenate([low + 50 * np.arange(20_000), high - np.arange(150_000)])
    x, _ = _floats()
    x = np.concatenate([ends.astype(np.int32).view(np.float32), np.abs(x[(x != 0) & np.isfinite(x)])])
    with np.errstate(all="ignore"):
        logarithm, bits = float32._log2(x)
    assert np.array_equal(_in_c(library, "log2", x, x, np.int64), logarithm * 64 + bits)


def test_floats_as_integers(library: ctypes.CDLL) -> None:
    """Towards 0; what no integer of 64 bits is, the nearest; 0 of NaN."""
    x, z = _floats()
    with np.errstate(all="ignore"):
        assert np.array_equal(_in_c(library, "whole", x, z, np.int64), scalar.cast(x, "int64"))


@pytest.mark.parametrize(("name", "function"), [(name, function) for name, _, function in OF_INT16])
def test_functions_of_int16(library: ctypes.CDLL, name: str, function: Callable[..., Array]) -> None:
    """Of all 65536 numbers."""
    x = np.arange(-(2**15), 2**15)
    z = np.concatenate([[-(2**15)] * 5, np.random.default_rng(2).permutation(x)[5:]])
    found = _in_c(library, name, x.astype(np.int32), z.astype(np.int32), np.int32)
    np.testing.assert_array_equal(found, function(x, z))


@cache
def _integers() -> tuple[Array, Array]:
    rng = np.random.default_rng(4)
    edges = np.unique(np.concatenate([[s * 2**k + d for k in range(32) for s in (1, -1)] for d in (-1, 0, 1)]))
    edges = edges[(edges >= -(2**31)) & (edges < 2**31)]
    sizes = rng.integers(-(2**31), 2**31, 20_000) >> rng.integers(0, 31, 20_000)
    x = np.concatenate([np.repeat(edges, edges.size), sizes, np.arange(-1500, 1500)])
    z = np.concatenate([np.tile(edges, edges.size), rng.permutation(sizes), rng.integers(-(2**31), 2**31, 3000)])
    return x, z


@pytest.mark.parametrize(("name", "function"), [(name, function) for name, _, function in OF_INT32])
def test_functions_of_int32(library: ctypes.CDLL, name: str, function: Callable[..., Array]) -> None:
    """Of pairs of powers of two and their neighbours, and of numbers of all sizes."""
    x, z = _integers()
    if name.startswith("scaled_"):  # products stay within 62 bits
        x = x >> 1
    found = _in_c(library, name, x.astype(np.int32), z.astype(np.int32), np.int32)
    wrong = found != function(x, z)
    assert not wrong.any(), (x[wrong][:5], z[wrong][:5], found[wrong][:5], function(x, z)[wrong][:5])
