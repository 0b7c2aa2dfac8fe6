"""Epilogues: the same integers as the numerics itself, wherever their obligations hold."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tinyglow.bundle.kernel_source import kernel_source
from tinyglow.kernels.convolution.conv2d import CONV2D
from tinyglow.kernels.pooling.max_pool_2x2 import MAX_POOL_2X2
from tinyglow.numerics import glow
from tinyglow.numerics.epilogue import ChannelWords, Epilogue
from tinyglow.numerics.epilogues import EPILOGUES
from tinyglow.numerics.epilogues.glow import CHANNEL_WORDS, FOLDED_OFFSET, GLOW
from tinyglow.numerics.epilogues.onnx import ONNX
from tinyglow.numerics.epilogues.onnxi import ONNXI
from tinyglow.numerics.epilogues.tflite import TFLITE
from tinyglow.numerics.epilogues.tflm import TFLM
from tinyglow.numerics.tflite import high_product, multiplier_of
from tinyglow.registry import KERNELS

# And whether an upper word of a product can stand for it: only for less than a half.
SCALES = {0.1: True, 0.013: True, 0.0031: True, 2.0**-6: True, 1e-5: True, 0.49999: False, 0.7: False, 3.0: False}


def _sums(form: ChannelWords, constants: glow.Requant) -> np.ndarray:
    """Sums of all magnitudes for which the obligation holds, the largest of both signs among them."""
    largest = 0
    for step in (2**bit for bit in range(30, -1, -1)):
        for sign in (1, -1):
            if not form.holds(sign * (largest + step), constants):
                break
        else:
            largest += step
    beyond = largest + 1
    assert beyond == 2**31 or not form.holds(beyond, constants) or not form.holds(-beyond, constants)
    random = np.random.default_rng(5)
    return np.array([largest, -largest, 0, 1, -1, *random.integers(-largest, largest + 1, 500)], np.int32)


@pytest.mark.parametrize("form", CHANNEL_WORDS, ids=lambda one: one.c_function)
@pytest.mark.parametrize("scale", SCALES)
def test_an_epilogue_gives_what_glow_does(form: ChannelWords, scale: float) -> None:
    """For all sums that meet the obligation, up to the largest; where a scale has no word, none is made up."""
    constants = glow.requantize_params(scale, 37)
    words = form.words([constants])
    assert (words is not None) == (SCALES[scale] or form is FOLDED_OFFSET)
    if words is None:
        return
    sums = _sums(form, constants)
    found = form.apply(sums[:, None], words, constants.offset)[:, 0]
    assert np.array_equal(found, glow.requantize(sums, constants))


@pytest.mark.parametrize("form", CHANNEL_WORDS, ids=lambda one: one.c_function)
def test_the_obligation_is_not_idle(form: ChannelWords) -> None:
    """Beyond it, something differs from Glow, which wraps; and one sum of a layer that fails is enough to refuse it."""
    constants = glow.requantize_params(0.1, 37)
    assert not form.holds(2**31 - 1, constants)
    assert form.holds_for([(-1000, 1000)], [constants])
    assert not form.holds_for([(-1000, 2**31 - 1)], [constants])


@pytest.mark.parametrize("form", CHANNEL_WORDS, ids=lambda one: one.c_function)
def test_the_c_function_is_where_it_says(form: ChannelWords, checkout: Path) -> None:
    """The header defines it; parity tests of the kernels that call it hold it to numpy."""
    text = (checkout / "runtime_c/include" / form.c_header).read_text(encoding="utf-8")
    assert f"static inline int32_t {form.c_function}(" in text


def _high_mul(a: int, b: int) -> int:
    """``SaturatingRoundingDoublingHighMul`` of gemmlowp, whose division rounds towards zero."""
    product = a * b
    nudged = product + ((1 << 30) if product >= 0 else 1 - (1 << 30))
    return nudged // (1 << 31) if nudged >= 0 else -(-nudged // (1 << 31))


def test_ties_of_the_high_product_are_upwards() -> None:
    """Also of negative products, in numpy as by gemmlowp's formula."""
    factors = np.array([-5, -3, -1, 1, 3, 5])
    assert high_product(factors, 1 << 30).tolist() == [-2, -1, 0, 1, 2, 3]
    assert [_high_mul(int(x), 1 << 30) for x in factors] == [-2, -1, 0, 1, 2, 3]


def _divide_by_power_of_two(x: int, exponent: int) -> int:
    """``RoundingDivideByPOT`` of gemmlowp: ties away from zero."""
    half = (1 << exponent) >> 1
    return (x + half) >> exponent if x >= 0 else -((-x + half) >> exponent)


def _single(x: int, multiplier: int, exponent: int) -> int:
    """``MultiplyByQuantizedMultiplier`` of TensorFlow Lite with one rounding."""
    return (x * multiplier + (1 << (30 - exponent))) >> (31 - exponent)


def _double(x: int, multiplier: int, exponent: int) -> int:
    """The same with two roundings, as TensorFlow Lite Micro and CMSIS-NN have it."""
    return _divide_by_power_of_two(_high_mul(x << max(exponent, 0), multiplier), max(-exponent, 0))


@pytest.mark.parametrize(("epilogue", "formula"), [(TFLITE, _single), (TFLM, _double)], ids=["tflite", "tflm"])
@pytest.mark.parametrize("scale", [*SCALES, 0.25, 0.5, 1.0, 2.0**-31, 1e-12, 1000.0])
def test_tensorflow_lite_is_what_its_sources_say(epilogue: Epilogue, formula: Callable[..., int], scale: float) -> None:
    """Sums of all magnitudes, ties among them, by formulas in integers of any size; within a step of the product."""
    constants = epilogue.constants(scale, -7)
    multiplier, exponent = constants.multiplier, constants.pre - 1 - constants.post
    assert (multiplier, exponent) == dataclasses.astuple(multiplier_of(scale))
    random = np.random.default_rng(6)
    sums = [*range(-40, 41), *(int(x) for size in (100, 2**12, 2**20, 2**29) for x in random.integers(-size, size, 99))]
    sums = [x for x in sums if epilogue.holds(x, constants)]
    assert len(sums) > 80
    found = epilogue.requantize(np.array(sums, np.int32), constants).tolist()
    assert found == [formula(x, multiplier, exponent) - 7 for x in sums]
    assert all(abs(q + 7 - x * scale) <= 1 for q, x in zip(found, sums, strict=True) if abs(x * scale) < 2**20)


def test_the_two_roundings_differ() -> None:
    """A numerics is no other's: there are sums for which one and two roundings differ."""
    sums = np.arange(-5000, 5000, dtype=np.int32)
    one, two = (e.requantize(sums, e.constants(0.7 / 3)) for e in (TFLITE, TFLM))
    assert 0 < (one != two).mean() < 0.2


@pytest.mark.parametrize(
    "base", [e for e in EPILOGUES.values() if e.narrow and e is not ONNXI], ids=lambda one: one.name
)
@pytest.mark.parametrize("scale", [0.1, 0.013, 2.0**-9, 2.0**-11])
def test_narrow_parts_are_the_product(base: Epilogue, scale: float) -> None:
    """The formula of parts is the epilogue's, for the largest sums that its obligation allows, and others."""
    narrow, constants = base.narrow, base.constants(scale, -128)
    assert narrow is not None
    words = narrow.folded.words([constants])
    assert words is not None
    multiplier, shift = words[0].tolist()
    half = 0 if base is TFLITE else 1 << 10
    near = [s * (2**k + d) for k in range(9, 21) for d in (-1, 0, 1) for s in (1, -1)]
    sums = [x for x in (*range(-300, 300), *near) if narrow.folded.holds(x, constants)]
    assert max(sums) >= 2**19
    assert not narrow.folded.holds(1 << 20, constants)
    start = (2 * -128 + 1) * (1 << (shift + narrow.narrow_bits)) + half
    found = []
    for x in sums:
        parts = x * (multiplier >> 20), x * (multiplier >> 10 & 1023), x * (multiplier & 1023)
        total = parts[0] + ((parts[1] + (parts[2] >> 10)) >> 10) + start
        assert all(-(2**31) <= number < 2**31 for number in (*parts, total))
        found.append(total >> (shift + narrow.narrow_bits + 1))
    assert found == base.requantize(np.array(sums, np.int32), constants).tolist()


@pytest.mark.parametrize("base", [e for e in EPILOGUES.values() if e.narrow], ids=lambda one: one.name)
def test_what_narrow_parts_may_get_fits(base: Epilogue) -> None:
    """Of constants of all sizes: where the obligation holds, the word is shifted by less than 32, and nothing wraps."""
    narrow, held = base.narrow, 0
    assert narrow is not None
    for post in range(1, 32):
        for multiplier, offset in itertools.product((1, 2**20, 2**30, 2**31 - 1), (-128, 0, 127)):
            constants = glow.Requant(base.constants(2.0**-9).pre, post, multiplier, offset)
            for x in (1, 1000, 2**19, 2**20 - 1, 2**20):
                if narrow.folded.holds(x, constants):
                    held += 1
                    shift = post + narrow.narrow_bits
                    center = (2 * abs(offset) + 1) << (shift - 1)
                    assert x < 2**20 and shift < 32 and x * (multiplier >> 20) + center < 2**31
                    assert base.holds(x, constants)
    assert held


@pytest.mark.parametrize("scale", [0.0517, 0.013, 2.0**-9, 2.0**-11, 0.000301])
def test_integers_are_floats_but_at_ties(scale: float) -> None:
    """Rounded upwards, the exact product is the float formula's, unless it is as near to half way as C looks at."""
    constants, floats = ONNXI.constants(scale, 5), ONNX.constants(scale, 5)
    near = [s * (2**k + d) for k in range(9, 24) for d in (-1, 0, 1) for s in (1, -1)]
    half_ways = [round((k - 0.5) / scale) + d for k in range(-255, 256) for d in (-1, 0, 1)]
    sums = [x for x in (*near, *half_ways) if ONNXI.holds(x, constants)]
    theirs = ONNX.requantize(np.array(sums, np.int32), floats)
    assert np.array_equal(ONNXI.requantize(np.array(sums, np.int32), constants), theirs)
    for x, result in zip(sums, theirs.tolist(), strict=True):
        eighths = ((x * constants.multiplier + (1 << 26)) >> 27) + 5 * 256 + 128
        if abs(x * scale) < 2**19 and eighths & 0xFF:
            assert eighths >> 8 == result


@pytest.mark.parametrize("scale", [0.25, 2.0**-14 * 1.3, 1e-50, 0.0, float("nan")])
def test_scales_that_are_no_integers(scale: float) -> None:
    """They are refused, what float32 rounds to 0 too, and layers have the float formula."""
    with pytest.raises(ValueError, match="scale"):
        ONNXI.constants(scale)


@pytest.mark.parametrize("epilogue", [TFLITE, TFLM], ids=["tflite", "tflm"])
def test_scales_without_constants(epilogue: Epilogue) -> None:
    """What is too small is 0, what is too large refused."""
    tiny = epilogue.constants(2.0**-40, 3)
    assert set(epilogue.requantize(np.array([2**30, 0, -(2**30)], np.int32), tiny).tolist()) == {3}
    for scale in (-1.0, 2.0**31, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="multiplier"):
            epilogue.constants(scale)


@pytest.mark.parametrize("epilogue", EPILOGUES.values(), ids=list(EPILOGUES))
def test_an_epilogue_has_its_c_text(epilogue: Epilogue, checkout: Path) -> None:
    """Every header defines the same names, so that any loop takes it."""
    text = (checkout / "runtime_c/include" / epilogue.c_header).read_text(encoding="utf-8")
    assert f"#define TG_EPILOGUE_{epilogue.name.upper()}_NARROW {int(epilogue.narrow_bits > 0)}" in text
    assert f"static inline int32_t tg_epilogue_{epilogue.name}(int32_t x, const tg_requant *r)" in text
    for name in ("FUSED", "WORDS", "DSP", "HIGH", "HIGH_CENTER", "CENTER", "FOLDED"):
        assert f"#define TG_EPILOGUE_{epilogue.name.upper()}_{name}" in text


def test_loops_with_epilogues_call_no_other_rounding() -> None:
    """The C file of such a kernel includes one epilogue, Glow's, in whose place another is put."""
    for kernel in (kernel for kernel in KERNELS.values() if kernel.epilogues):
        text = kernel_source(kernel)
        assert text.count(f'#include "{GLOW.c_header}"') == 1, kernel.symbol
        assert "tg_requantize(" not in text, kernel.symbol


def test_a_kernel_with_another_epilogue() -> None:
    """It has a name, a file and parameters of its own; a loop without epilogues refuses."""
    made = CONV2D.with_epilogue(TFLITE)
    assert (made.symbol, made.c_file) == ("tg_conv2d_tflite_s8", "convolution/tg_conv2d_tflite_s8.c")
    assert CONV2D.with_epilogue(GLOW) is CONV2D
    text = kernel_source(made)
    assert "tg_epilogue_tflite.h" in text
    assert "void tg_conv2d_tflite_s8(const tg_conv2d_tflite_s8_params *p" in text
    assert "tg_conv2d_s8" not in re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    with pytest.raises(ValueError, match="takes no epilogue but glow"):
        MAX_POOL_2X2.with_epilogue(TFLITE)
