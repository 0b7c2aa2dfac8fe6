"""Strategies for single numbers and for the content of buffers, with the extremes more often than chance has them."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st

from tinyglow.ir.graph import Array
from tinyglow.numerics import glow

# Random arrays are drawn by a seed: hypothesis would take seconds for what numpy does in microseconds.
_SEEDS = st.integers(0, 2**32 - 1)


def offsets() -> st.SearchStrategy[int]:
    """An int8 quantization offset: any, the limits and 0 often."""
    return st.one_of(st.sampled_from((0, -128, 127)), st.integers(-128, 127))


def scales(lowest: int = -40, highest: int = 20) -> st.SearchStrategy[float]:
    """Positive float32 values from 2**lowest to below 2**(highest + 1).

    All magnitudes are equally likely; powers of two and their neighbours are frequent.
    """
    neighbours = (1.0, 1.0 + 2.0**-23, 2.0 - 2.0**-23)
    significands = st.one_of(st.sampled_from(neighbours), st.floats(1.0, 2.0, exclude_max=True, width=32))
    return st.builds(math.ldexp, significands, st.integers(lowest, highest))


def requant_params(magnitude: float | None = None) -> st.SearchStrategy[glow.Requant]:
    """Constants that ``glow.requantize_params`` makes of scales of all magnitudes, and any int8 offset.

    magnitude: if given, most scales map values up to it to the int8 range, or to a few hundred times or a few hundredths
    of that, so that results are neither all saturated nor all the offset.
    """
    anything = scales()
    if magnitude is None:
        return st.builds(glow.requantize_params, anything, offsets())
    middle = math.floor(math.log2(128 / max(magnitude, 1)))
    fitting = scales(middle - 3, middle + 8)
    return st.builds(glow.requantize_params, st.one_of(fitting, fitting, fitting, anything), offsets())


def any_requant() -> st.SearchStrategy[glow.Requant]:
    """Constants of the whole range of their types, whether or not any scale leads to them."""
    words = st.one_of(
        st.sampled_from((0, 1, -1, glow.INT32_MIN, glow.INT32_MAX)), st.integers(glow.INT32_MIN, glow.INT32_MAX)
    )
    return st.builds(glow.Requant, st.integers(0, 31), st.integers(0, 31), words, words)


@st.composite
def int8_arrays(draw: st.DrawFn, size: int, center: int = 0) -> Array:
    """A flat int8 array: all one value, -128 and 127 only, values near ``center``, or anything."""
    style = draw(st.sampled_from(("constant", "extremes", "near", "uniform", "uniform")))
    if style == "constant":
        return np.full(size, draw(offsets()), np.int8)
    generator = np.random.default_rng(draw(_SEEDS))
    if style == "extremes":
        return generator.choice(np.array([glow.INT8_MIN, glow.INT8_MAX], np.int8), size)
    if style == "near":
        return np.clip(center + generator.integers(-3, 4, size), glow.INT8_MIN, glow.INT8_MAX).astype(np.int8)
    return generator.integers(glow.INT8_MIN, glow.INT8_MAX + 1, size).astype(np.int8)


@st.composite
def int32_arrays(draw: st.DrawFn, limits: Array) -> Array:
    """A flat int32 array with ``abs(result) <= limits`` [size] (not negative): zeros, small, anything, or at the limits."""
    style = draw(st.sampled_from(("zero", "small", "small", "uniform", "limit")))
    limits = np.minimum(limits, glow.INT32_MAX).astype(np.int64)
    if style == "zero":
        return np.zeros(limits.size, np.int32)
    generator = np.random.default_rng(draw(_SEEDS))
    if style == "small":
        limits = np.minimum(limits, 1 << 14)
    if style == "limit":
        return (limits * generator.choice((-1, 1), limits.size)).astype(np.int32)
    return generator.integers(-limits, limits + 1).astype(np.int32)


_SPECIAL_FLOATS = np.array(
    [0.0, -0.0, math.inf, -math.inf, math.nan, 1e-45, -1e-45, 1.1754942e-38, 3.4028235e38, -3.4028235e38], np.float32
)


@st.composite
def float32_arrays(draw: st.DrawFn, size: int, scale: float, offset: int) -> Array:
    """A flat float32 array to be quantized: halves between two steps, special values, any bit patterns, or ordinary."""
    style = draw(st.sampled_from(("ties", "special", "bits", "ordinary")))
    generator = np.random.default_rng(draw(_SEEDS))
    if style == "special":
        return generator.choice(_SPECIAL_FLOATS, size)
    if style == "bits":
        return generator.integers(0, 2**32, size, np.uint32).view(np.float32)
    steps = generator.uniform(-150.0, 150.0, size)
    if style == "ties":
        steps = np.floor(steps) + 0.5
    with np.errstate(over="ignore", under="ignore"):
        return ((steps - offset) * scale).astype(np.float32)
