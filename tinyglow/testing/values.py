"""Strategies for single numbers and for the content of buffers, with the extremes more often than chance has them."""

from __future__ import annotations

import math
from functools import cache, lru_cache
from typing import TypeVar

import numpy as np
from hypothesis import strategies as st

from tinyglow.ir.graph import Array
from tinyglow.kernels.window import Window
from tinyglow.numerics import glow, wide

T = TypeVar("T")

# Random arrays are drawn by a seed: hypothesis would take seconds for what numpy does in microseconds.
_SEEDS = st.integers(0, 2**32 - 1)


@lru_cache(1024)  # hypothesis checks each new strategy, which takes longer than to draw from it
def weighted(*choices: tuple[int, st.SearchStrategy[T]]) -> st.SearchStrategy[T]:
    """One of several strategies, each as often as its weight says."""
    indices = [index for index, (weight, _) in enumerate(choices) for _ in range(weight)]
    return st.sampled_from(indices).flatmap(lambda index: choices[index][1])


@cache
def offsets() -> st.SearchStrategy[int]:
    """An int8 quantization offset: any, the limits and 0 often."""
    return weighted((1, st.integers(-128, 127)), (1, st.sampled_from((0, -128, 127))))


@cache
def counts() -> st.SearchStrategy[int]:
    """Number of elements of an elementwise kernel: some few, or more than int8 has values; seldom none."""
    return weighted((3, st.integers(1, 40)), (4, st.integers(256, 300)), (1, st.just(0)))


@cache
def scales(lowest: int = -40, highest: int = 20) -> st.SearchStrategy[float]:
    """Positive float32 values from 2**lowest to below 2**(highest + 1).

    All magnitudes are equally likely; powers of two and their neighbours are frequent.
    """
    neighbours = (1.0, 1.0 + 2.0**-23, 2.0 - 2.0**-23)
    anything = st.floats(1.0, 2.0, exclude_max=True, width=32)
    significands = weighted((2, anything), (1, st.sampled_from(neighbours)))
    exponents = st.integers(lowest, highest)
    # Subnormal numbers have fewer bits; the smallest, 2**-149, has one.
    return st.builds(lambda significand, power: glow.float32(math.ldexp(significand, power)), significands, exponents)


@lru_cache(1024)
def requant_params(magnitude: float | None = None, offset: int | None = None) -> st.SearchStrategy[glow.Requant]:
    """Constants that ``glow.requantize_params`` makes of scales of all magnitudes.

    Args:
        magnitude: If given, most scales map values of that size to between 8 and 256, so that results are neither all
            saturated nor all the offset.
        offset: Any int8 value unless given.

    Returns:
        The strategy.
    """
    anything, drawn = scales(), offsets() if offset is None else st.just(offset)
    if magnitude is None:
        return st.builds(glow.requantize_params, anything, drawn)
    middle = math.floor(math.log2(64 / max(magnitude, 1)))
    return st.builds(glow.requantize_params, weighted((6, scales(middle - 2, middle + 1)), (1, anything)), drawn)


@lru_cache(1024)
def fitting_scales(magnitude: float) -> st.SearchStrategy[float]:
    """Scales most of which map values of ``magnitude`` to between 8 and 256; the others are of all magnitudes.

    None maps such values to more than 2**24.
    """
    bits = math.log2(max(magnitude, 1))
    middle, highest = math.floor(6 - bits), math.floor(min(20, 24 - bits))
    return weighted((6, scales(middle - 2, middle + 1)), (1, scales(-40, highest)))


@cache
def any_requant() -> st.SearchStrategy[glow.Requant]:
    """Constants of the whole range of their types, whether or not any scale leads to them."""
    words = st.one_of(
        st.sampled_from((0, 1, -1, glow.INT32_MIN, glow.INT32_MAX)), st.integers(glow.INT32_MIN, glow.INT32_MAX)
    )
    return st.builds(glow.Requant, st.integers(0, 31), st.integers(0, 31), words, words)


@st.composite
def int8_arrays(draw: st.DrawFn, size: int, center: int = 0) -> Array:
    """A flat int8 array: all one value, -128 and 127 only, values near ``center``, or anything."""
    style = draw(st.sampled_from((*["uniform"] * 5, "extremes", "extremes", "near", "constant")))
    if style == "constant":
        return np.full(size, draw(offsets()), np.int8)
    generator = np.random.default_rng(draw(_SEEDS))
    if style == "extremes":
        return generator.choice(np.array([glow.INT8_MIN, glow.INT8_MAX], np.int8), size)
    if style == "near":
        return np.clip(center + generator.integers(-9, 10, size), glow.INT8_MIN, glow.INT8_MAX).astype(np.int8)
    return generator.integers(glow.INT8_MIN, glow.INT8_MAX + 1, size).astype(np.int8)


@st.composite
def int16_arrays(draw: st.DrawFn, size: int) -> Array:
    """A flat int16 array: all one value, -32768 and 32767 only, values near 0, or anything."""
    style = draw(st.sampled_from((*["uniform"] * 5, "extremes", "extremes", "near", "constant")))
    low, high = wide.INT16_MIN, wide.INT16_MAX
    if style == "constant":
        return np.full(size, draw(st.one_of(st.sampled_from((low, -1, 0, high)), st.integers(low, high))), np.int16)
    generator = np.random.default_rng(draw(_SEEDS))
    if style == "extremes":
        return generator.choice(np.array([low, high], np.int16), size)
    if style == "near":
        return generator.integers(-9, 10, size).astype(np.int16)
    return generator.integers(low, high + 1, size).astype(np.int16)


@st.composite
def int32_arrays(draw: st.DrawFn, limits: Array, centers: Array, spread: Array) -> Array:
    """A flat int32 array with ``abs(result) <= limits`` [size].

    Mostly near ``centers``, about as far from them as ``spread`` says; also zeros, anything, or the limits themselves.
    """
    style = draw(st.sampled_from((*["near"] * 6, "zero", "uniform", "limit")))
    limits = np.minimum(limits, glow.INT32_MAX).astype(np.int64)
    if style == "zero":
        return np.zeros(limits.size, np.int32)
    generator = np.random.default_rng(draw(_SEEDS))
    if style == "near":
        near = np.rint(generator.normal(centers, spread)).astype(np.int64)
        return np.clip(near, -limits, limits).astype(np.int32)
    if style == "limit":
        return (limits * generator.choice((-1, 1), limits.size)).astype(np.int32)
    return generator.integers(-limits, limits + 1).astype(np.int32)


_SPECIAL_FLOATS = np.array(
    [0.0, -0.0, math.inf, -math.inf, math.nan, 1e-45, -1e-45, 1.1754942e-38, 3.4028235e38, -3.4028235e38], np.float32
)


@st.composite
def float32_arrays(draw: st.DrawFn, size: int, scale: float, offset: int) -> Array:
    """A flat float32 array to be quantized: halves between two steps, special values, any bit patterns, or ordinary."""
    style = draw(st.sampled_from(("ordinary", "ordinary", "ties", "special", "bits")))
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


@st.composite
def windows(draw: st.DrawFn, max_kernel: int, max_dilation: int = 1, min_kernel: int = 1) -> tuple[Window, int, int]:
    """A window, and a height and width that it fits with its padding, in which taps and whole windows may lie."""
    axes = []
    for _ in range(2):
        kernel = draw(st.integers(min_kernel, max_kernel))
        stride = draw(st.sampled_from((1, 1, 2, 2, 3, kernel + 1)))
        dilation = draw(st.integers(1, max_dilation))
        extent = (kernel - 1) * dilation + 1
        pads = weighted((2, st.integers(0, extent + 1)), (1, st.just(0)))
        before, after = draw(pads), draw(pads)
        least = max(1, extent - before - after)
        axes.append((draw(st.integers(least, least + 8)), kernel, stride, dilation, before, after))
    (height, kh, sh, dh, top, bottom), (width, kw, sw, dw, left, right) = axes
    return Window((kh, kw), (sh, sw), (top, left, bottom, right), (dh, dw)), height, width
