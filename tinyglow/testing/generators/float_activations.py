"""Pooling, activations and interpolation in single precision: of numbers of all magnitudes, infinity and NaN."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import Kernel
from tinyglow.kernels.elementwise.clip import CLIP_FLOAT, HIGHEST, LOWEST, ClipFloatParams
from tinyglow.kernels.elementwise.leaky_relu import LEAKY_RELU_FLOAT, LeakyReluFloatParams
from tinyglow.kernels.elementwise.map import MapParams
from tinyglow.kernels.elementwise.prelu import PRELU_FLOAT, PReluFloatParams
from tinyglow.kernels.pooling.avg_pool import AVG_POOL_FLOAT, AvgPoolFloatParams
from tinyglow.kernels.pooling.geometry import geometry
from tinyglow.kernels.pooling.max_pool import MAX_POOL_FLOAT, MaxPoolFloatParams
from tinyglow.kernels.resize.resize_bilinear import RESIZE_BILINEAR_F32, ResizeBilinearFloatParams, pack_taps
from tinyglow.kernels.softmax.softmax import SOFTMAX_FLOAT, SoftMaxFloatParams
from tinyglow.numerics import glow
from tinyglow.operators.angles import COS, SIN
from tinyglow.operators.elu import ELU_FLOAT
from tinyglow.operators.hard_swish import HARD_SWISH_FLOAT
from tinyglow.operators.log import LOG_FLOAT
from tinyglow.operators.rsqrt import RSQRT
from tinyglow.operators.sigmoid import SIGMOID_FLOAT
from tinyglow.operators.tanh import TANH_FLOAT
from tinyglow.testing.case import Case
from tinyglow.testing.registry import generates
from tinyglow.testing.values import counts, float32_arrays, scales, weighted, windows


@st.composite
def _floats(draw: st.DrawFn, size: int, lowest: int = -12, highest: int = 4) -> Array:
    """Mostly ordinary numbers up to 150 * 2**highest; few of them special, all of them special, or any bits."""
    data = draw(float32_arrays(size, draw(scales(lowest, highest)), 0))
    if size and draw(st.integers(0, 3)) == 0:
        special = draw(float32_arrays(size, 1.0, 0))
        data = np.where(np.arange(size) % 7 == draw(st.integers(0, 6)), special, data)
    return data


@st.composite
def _pools(draw: st.DrawFn, max_dilation: int) -> tuple[dict[str, Any], tuple[int, int], Array, int]:
    """The fields of PoolGeometry, a dilation, the input and the number of results."""
    window, height, width = draw(windows(max_kernel=5, max_dilation=max_dilation))
    images, channels = draw(st.integers(1, 3)), draw(st.integers(1, 6))
    result = (images, *window.output_size(height, width), channels)
    fields = geometry(window, (images, height, width, channels), result)
    data = draw(_floats(images * height * width * channels))
    return fields, window.dilation, data, int(np.prod(result))


@generates(MAX_POOL_FLOAT)
@st.composite
def _max_pool(draw: st.DrawFn) -> Case:
    fields, dilation, data, results = draw(_pools(max_dilation=3))
    params = MaxPoolFloatParams(**fields, dilation_h=dilation[0], dilation_w=dilation[1])
    return Case(MAX_POOL_FLOAT, params, {"input": data}, {"output": results})


@generates(AVG_POOL_FLOAT)
@st.composite
def _avg_pool(draw: st.DrawFn) -> Case:
    fields, _, data, results = draw(_pools(max_dilation=1))
    params = AvgPoolFloatParams(**fields, count_pads=draw(st.integers(0, 1)))
    return Case(AVG_POOL_FLOAT, params, {"input": data}, {"output": results})


def _numbers() -> st.SearchStrategy[float]:
    """Of either sign, zeros of both among them."""
    positive = weighted((6, scales(-4, 6)), (1, scales(-149, 127)), (1, st.just(0.0)))
    return st.builds(lambda size, sign: size * sign, positive, st.sampled_from((1.0, -1.0)))


@generates(CLIP_FLOAT)
@st.composite
def _clip(draw: st.DrawFn) -> Case:
    count = draw(counts())
    bounds = draw(st.tuples(weighted((4, _numbers()), (1, st.just(LOWEST))), _numbers()))
    if draw(st.integers(0, 4)):  # min(max(x, low), high) is defined for others too
        bounds = (min(bounds), draw(st.sampled_from((max(bounds), max(bounds), HIGHEST))))
    data = draw(_floats(count))
    return Case(CLIP_FLOAT, ClipFloatParams(count, *bounds), {"input": data}, {"output": count})


@generates(LEAKY_RELU_FLOAT)
@st.composite
def _leaky_relu(draw: st.DrawFn) -> Case:
    count = draw(counts())
    alpha = draw(weighted((4, _numbers()), (1, st.just(0.0))))  # 0 times infinity is no number
    params = LeakyReluFloatParams(count, glow.float32(alpha))
    return Case(LEAKY_RELU_FLOAT, params, {"input": draw(_floats(count))}, {"output": count})


@generates(PRELU_FLOAT)
@st.composite
def _prelu(draw: st.DrawFn) -> Case:
    count = draw(counts())
    inputs = {"input": draw(_floats(count)), "product": draw(_floats(count))}
    return Case(PRELU_FLOAT, PReluFloatParams(count), inputs, {"output": count})


@st.composite
def _taps(draw: st.DrawFn, size: int) -> tuple[Array, Array]:
    """A table of pairs of neighbours among ``size`` pixels, or of a pixel with itself, and the second ones' weights."""
    first = np.array(draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=6)), np.int64)
    second = np.minimum(first + draw(st.sampled_from((0, 1, 1))), size - 1)
    weight = st.one_of(st.sampled_from((0.0, 0.5, 1 - 2.0**-24)), st.floats(0, 1, width=32, exclude_max=True))
    weights = np.array([draw(weight) for _ in first], np.float32)
    return pack_taps(first, second, np.zeros_like(first)), weights


@generates(RESIZE_BILINEAR_F32)
@st.composite
def _resize_bilinear(draw: st.DrawFn) -> Case:
    images, height, width, channels = (draw(st.integers(1, most)) for most in (2, 5, 5, 5))
    (rows, row_weights), (columns, column_weights) = draw(_taps(height)), draw(_taps(width))
    params = ResizeBilinearFloatParams(height, width, channels, len(rows), len(columns), images)
    inputs = {
        "input": draw(_floats(images * height * width * channels)),
        **{"rows": rows, "row_weights": row_weights, "columns": columns, "column_weights": column_weights},
    }
    return Case(RESIZE_BILINEAR_F32, params, inputs, {"output": images * len(rows) * len(columns) * channels})


@generates(SOFTMAX_FLOAT)
@st.composite
def _softmax(draw: st.DrawFn) -> Case:
    rows, columns = draw(st.integers(1, 4)), draw(weighted((6, st.integers(1, 20)), (1, st.integers(250, 300))))
    # Differences up to 150 * 2**-1: most powers are normal numbers, some subnormal, some 0.
    data = draw(_floats(rows * columns, highest=-1))
    return Case(SOFTMAX_FLOAT, SoftMaxFloatParams(rows, columns), {"input": data}, {"output": rows * columns})


def _maps(kernel: Kernel) -> st.SearchStrategy[Case]:
    @st.composite
    def build(draw: st.DrawFn) -> Case:
        count = draw(counts())
        return Case(kernel, MapParams(count), {"input": draw(_floats(count))}, {"output": count})

    return build()


for _kernel in (SIGMOID_FLOAT, TANH_FLOAT, LOG_FLOAT, HARD_SWISH_FLOAT, ELU_FLOAT, SIN, COS, RSQRT):
    generates(_kernel)(partial(_maps, _kernel))
