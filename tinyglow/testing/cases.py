"""A generator of cases for each kernel, registered under its symbol. A kernel without one fails the parity suite."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import Kernel
from tinyglow.ir.types import QuantParams
from tinyglow.numerics import glow
from tinyglow.ops.accumulator import check_accumulator
from tinyglow.ops.conv2d import CONV2D, Conv2DParams
from tinyglow.ops.copy import COPY, CopyParams
from tinyglow.ops.fully_connected import FULLY_CONNECTED, FullyConnectedParams
from tinyglow.ops.max_pool import MAX_POOL, MaxPoolParams
from tinyglow.ops.quantize import DEQUANTIZE, QUANTIZE, QuantizeParams
from tinyglow.ops.rescale import RESCALE, RescaleParams
from tinyglow.ops.transpose import MAX_RANK, TRANSPOSE, TransposeParams
from tinyglow.ops.window import Window
from tinyglow.testing.budget import BUSY_MACHINE
from tinyglow.testing.case import Case
from tinyglow.testing.values import (
    any_requant,
    float32_arrays,
    int8_arrays,
    int32_arrays,
    offsets,
    requant_params,
    scales,
)

_GENERATORS: dict[str, Callable[[], st.SearchStrategy[Case]]] = {}
GENERATORS: Mapping[str, Callable[[], st.SearchStrategy[Case]]] = _GENERATORS

Generator = Callable[[], st.SearchStrategy[Case]]


def generates(kernel: Kernel) -> Callable[[Generator], Generator]:
    """Register the decorated function as the one that makes cases for ``kernel``."""

    def register(generator: Generator) -> Generator:
        if kernel.symbol in _GENERATORS:
            raise ValueError(f"{kernel.symbol} has a case generator already")
        _GENERATORS[kernel.symbol] = generator
        return generator

    return register


def cases(kernel: Kernel | str) -> st.SearchStrategy[Case]:
    """Calls of a kernel (or of the kernel with that symbol) with data, over all that lowering can produce."""
    return _GENERATORS[kernel if isinstance(kernel, str) else kernel.symbol]()


def fixed_cases(kernel: Kernel | str, count: int) -> list[Case]:
    """``count`` cases, the same in every run: for what cannot draw while it runs, as another process."""
    found: list[Case] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=BUSY_MACHINE,
    )
    @given(cases(kernel))
    def collect(case: Case) -> None:
        found.append(case)

    collect()
    return found


@st.composite
def windows(draw: st.DrawFn, max_kernel: int, max_dilation: int = 1) -> tuple[Window, int, int]:
    """A window with a height and a width that it fits, padding included; taps and whole windows may lie in the padding."""
    axes = []
    for _ in range(2):
        kernel, stride = draw(st.integers(1, max_kernel)), draw(st.integers(1, 4))
        dilation = draw(st.integers(1, max_dilation))
        extent = (kernel - 1) * dilation + 1
        pads = st.one_of(st.just(0), st.integers(0, extent + 1))
        before, after = draw(pads), draw(pads)
        least = max(1, extent - before - after)
        axes.append((draw(st.integers(least, least + 6)), kernel, stride, dilation, before, after))
    (height, kh, sh, dh, top, bottom), (width, kw, sw, dw, left, right) = axes
    return Window((kh, kw), (sh, sw), (top, left, bottom, right), (dh, dw)), height, width


@st.composite
def _activation_ranges(draw: st.DrawFn, out_offset: int) -> tuple[int, int]:
    """Clamp limits of a fused activation: none, a ReLU, or any."""
    low = draw(st.one_of(st.sampled_from((-128, -128, out_offset)), st.integers(-128, 127)))
    high = draw(st.one_of(st.just(127), st.integers(low, 127)))
    return low, high


@st.composite
def _layers(
    draw: st.DrawFn, weights: Array, weights_offset: int, in_offset: int
) -> tuple[Array, glow.Requant, tuple[int, int]]:
    """Bias, output constants and clamp limits for weights [units, terms]: no accumulator leaves int32."""
    magnitude = np.abs(weights.astype(np.int64) - weights_offset).sum(axis=1)
    span = max(glow.INT8_MAX - in_offset, in_offset - glow.INT8_MIN)
    bias = draw(int32_arrays(glow.INT32_MAX - magnitude * span))
    check_accumulator(weights, QuantParams(1.0, weights_offset), QuantParams(1.0, in_offset), bias)
    # Random signs let a sum of n terms grow as the root of n.
    typical = float(magnitude.max(initial=0)) * span / math.sqrt(max(1, weights.shape[1]))
    largest = float(np.abs(bias.astype(np.int64)).max(initial=0))
    out = draw(requant_params(max(typical, largest)))
    return bias, out, draw(_activation_ranges(out.offset))


@generates(CONV2D)
@st.composite
def _conv2d(draw: st.DrawFn) -> Case:
    window, in_h, in_w = draw(windows(max_kernel=5, max_dilation=3))
    group = draw(st.integers(1, 4))
    in_group, out_group = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    in_c, out_c = group * in_group, group * out_group
    images, in_offset, filter_offset = draw(st.integers(1, 3)), draw(offsets()), draw(offsets())
    out_h, out_w = window.output_size(in_h, in_w)
    terms = window.kernel[0] * window.kernel[1] * in_group
    filters = draw(int8_arrays(out_c * terms, filter_offset))
    bias, out, (act_min, act_max) = draw(_layers(filters.reshape(out_c, terms), filter_offset, in_offset))
    params = Conv2DParams(
        *(in_h, in_w, in_c, out_h, out_w, out_c),
        *window.kernel,
        *window.strides,
        *window.pads[:2],
        *window.dilation,
        group=group,
        images=images,
        in_offset=in_offset,
        filter_offset=filter_offset,
        act_min=act_min,
        act_max=act_max,
        out=out,
    )
    data = draw(int8_arrays(images * in_h * in_w * in_c, in_offset))
    inputs = {"input": data, "filter": filters, "bias": bias}
    return Case(CONV2D, params, inputs, {"output": images * out_h * out_w * out_c})


@generates(FULLY_CONNECTED)
@st.composite
def _fully_connected(draw: st.DrawFn) -> Case:
    rows, units = draw(st.integers(1, 4)), draw(st.integers(1, 12))
    # 258 products of 255 * 255 are the most whose sum the reference may form in float32.
    depth = draw(st.one_of(st.integers(1, 40), st.integers(255, 262)))
    weights_offset = draw(offsets())
    weights = draw(int8_arrays(units * depth, weights_offset))
    # The input's offset is part of the bias here: products are with the input itself.
    bias, out, (act_min, act_max) = draw(_layers(weights.reshape(units, depth), weights_offset, 0))
    params = FullyConnectedParams(rows, depth, units, weights_offset, act_min, act_max, out)
    inputs = {"input": draw(int8_arrays(rows * depth)), "weights": weights, "bias": bias}
    return Case(FULLY_CONNECTED, params, inputs, {"output": rows * units})


@generates(MAX_POOL)
@st.composite
def _max_pool(draw: st.DrawFn) -> Case:
    window, in_h, in_w = draw(windows(max_kernel=5))
    channels, images = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    out_h, out_w = window.output_size(in_h, in_w)
    geometry = (*window.kernel, *window.strides, *window.pads[:2])
    params = MaxPoolParams(in_h, in_w, channels, out_h, out_w, *geometry, images=images)
    data = draw(int8_arrays(images * in_h * in_w * channels))
    return Case(MAX_POOL, params, {"input": data}, {"output": images * out_h * out_w * channels})


@generates(TRANSPOSE)
@st.composite
def _transpose(draw: st.DrawFn) -> Case:
    shape = draw(st.lists(st.integers(1, 7), min_size=1, max_size=MAX_RANK))
    perm = draw(st.permutations(range(len(shape))))
    axes = [(shape[axis], math.prod(shape[axis + 1 :])) for axis in perm]
    axes = [(1, 0)] * (MAX_RANK - len(axes)) + axes
    params = TransposeParams(*(dim for dim, _ in axes), *(stride for _, stride in axes))
    size = math.prod(shape)
    return Case(TRANSPOSE, params, {"input": draw(int8_arrays(size))}, {"output": size})


_COUNTS = st.integers(0, 300)


@generates(RESCALE)
@st.composite
def _rescale(draw: st.DrawFn) -> Case:
    count, in_offset = draw(_COUNTS), draw(offsets())
    in_min = draw(st.one_of(st.sampled_from((-128, in_offset)), st.integers(-128, 127)))
    out = draw(st.one_of(requant_params(255), requant_params(255), any_requant()))
    data = draw(int8_arrays(count, in_offset))
    return Case(RESCALE, RescaleParams(count, in_offset, in_min, out), {"input": data}, {"output": count})


# From what no model uses to what makes infinities of ordinary values.
_FLOAT_SCALES = st.one_of(scales(-20, 4), scales(-20, 4), scales(-149, 127)).map(glow.float32).filter(bool)


@generates(QUANTIZE)
@st.composite
def _quantize(draw: st.DrawFn) -> Case:
    params = QuantizeParams(draw(_COUNTS), draw(_FLOAT_SCALES), draw(offsets()))
    data = draw(float32_arrays(params.count, params.scale, params.offset))
    return Case(QUANTIZE, params, {"input": data}, {"output": params.count})


@generates(DEQUANTIZE)
@st.composite
def _dequantize(draw: st.DrawFn) -> Case:
    params = QuantizeParams(draw(_COUNTS), draw(_FLOAT_SCALES), draw(offsets()))
    data = draw(int8_arrays(params.count, params.offset))
    return Case(DEQUANTIZE, params, {"input": data}, {"output": params.count})


@generates(COPY)
@st.composite
def _copy(draw: st.DrawFn) -> Case:
    count = draw(_COUNTS)
    return Case(COPY, CopyParams(count), {"input": draw(int8_arrays(count))}, {"output": count})
